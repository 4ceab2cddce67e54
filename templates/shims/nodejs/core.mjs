// What every Node shim shares: the user's handler behind its style, routing, CORS and events.
// A shim is this file followed by its target's entry.
import config, { load } from "./ferry-config.mjs";
import { Server, createServer } from "node:http";

const loaded = await load(); // in its place: what stands above has run
// userModule is a copy, so that a bundler does not warn of exports that a module need not have.
const userModule = loaded.default?.__esModule ? loaded.default : { ...loaded };
const exported = userModule.default;

// background holds what handlers gave to waitUntil; a process that stops waits for it.
const background = new Set();

function waitUntil(work) {
  const settled = Promise.resolve(work)
    .catch((err) => console.error(err))
    .finally(() => background.delete(settled));
  background.add(settled);
}

// eventHandler is the user's event function, or undefined.
function eventHandler() {
  if (typeof exported?.event === "function") return (event, ctx) => exported.event(event, ctx);
  return userModule.event;
}

// boundEventHandler is the same, or throws where the manifest binds events and there is none.
function boundEventHandler() {
  const event = eventHandler();
  if (config.events && !event) {
    refuseLambda();
    fault("the manifest binds events, but no event function is exported", "export async function event(event, ctx) {}");
  }
  return event;
}

// httpHandler returns (req, res, ctx, cors) => Promise for the user's handler, or throws what is wrong with it.
async function httpHandler() {
  if (config.http === null) return undefined;
  if (config.style === "node") return nodeHandler(await exported);
  const target = fetchTarget();
  return (req, res, ctx, cors) => serveFetch(target, req, res, ctx, cors);
}

// fetchTarget is what the user's fetch is a method of.
function fetchTarget() {
  const target = typeof exported?.fetch === "function" ? exported : userModule;
  if (typeof target.fetch !== "function") {
    if (isNode(exported)) fault("it exports a (req, res) function or an app, not a fetch handler", "add `style: node` to the function in ferry.yaml");
    refuseLambda();
    fault("the default export has no fetch function", "export default { async fetch(request, ctx) {} }");
  }
  return target;
}

// fault ends the start with what is wrong with the module, and the next step behind a semicolon. Where in the shim that
// was found says nothing.
function fault(what, next) {
  const err = new TypeError(`ferry: ${config.handler}: ${what}; ${next}`);
  err.stack = String(err);
  throw err;
}

// isNode is whether only the style node calls it.
function isNode(app) {
  return typeof app === "function" || app instanceof Server || typeof app?.callback === "function" || typeof app?.routing === "function";
}

// refuseLambda says what works instead of a handler of AWS Lambda.
function refuseLambda() {
  if (typeof userModule.handler !== "function" && typeof exported?.handler !== "function") return;
  fault(
    "it exports handler(event, context) as for AWS Lambda, which ferry does not call yet",
    "export default { async fetch(request, ctx) {} } for HTTP, with async event(event, ctx) {} beside it for events",
  );
}

async function nodeHandler(app) {
  let listener;
  if (app instanceof Server) listener = (req, res) => app.emit("request", req, res);
  else if (typeof app === "function") listener = app;
  else if (typeof app?.callback === "function") listener = app.callback(); // Koa
  else if (typeof app?.routing === "function") {
    await app.ready(); // Fastify
    listener = (req, res) => app.routing(req, res);
  } else {
    if (typeof (app ?? userModule).fetch === "function") fault("it exports a fetch handler", "write `style: fetch` for the function in ferry.yaml");
    refuseLambda();
    fault("the default export is no (req, res) function and no Express, Koa, Fastify or http.Server app", "export default (req, res) => {}, or the app");
  }
  return async (req, res, ctx, cors) => {
    for (const [name, value] of cors) res.setHeader(name, value);
    await listener(req, res);
  };
}

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

