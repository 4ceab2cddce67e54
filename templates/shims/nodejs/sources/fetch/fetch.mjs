// The style fetch: a module that exports fetch(Request) Response.
const style = "fetch";

// light makes and reads Requests and Responses with less than the standard's own take, where something above has put it.
var light;

async function open() {
  return { http: config.http && fetchHandler(), event: eventFunction() };
}

// fetchHandler is the user's fetch as a function of exchanges, or throws what is wrong with it.
function fetchHandler() {
  const target = typeof exported?.fetch === "function" || config.export ? exported : userModule;
  if (typeof target?.fetch !== "function") {
    refuseOthers();
    fault("the default export has no fetch function", "export default { async fetch(request, ctx) {} }");
  }
  return async (exchange) => {
    const request = requestOf(exchange);
    // WHATWG URLs drop dot segments, so the route holds for what the handler will see.
    const dots = !everything && /\/(\.|%2e)/i.test(exchange.target);
    const refusal = answerOf(exchange, dots ? new URL(request.url).pathname : undefined);
    if (refusal) return answerWith(exchange, refusal);
    return sendResponse(await target.fetch(request, exchange.ctx), exchange);
  };
}

// requestOf is the standard Request, or throws where the standard knows none such.
function requestOf(exchange) {
  try {
    return standard(exchange);
  } catch (err) {
    throw new BadRequest(err.message);
  }
}

// standard builds the Request. Its URL is put together, never resolved: "//evil.com" is a path.
function standard(exchange) {
  const { method, target, body } = exchange;
  const [, host] = exchange.headers.findLast(([name, value]) => name.toLowerCase() === "host" && !/[\s/?#@\\]/.test(value)) ?? [, "localhost"];
  const arrived = light?.over(exchange, host, fill);
  if (arrived) return arrived;
  const url = `${exchange.scheme}://${host}${target.replaceAll("#", "%23")}`;
  const request = requestWith(url, method, body, exchange);
  fill(request.headers, exchange);
  return request;
}

// fill puts an exchange's headers into those of a Request.
function fill(headers, exchange) {
  for (const [name, value] of exchange.headers) {
    if (name.toLowerCase() === "cookie" && headers.has("cookie")) headers.set("cookie", `${headers.get("cookie")}; ${value}`);
    else headers.append(name, value);
  }
  return headers;
}

// requestWith is a Request without headers, which are put into the one that it has: given to it, they would be copied.
function requestWith(url, method, body, exchange) {
  const bodiless = body.length === 0 || method === "GET" || method === "HEAD";
  if (bodiless && !exchange.aborted) return new Request(url, { method });
  const { Asked, Whole } = (classes ??= classesOf());
  const init = { method, duplex: "half" };
  if (bodiless) return new Asked(url, init, exchange);
  return "whole" in body ? new Whole(url, init, exchange) : new Asked(url, { ...init, body: body.stream() }, exchange);
}

// classes are made when the first request comes: to name Request loads a third of what a process that starts loads.
let classes;

function classesOf() {
  // Asked is a Request whose signal is made when it is asked for: one that follows another costs more than all the rest.
  class Asked extends Request {
    #exchange;

    constructor(url, init, exchange) {
      super(url, init);
      this.#exchange = exchange;
    }

    get signal() {
      return this.#exchange.aborted?.() ?? super.signal;
    }
  }

  // Whole is one whose body is there at once, so that it is read without a stream.
  class Whole extends Asked {
    #sent;

    constructor(url, init, exchange) {
      const sent = exchange.body;
      const once = { pull: (controller) => (controller.enqueue(new Uint8Array(sent.whole)), controller.close()) };
      super(url, { ...init, body: new ReadableStream(once, { highWaterMark: 0 }) }, exchange);
      this.#sent = sent;
    }

    // taken is the body, which is used up by that; undefined where it was already, which the standard's own method tells.
    #taken() {
      if (this.bodyUsed || this.body.locked) return undefined;
      this.body.cancel();
      return this.#sent;
    }

    async arrayBuffer() {
      const sent = this.#taken();
      return sent ? new Uint8Array(sent.whole).buffer : super.arrayBuffer();
    }

    async text() {
      const sent = this.#taken();
      return sent ? (sent.text ?? new TextDecoder().decode(sent.whole)) : super.text();
    }

    async json() {
      return JSON.parse(await this.text());
    }
  }
  return { Asked, Whole };
}

// sendResponse sends a body that is there at once with its length, and streams any other.
async function sendResponse(response, exchange) {
  const given = light?.given(response);
  if (given) {
    const { status, headers, body } = given;
    const length = Buffer.byteLength(body);
    exchange.begin(status, headers, length);
    return exchange.last(body.length === length ? body : Buffer.from(body));
  }
  if (typeof response?.status !== "number" || typeof response.headers?.get !== "function") {
    throw new TypeError(`${config.handler}: fetch returned ${response === null ? "null" : typeof response}, not a Response`);
  }
  const reader = response.body?.getReader();
  const { chunks, next } = reader ? await (exchange.collected ? all(reader) : beginning(reader)) : { chunks: [] };
  exchange.begin(response.status, headersOf(response), next ? undefined : chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  for (const chunk of chunks) {
    const waits = exchange.write(chunk);
    if (waits) await waits;
  }
  if (next) await sendRest(reader, next, exchange);
  exchange.end();
}

// sendRest sends a stream as it comes, until there is nobody to send it to.
async function sendRest(reader, next, exchange) {
  const cancel = () => reader.cancel().catch(() => {});
  exchange.aborted?.().addEventListener("abort", cancel);
  for (let result = await next; !result.done && !exchange.gone; result = await reader.read()) await exchange.write(bytesOf(result.value));
  if (exchange.gone) cancel();
}

// all is the whole of a body.
async function all(reader) {
  const chunks = [];
  for (let result = await reader.read(); !result.done; result = await reader.read()) chunks.push(bytesOf(result.value));
  return { chunks };
}

// beginning is what there is of a body at once: all of it, or its first chunks and the read that the next one comes with.
async function beginning(reader) {
  const chunks = [];
  for (;;) {
    const next = reader.read();
    const result = chunks.length < 2 && (await Promise.race([next, new Promise((resolve) => setImmediate(resolve))]));
    if (!result) return { chunks, next };
    if (result.done) return { chunks };
    chunks.push(bytesOf(result.value));
  }
}

// bytesOf is a chunk of a body as bytes; text is sent as UTF-8.
function bytesOf(chunk) {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") return Buffer.from(chunk);
  throw new TypeError(`chunks must be Uint8Array or text, not ${typeof chunk}`);
}

// headersOf are the headers of a Response. Of one that fetch() gave the body is decoded already.
function headersOf(response) {
  if (!response.url) return response.headers;
  return [...response.headers].filter(([name]) => name !== "content-encoding" && name !== "content-length");
}
