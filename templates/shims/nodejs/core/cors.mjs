// What the policy of CORS adds to answers. A function without one has no such part.

function isPreflight(exchange) {
  return Boolean(exchange.method === "OPTIONS" && exchange.header("origin") && exchange.header("access-control-request-method"));
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
  const { cors } = config.http;
  const open = cors.any && !cors.credentials;
  const headers = open ? [] : [["vary", "Origin"]];
  const origin = exchange.header("origin");
  if (!allows(cors, origin)) return headers;
  headers.push(["access-control-allow-origin", open ? "*" : origin]);
  if (cors.credentials) headers.push(["access-control-allow-credentials", "true"]);
  return headers;
}