// webRequest builds the standard Request. Its URL is put together, never resolved: "//evil.com" is a path.
function webRequest(req, body, signal) {
  const query = req.url.includes("?") ? req.url.slice(req.url.indexOf("?")) : "";
  const literal = (rawPath(req) + query).replace(/[#\\]/g, (c) => (c === "#" ? "%23" : "%5C"));
  const headers = new Headers();
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    if (req.rawHeaders[i].toLowerCase() !== "cookie") headers.append(req.rawHeaders[i], req.rawHeaders[i + 1]);
  }
  if (req.headers.cookie !== undefined) headers.set("cookie", req.headers.cookie);
  const init = { method: req.method, headers, signal };
  if (body !== undefined) Object.assign(init, { body, duplex: "half" });
  return new Request((req.scheme ?? "http") + "://" + hostOf(req) + literal, init);
}

function hostOf(req) {
  const { host } = req.headers;
  return host && !/[\s/?#@\\]/.test(host) ? host : "localhost";
}

// carriesBody is whether a Request can have the body that was sent.
function carriesBody(req) {
  const sends = req.headers["transfer-encoding"] !== undefined || Number(req.headers["content-length"]) > 0;
  return sends && req.method !== "GET" && req.method !== "HEAD";
}

// requestBody is the body as a stream; what the handler leaves unread is thrown away when the answer is out.
function requestBody(req, res) {
  let open = true;
  const stream = new ReadableStream({
    start(controller) {
      const finish = (act) => open && ((open = false), act());
      req.on("data", (chunk) => {
        if (!open) return;
        controller.enqueue(new Uint8Array(chunk));
        if (controller.desiredSize <= 0) req.pause();
      });
      req.once("end", () => finish(() => controller.close()));
      req.once("error", (err) => finish(() => controller.error(err)));
      req.once("close", () => finish(() => controller.error(new Error("the client went away"))));
      req.pause();
    },
    pull: () => void req.resume(),
    cancel: () => ((open = false), void req.resume()),
  });
  res.once("close", () => ((open = false), req.resume()));
  return stream;
}

// fetchAnswer is the handler's Response, or the answer that the manifest gives in its place.
async function fetchAnswer(target, req, body, ctx) {
  let request;
  try {
    request = webRequest(req, body, ctx.signal);
  } catch (err) {
    return { status: 400, headers: [], text: `bad request: ${err.message}\n` };
  }
  // WHATWG URLs drop dot segments, so the route holds for what the handler will see.
  const answer = answerOf(req, new URL(request.url).pathname);
  if (answer) return answer;
  const response = await target.fetch(request, ctx);
  if (typeof response?.status !== "number" || typeof response.headers?.get !== "function") {
    throw new TypeError(`${config.handler}: fetch returned ${response === null ? "null" : typeof response}, not a Response`);
  }
  return response;
}

async function serveFetch(target, req, res, ctx, cors) {
  const answer = await fetchAnswer(target, req, carriesBody(req) ? requestBody(req, res) : undefined, ctx);
  if (typeof answer.text === "string") return sendText(res, answer.status, [...cors, ...answer.headers], answer.text);
  await sendResponse(answer, res, cors);
}

// sendResponse sends a body that is there at once with its length, and streams any other.
async function sendResponse(response, res, cors) {
  const reader = response.body?.getReader();
  res.once("close", () => reader?.cancel().catch(() => {}));
  const chunks = [];
  let next = reader?.read();
  let ended = !reader;
  while (!ended && chunks.length < 2) {
    const result = await Promise.race([next, new Promise((resolve) => setImmediate(resolve))]);
    if (!result) break;
    if (result.done) ended = true;
    else {
      chunks.push(bytes(result.value));
      next = reader.read();
    }
  }
  const length = ended ? chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) : undefined;
  res.strictContentLength = true;
  res.writeHead(response.status, headerList(response, res, cors, length));
  if (!ended) res.flushHeaders();
  for (const chunk of chunks) await write(res, chunk);
  while (!ended && !res.destroyed) {
    const result = await next;
    if (result.done) break;
    await write(res, bytes(result.value));
    next = reader.read();
  }
  if (!res.destroyed) res.end();
}

function bytes(chunk) {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`a response stream gave a ${typeof chunk}; its chunks must be Uint8Array`);
}

