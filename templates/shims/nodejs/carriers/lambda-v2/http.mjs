// HTTP in payload format 2.0: function URLs and HTTP APIs, which decode the path.
function isOfURL(event) {
  return String(event.requestContext.domainName).includes(".lambda-url.");
}

const lambdaV2 = {
  carries: (event) => Boolean(event?.requestContext?.http) && !event.routeArn, // which an authorizer is asked with

  // streams is whether the ingress takes an answer as it comes. Function URLs do, HTTP APIs never.
  streams: isOfURL,

  request(event) {
    const { http } = event.requestContext;
    let headers = Object.entries(event.headers ?? {});
    if (event.cookies?.length > 0) {
      headers = headers.filter(([name]) => name.toLowerCase() !== "cookie");
      headers.push(["cookie", event.cookies.join("; ")]);
    }
    const query = event.rawQueryString ?? "";
    const path = stagedPath(event.rawPath ?? "/", event.requestContext.stage);
    return { method: http.method, path: isOfURL(event) ? path : encodedAgain(path), query, headers, client: http.sourceIp };
  },

  // head is the status and the headers of a result. Cookies go apart, for the rest is joined.
  head(_, status, pairs) {
    const head = { statusCode: status, headers: {}, cookies: [] };
    for (const [key, value] of pairs) {
      if (key === "set-cookie") head.cookies.push(value);
      else head.headers[key] = key in head.headers ? `${head.headers[key]}, ${value}` : value;
    }
    return head;
  },
};
