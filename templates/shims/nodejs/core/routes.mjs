// Which requests reach the handler, and what the policy of CORS adds to its answers.

// pathOf is the path of a target, still encoded, without the query.
function pathOf(target) {
  return target.split("?", 1)[0];
}

// escaped is a target in which all is escaped that a path or a query cannot hold as it is, and all else is as it was sent. A
// path that an ingress has decoded is the same again by that.
function escaped(target, end = target.indexOf("?")) {
  const at = end < 0 ? target.length : end;
  const path = target.slice(0, at).replace(/%(?![0-9a-f]{2})|[^!$-;=@-\[\]_a-z~]+/gi, percent);
  return (path.startsWith("/") ? path : "/" + path) + target.slice(at).replace(/[^!-~]+/g, percent);
}

// percent encodes text as UTF-8.
function percent(text) {
  return Buffer.from(text).toString("hex").toUpperCase().replace(/../g, "%$&");
}

const route = new RegExp(config.http?.path ?? "^");

// answerOf returns the answer that the manifest gives in the handler's place, or undefined.
function answerOf(exchange, path = pathOf(exchange.target)) {
  const { http } = config;
  const { method } = exchange;
  if (http === null) return { status: 404, headers: [], text: "not found: this function has no http event\n" };
  if (path === config.health && (method === "GET" || method === "HEAD")) return undefined;
  if (!route.test(path)) return { status: 404, headers: [], text: "not found\n" };
  if (isPreflight(exchange)) return { status: 204, headers: preflight(exchange), text: "" };
  if (http.methods.length === 0 || http.methods.includes(method)) return undefined;
  return { status: 405, headers: [["allow", http.methods.join(", ")]], text: "method not allowed\n" };
}

function isPreflight(exchange) {
  return Boolean(config.http.cors && exchange.method === "OPTIONS" && exchange.header("origin") && exchange.header("access-control-request-method"));
}

function preflight(exchange) {
  const { cors } = config.http;
  if (!allows(cors, exchange.header("origin"))) return [];
  const headers = [["access-control-allow-methods", cors.methods || exchange.header("access-control-request-method")]];
  const asked = cors.headers || exchange.header("access-control-request-headers");
  if (asked) headers.push(["access-control-allow-headers", asked]);
  if (cors.maxAge > 0) headers.push(["access-control-max-age", String(cors.maxAge)]);
  return headers;
}

function allows(cors, origin) {
  return Boolean(origin) && (cors.any || cors.origins.includes(origin));
}

// corsHeaders are added to every answer, unless the handler sets them itself.
function corsHeaders(exchange) {
  const cors = config.http?.cors;
  if (!cors) return [];
  const open = cors.any && !cors.credentials;
  const headers = open ? [] : [["vary", "Origin"]];
  const origin = exchange.header("origin");
  if (!allows(cors, origin)) return headers;
  headers.push(["access-control-allow-origin", open ? "*" : origin]);
  if (cors.credentials) headers.push(["access-control-allow-credentials", "true"]);
  return headers;
}
