// HTTP in payload format 1.0: REST APIs, HTTP APIs that are told so, and load balancers, with headers of one value or
// of several.
const lambdaV1 = {
  // Neither what an authorizer is asked with nor what opens a WebSocket is a request that could be answered here.
  carries: (event) => typeof event?.httpMethod === "string" && event.requestContext && !event.methodArn && !event.requestContext.connectionId,

  // A REST API may be set up to stream, and says nothing of it: what is whole arrives there either way.
  streams: () => false,

  request(event) {
    const { requestContext } = event;
    const headers = valuesOf(event.multiValueHeaders, event.headers);
    const forwarded = headers.findLast(([name]) => name.toLowerCase() === "x-forwarded-for")?.[1];
    return {
      method: event.httpMethod,
      path: event.version === "1.0" ? encodedAgain(stagedPath(event.path, requestContext.stage)) : event.path,
      query: queryOf(event),
      headers,
      client: requestContext.identity?.sourceIp ?? forwarded?.split(",").pop().trim(),
    };
  },

  // head is the status and the headers of a result, in the one form that the ingress reads.
  head(event, status, pairs) {
    const balancer = Boolean(event.requestContext.elb);
    const head = { statusCode: status };
    if (balancer) head.statusDescription = `${status} ${reasonOf(status)}`.trim();
    if (balancer && !event.multiValueHeaders) return { ...head, headers: singleValues(pairs) };
    head.multiValueHeaders = {};
    for (const [name, value] of pairs) (head.multiValueHeaders[name] ??= []).push(value);
    return head;
  },
};

// reasonOf is what a status is called. Only a load balancer asks, and no other ingress pays for the load of node:http.
function reasonOf(status) {
  return required("node:http").STATUS_CODES[status] ?? "";
}

// valuesOf is a map of several values as pairs, or where there is none that of one value.
function valuesOf(several, single) {
  if (!several) return Object.entries(single ?? {});
  return Object.entries(several).flatMap(([name, values]) => (values ?? []).map((value) => [name, value]));
}

// queryOf is the query of a request. A REST API has decoded it, a load balancer has not.
function queryOf({ multiValueQueryStringParameters: several, queryStringParameters: single, requestContext }) {
  const kept = requestContext.elb ? (text) => text : (text) => encodeURIComponent(text).replace(/%(24|2C|2F|3A|3B|3F|40)/g, decodeURIComponent);
  return valuesOf(several, single).map(([name, value]) => `${kept(name)}=${kept(value)}`).join("&");
}

// singleValues holds every header once. Of cookies, which cannot be joined, each gets a name in other letters: SET-COOKIE,
// sET-COOKIE and so on.
function singleValues(pairs) {
  const headers = {};
  let cookies = 0;
  for (const [name, value] of pairs) {
    const key = name === "set-cookie" ? lettered(name, cookies++) : name;
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
  }
  return headers;
}

// lettered is a name with its letters in the nth combination of cases.
function lettered(name, n) {
  let bit = 0;
  return name.replace(/[a-z]/g, (letter) => ((n >> bit++) & 1 ? letter.toUpperCase() : letter));
}
