// An exchange is a request and its answer, however they come and go. A source opens the user's module as a function of
// exchanges; a carrier makes a request of what comes in,
//   method, target                what was asked for; the target is as it was sent, still encoded
//   scheme, client                http or https, and the address of the client
//   headers                       as pairs; each value is text of one character per byte
//   body                          {length, bytes()} with the whole where all of it is there, else with stream(); a length
//                                 that nobody knows is undefined
//   connection                    the request and response of node:http, where the ingress has them
// and an outlet for the answer,
//   head(status, pairs, length)   begins it, with pairs that are its own; without a length the body's end is told otherwise
//   write(chunk), end()           a part of the body, the rest
//   last(chunk)                   both at once, where that is less; a chunk may be text of ASCII there
//   begun, ended, gone            something is out that cannot be taken back; all of it is out; nobody waits for it
//   reset(), cut()                takes back what is not out; breaks off what is
// and the target gives the exchange its ctx.

const HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);
const BODILESS = new Set([204, 205, 304]);

// BadRequest is a request that cannot be handed on. Whoever sent it is told why.
class BadRequest extends Error {}

// Exchange holds every rule of an answer, so that no carrier can get it wrong.
class Exchange {
  #out;
  #left; // how much of the body is to come, where that is known
  #silent; // the answer has no body
  aborted; // gives the signal of the client's going, where the ingress tells
  collected = false; // whether the outlet waits for the whole answer
  ctx;
  added = []; // headers that an answer has beside the handler's own

  constructor(request, out) {
    Object.assign(this, request);
    this.#out = out;
  }

  get gone() {
    return this.#out.gone;
  }

  // header is a header's value, those of one that is there twice joined.
  header(name) {
    let found;
    for (const [key, value] of this.headers) if (key.length === name.length && key.toLowerCase() === name) found = found === undefined ? value : `${found}, ${value}`;
    return found;
  }

  // begin begins the answer, of a body of length bytes where that is known. What no answer can be throws.
  begin(status, headers, length) {
    if (!(Number.isInteger(status) && status >= 200 && status <= 599)) throw new TypeError(`an answer cannot have the status ${status}`);
    const pairs = [...this.added];
    let declared;
    for (const [name, value] of headers) {
      const key = name.toLowerCase();
      const trimmed = fit(key, value);
      if (key === "content-length") declared = lengthOf(trimmed);
      else if (!HOP.has(key)) pairs.push([name, trimmed]);
    }
    const policy = config.http?.cors ? corsHeaders(this) : [];
    for (const pair of policy) if (pair[0] === "vary" || !pairs.some(([name]) => name.toLowerCase() === pair[0])) pairs.push(pair);
    this.#silent = BODILESS.has(status) || this.method === "HEAD";
    if (!this.#silent && declared !== undefined && length !== undefined && declared !== length) {
      throw new Error(`the answer has ${length} bytes and a content-length of ${declared}`);
    }
    const size = this.#silent ? silentLength(status, declared, length) : (declared ?? length);
    this.#left = this.#silent ? undefined : size;
    this.#out.head(status, pairs, size);
  }

  // write sends a part of the body, and returns a promise where it is better to wait.
  write(chunk) {
    if (this.#silent) return undefined;
    if (this.#left !== undefined && (this.#left -= chunk.byteLength) < 0) throw new Error("the answer is longer than its content-length");
    return this.#out.write(chunk);
  }

  end() {
    if (this.#left > 0) throw new Error("the answer is shorter than its content-length");
    this.#out.end();
  }

  // last sends the rest of the body, in one piece where the outlet takes one.
  last(chunk) {
    if (this.#out.last && !this.#silent) return this.#out.last(chunk);
    this.write(chunk);
    this.end();
  }

  // fail answers for a handler that failed: before anything is out with a 500, within the answer by breaking it off. An
  // answer that is whole stays. The traceback is for the log, not for the client.
  fail(err) {
    const out = this.#out;
    if (out.gone && !out.ended) return undefined;
    const refused = err instanceof BadRequest;
    if (!refused) console.error(err);
    if (out.ended) return undefined;
    if (out.begun) return out.cut(err);
    out.reset();
    return refused ? this.answer(400, [], `bad request: ${err.message}\n`) : this.answer(500, [], "internal server error\n");
  }

  // answer is a whole answer of text.
  answer(status, headers, text) {
    const bytes = Buffer.from(text);
    this.begin(status, text ? [...headers, ["content-type", "text/plain; charset=utf-8"]] : headers, text ? bytes.length : undefined);
    this.last(bytes);
  }
}

// silentLength is the length that an answer without a body tells of: of HEAD it is that of what GET would get.
function silentLength(status, declared, length) {
  if (status === 204 || status === 205) return undefined;
  return declared ?? (status === 304 ? undefined : length || undefined);
}

// fit is a header's value as it may go out.
function fit(name, value) {
  const text = String(value).replace(/^[ \t]+|[ \t]+$/g, "");
  if (/^[!#$%&'*+.^_`|~\w-]+$/.test(name) && !/[^\t\x20-\x7e\x80-\xff]/.test(text)) return text;
  throw new TypeError(`the header ${JSON.stringify(name)} cannot be sent: it holds what no header can`);
}

function lengthOf(text) {
  if (/^\d+$/.test(text)) return Number(text);
  throw new TypeError(`a content-length that is no length: ${text}`);
}

// serveExchange answers with what a source opened; undefined is a function without HTTP. What fails is answered for.
async function serveExchange(handler, exchange) {
  try {
    refuseBroken(exchange.target);
    if (config.forward && (await migrated(exchange))) return;
    if (handler) await handler(exchange);
    else answerWith(exchange, answerOf(exchange));
  } catch (err) {
    exchange.fail(err);
  }
}

// answerWith gives an answer in the handler's place.
function answerWith(exchange, { status, headers, text }) {
  exchange.answer(status, headers, text);
}
