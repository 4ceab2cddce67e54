// A service as it is written for an HTTP API of API Gateway, with events of payload 2.0.
const answer = (statusCode, body, headers = {}) => ({ statusCode, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });

const routes = {
  "GET /items": ({ rawPath, rawQueryString, queryStringParameters, cookies, headers }) =>
    answer(200, { rawPath, rawQueryString, n: queryStringParameters?.n, cookies, agent: headers["x-agent"], named: Object.hasOwn(headers, "x-absent") }),
  "POST /items": ({ body, isBase64Encoded }) => ({ made: JSON.parse(isBase64Encoded ? Buffer.from(body, "base64") : body) }),
  "POST /echo": ({ body, isBase64Encoded }) => ({ statusCode: 201, headers: { "content-type": "application/octet-stream" }, body, isBase64Encoded }),
  "GET /cookies": () => ({ statusCode: 200, headers: { "content-type": "text/plain" }, cookies: ["a=1; Path=/", "b=2"], body: "ok" }),
  "GET /away": () => ({ statusCode: 302, headers: { location: "/items" } }),
  "DELETE /items": () => ({ statusCode: 204 }),
};

exports.handler = async (event, context) => {
  const { method } = event.requestContext.http;
  const route = routes[`${method} ${event.rawPath}`];
  return route ? route(event, context) : answer(404, { message: "Not Found", route: decodeURIComponent(event.rawPath) });
};
