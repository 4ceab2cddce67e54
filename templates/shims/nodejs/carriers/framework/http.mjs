// HTTP as Google's functions-framework hands it over: a request and a response of Express. What it has read of a body it
// keeps, decompressed.

// requestOfFramework is the request of a call. Google's ingress says how it was reached.
function requestOfFramework(req, res) {
  req.url = req.originalUrl;
  const request = requestFrom(req, res);
  request.scheme = req.headers["x-forwarded-proto"] === "https" ? "https" : "http";
  const { rawBody: whole } = req;
  if (!whole) return request; // of no type, or none
  request.body = { length: whole.length, whole, bytes: () => whole };
  if (req.headers["content-encoding"] === undefined) return request;
  request.headers = request.headers.filter(([name]) => !/^content-(encoding|length)$/i.test(name));
  request.headers.push(["content-length", String(whole.length)]);
  return request;
}

// onWire is a listener of (req, res) as a function of exchanges. It gets those of the loopback, for the framework has read
// what came on the connection.
function onWire(listener) {
  return overLoopback(listener);
}