// headersOf are the headers of a Response and those of the policy that it does not set itself.
function headersOf(response, cors) {
  const fetched = response.url ? ["content-encoding", "content-length"] : []; // fetch() has decoded the body already
  const drop = new Set(["transfer-encoding", "keep-alive", ...fetched]);
  const list = [...response.headers].filter(([name]) => !drop.has(name));
  for (const [name, value] of cors) if (name === "vary" || !response.headers.has(name)) list.push([name, value]);
  return list;
}

function headerList(response, res, cors, length) {
  const bodiless = response.status === 204 || response.status === 304;
  const measured = length !== undefined && !bodiless && (res.req.method !== "HEAD" || length > 0);
  const unmeasured = ([name]) => name !== "content-length" || !(measured || response.status === 204);
  const list = headersOf(response, cors).filter(unmeasured);
  if (measured) list.push(["content-length", String(length)]);
  return list.flat();
}

function write(res, chunk) {
  if (res.destroyed || res.write(chunk)) return undefined;
  return new Promise((resolve) => {
    const done = () => (res.off("drain", done), res.off("close", done), resolve());
    res.on("drain", done).on("close", done);
  });
}

function sendText(res, status, headers, text) {
  const list = headers.flat();
  if (text) list.push("content-type", "text/plain; charset=utf-8", "content-length", String(Buffer.byteLength(text)));
  res.writeHead(status, list);
  res.end(text);
}

function sendJSON(res, status, value) {
  const text = JSON.stringify(value);
  res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  res.end(text);
}

// fail answers for a handler that threw: the traceback is for the log, not for the client.
function fail(res, err, cors) {
  if (res.destroyed) return;
  console.error(err);
  if (res.headersSent) res.destroy();
  else {
    for (const name of res.getHeaderNames()) res.removeHeader(name);
    sendText(res, 500, cors, "internal server error\n");
  }
}

// cloudEvent reads a CloudEvent in binary or structured mode. Data follows the content type: JSON is
// parsed, text is a string, anything else stays bytes.
function cloudEvent(headers, body) {
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/cloudevents+json")) return structured(JSON.parse(body.toString()));
  const event = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("ce-")) event[name.slice(3)] = decodeURIComponent(value);
  }
  if (!event.id || !event.type) throw new Error("the CloudEvent has no ce-id or no ce-type");
  if (type) event.datacontenttype = type;
  if (body.length > 0) event.data = dataOf(type, body);
  return event;
}

function structured({ data_base64: encoded, ...event }) {
  return encoded === undefined ? event : { ...event, data: new Uint8Array(Buffer.from(encoded, "base64")) };
}

function dataOf(type, body) {
  const media = type.split(";", 1)[0].trim().toLowerCase();
  if (media === "application/json" || media.endsWith("+json")) return JSON.parse(body.toString());
  return media.startsWith("text/") ? body.toString() : new Uint8Array(body);
}

async function readAll(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function serveEvent(call, req, res, ctx) {
  if (!call) return sendJSON(res, 501, { error: `${config.handler} exports no event handler` });
  const rawBody = await readAll(req);
  let event;
  try {
    event = cloudEvent(req.headers, rawBody);
  } catch (err) {
    return sendJSON(res, 400, { error: err.message });
  }
  try {
    const result = await call(event, { ...ctx, rawBody: new Uint8Array(rawBody) });
    if (result === undefined) res.writeHead(204).end();
    else sendJSON(res, 200, result);
  } catch (err) {
    console.error(err);
    sendJSON(res, 500, { error: String(err) });
  }
}
