// HTTP in payload format 2.0: function URLs and HTTP APIs.
const lambdaV2 = {
  carries: (event) => Boolean(event?.requestContext?.http) && !event.routeArn, // which an authorizer is asked with

  // streams is whether the ingress takes an answer as it comes. Function URLs do, HTTP APIs never.
  streams: (event) => String(event.requestContext.domainName).includes(".lambda-url."),

  request(event) {
    const { http } = event.requestContext;
    let headers = Object.entries(event.headers ?? {});
    if (event.cookies?.length > 0) {
      headers = headers.filter(([name]) => name.toLowerCase() !== "cookie");
      headers.push(["cookie", event.cookies.join("; ")]);
    }
    const query = event.rawQueryString ?? "";
    return { method: http.method, path: stagedPath(event.rawPath ?? "/", event.requestContext.stage), query, headers, client: http.sourceIp };
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
