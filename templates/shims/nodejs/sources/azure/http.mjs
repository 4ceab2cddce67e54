// Requests and responses of Azure's library, and the routes of an app.
import { readFileSync } from "node:fs";

// routePrefix is what all routes begin with, as host.json says.
function routePrefix() {
  try {
    return JSON.parse(readFileSync(new URL("host.json", import.meta.url))).extensions?.http?.routePrefix ?? "api";
  } catch (err) {
    if (err.code === "ENOENT") return "api";
    throw err;
  }
}

const constraints = { int: "-?[0-9]+", long: "-?[0-9]+", alpha: "[A-Za-z]+", bool: "true|false", guid: "[0-9A-Fa-f-]{36}" };

// compiledRoute is the pattern of a route and its place among others: what is said exactly goes before what is not.
function compiledRoute(given) {
  const names = [];
  const precedence = [];
  const parameter = (name, pattern) => (names.push(name), `(${pattern})`);
  const parts = `${routePrefix()}/${given}`.split("/").filter(Boolean).map((segment) => {
    const [whole, rest, name, , constraint, optional] = /^\{(\*{0,2})(\w+)(:([^?}]+))?(\?)?\}$/.exec(segment) ?? [];
    if (!whole) {
      precedence.push(segment.includes("{") ? 1 : 0);
      const texts = segment.split(/\{(\w+)[^}]*\}/);
      return "/" + texts.map((text, n) => (n % 2 === 1 ? parameter(text, "[^/]+") : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))).join("");
    }
    precedence.push(rest ? 4 : constraint ? 2 : 3);
    if (rest) return `(?:/${parameter(name, ".*")})?`;
    const one = `/${parameter(name, constraints[constraint] ?? "[^/]+")}`;
    return optional ? `(?:${one})?` : one;
  });
  return { pattern: new RegExp(`^${parts.join("") || "/"}/?$`, "i"), names, precedence };
}

function byPrecedence(a, b) {
  for (let n = 0; n < Math.max(a.precedence.length, b.precedence.length); n++) {
    const difference = (a.precedence[n] ?? -1) - (b.precedence[n] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

// serveAzure answers with the function of the app whose route and methods fit.
async function serveAzure(routes, exchange) {
  const refusal = answerOf(exchange);
  if (refusal) return answerWith(exchange, refusal);
  const path = pathOf(exchange.target);
  for (const one of routes) {
    const match = one.pattern.exec(path);
    if (!match || !one.trigger.methods.some((method) => method.toUpperCase() === exchange.method)) continue;
    const params = {};
    one.names.forEach((name, n) => match[n + 1] !== undefined && (params[name] = decodedSegment(match[n + 1])));
    const request = await azureRequest(exchange, params);
    return answerAzure(exchange, await invoked(one, exchange.ctx, [request], undefined));
  }
  return exchange.answer(404, [], "");
}

function decodedSegment(text) {
  return text.replace(/(%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString());
}

const azureLibrary = required("@azure/functions");

async function azureRequest(exchange, params) {
  const headers = {};
  for (const [name, value] of exchange.headers) {
    const key = name.toLowerCase();
    headers[key] = key in headers ? `${headers[key]}${key === "cookie" ? "; " : ","}${value}` : value;
  }
  const url = `${exchange.scheme}://${headers.host ?? "localhost"}${exchange.target}`;
  const bytes = await exchange.body.bytes();
  const body = bytes.length > 0 && exchange.method !== "GET" && exchange.method !== "HEAD" ? { bytes } : undefined;
  try {
    return new azureLibrary.HttpRequest({ url, method: exchange.method, headers, params, body });
  } catch (err) {
    throw new BadRequest(err.message);
  }
}

// answerAzure answers with what a function returned: a response, what one is made of, or nothing.
async function answerAzure(exchange, result) {
  if (result === undefined || result === null) return exchange.answer(204, [], "");
  if (typeof result !== "object") {
    throw new TypeError('the HTTP response must be an object with optional properties "body", "status", "headers", and "cookies"');
  }
  const response = result instanceof azureLibrary.HttpResponse ? result : new azureLibrary.HttpResponse(result);
  const headers = [...response.headers, ...response.cookies.map((cookie) => ["set-cookie", cookieText(cookie)])];
  if (exchange.collected || !isStream(result.body) || result instanceof Response) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    exchange.begin(response.status, headers, bytes.length);
    exchange.write(bytes);
  } else {
    exchange.begin(response.status, headers);
    for await (const chunk of response.body) await exchange.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  }
  exchange.end();
}

function isStream(body) {
  return typeof body?.getReader === "function" || typeof body?.[Symbol.asyncIterator] === "function";
}

// cookieText is a cookie as Azure's host writes it.
function cookieText({ name, value, expires, maxAge, domain, path = "/", secure, httpOnly, sameSite }) {
  const parts = [`${name}=${encodeURIComponent(value)}`];
  if (expires) parts.push(`expires=${new Date(expires).toUTCString()}`);
  if (maxAge !== undefined && maxAge !== null) parts.push(`max-age=${maxAge}`);
  if (domain) parts.push(`domain=${domain}`);
  parts.push(`path=${path}`);
  if (secure) parts.push("secure");
  if (sameSite) parts.push(`samesite=${sameSite.toLowerCase()}`);
  if (httpOnly) parts.push("httponly");
  return parts.join("; ");
}
