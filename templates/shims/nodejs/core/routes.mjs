// Which requests reach the handler, and what the policy of CORS adds to its answers.

// rawPath is the path as it arrived, still encoded, without the query.
function rawPath(req) {
  const target = req.url.startsWith("/") ? req.url : req.url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  const path = target.split("?", 1)[0];
  return path.startsWith("/") ? path : "/" + path;
}

// answerOf returns the answer that the manifest gives in the handler's place, or undefined.
function answerOf(req, path) {
  const http = config.http;
  const { method } = req;
  if (http === null) return { status: 404, headers: [], text: "not found: this function has no http event\n" };
  if (path === config.health && (method === "GET" || method === "HEAD")) return undefined;
  if (!new RegExp(http.path).test(path)) return { status: 404, headers: [], text: "not found\n" };
  if (isPreflight(req)) return { status: 204, headers: preflight(req), text: "" };
  if (http.methods.length === 0 || http.methods.includes(method)) return undefined;
  return { status: 405, headers: [["allow", http.methods.join(", ")]], text: "method not allowed\n" };
}

function isPreflight(req) {
  return Boolean(config.http.cors && req.method === "OPTIONS" && req.headers.origin && req.headers["access-control-request-method"]);
}

function preflight(req) {
  const { cors } = config.http;
  if (!allows(cors, req.headers.origin)) return [];
  const headers = [["access-control-allow-methods", cors.methods || req.headers["access-control-request-method"]]];
  const asked = cors.headers || req.headers["access-control-request-headers"];
  if (asked) headers.push(["access-control-allow-headers", asked]);
  if (cors.maxAge > 0) headers.push(["access-control-max-age", String(cors.maxAge)]);
  return headers;
}

function allows(cors, origin) {
  return Boolean(origin) && (cors.any || cors.origins.includes(origin));
}

// corsHeaders are added to every answer, unless the handler sets them itself.
function corsHeaders(req) {
  const cors = config.http?.cors;
  if (!cors) return [];
  const open = cors.any && !cors.credentials;
  const headers = open ? [] : [["vary", "Origin"]];
  if (!allows(cors, req.headers.origin)) return headers;
  headers.push(["access-control-allow-origin", open ? "*" : req.headers.origin]);
  if (cors.credentials) headers.push(["access-control-allow-credentials", "true"]);
  return headers;
}
