// The style fetch: a module that exports fetch(Request) Response.
import { Server } from "node:http";

function openEvents() {
  return eventFunction();
}

// openHandler returns the user's fetch as a function of exchanges, or throws what is wrong with it.
async function openHandler() {
  const target = fetchTarget();
  return async (exchange) => {
    const { req, ctx } = exchange;
    let request;
    try {
      request = webRequest(req, carriesBody(req) ? exchange.body() : undefined, ctx.signal);
    } catch (err) {
      return answerText(exchange, 400, [], `bad request: ${err.message}\n`);
    }
    // WHATWG URLs drop dot segments, so the route holds for what the handler will see.
    const refusal = answerOf(req, new URL(request.url).pathname);
    if (refusal) return refuse(exchange, refusal);
    const response = await target.fetch(request, ctx);
    if (typeof response?.status !== "number" || typeof response.headers?.get !== "function") {
      throw new TypeError(`${config.handler}: fetch returned ${response === null ? "null" : typeof response}, not a Response`);
    }
    await sendResponse(response, exchange);
  };
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

// isNode is whether only the style node calls it.
function isNode(app) {
  return typeof app === "function" || app instanceof Server || typeof app?.callback === "function" || typeof app?.routing === "function";
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

// sendResponse sends a body that is there at once with its length, and streams any other.
async function sendResponse(response, exchange) {
  const reader = response.body?.getReader();
  const cancel = () => reader?.cancel().catch(() => {});
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
  sendHead(response, exchange, length);
  if (!ended) {
    exchange.flush();
    exchange.ctx.signal.addEventListener("abort", cancel);
  }
  for (const chunk of chunks) await exchange.write(chunk);
  while (!ended && !exchange.gone) {
    const result = await next;
    if (result.done) break;
    await exchange.write(bytes(result.value));
    next = reader.read();
  }
  if (exchange.gone) cancel();
  exchange.end();
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

function sendHead(response, exchange, length) {
  const bodiless = response.status === 204 || response.status === 304;
  const measured = length !== undefined && !bodiless && (exchange.req.method !== "HEAD" || length > 0);
  const unmeasured = ([name]) => name !== "content-length" || !(measured || response.status === 204);
  exchange.head(response.status, headersOf(response, exchange.cors).filter(unmeasured), measured ? length : undefined);
}
