// What the carriers of Lambda share: events carry text, and results are one value.

const TEXT = /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded)\b|[^;]*\+(json|xml)\b)/i;

// stagedPath is a path without the stage that an HTTP API puts before it.
function stagedPath(path, stage = "$default") {
  const staged = stage !== "$default" && (path + "/").startsWith(`/${stage}/`);
  return staged ? path.slice(stage.length + 1) : path;
}

// A header is bytes. Handlers have them as text of one character per byte, events as UTF-8.
function bytesAsText(value) {
  return /[^\0-\x7f]/.test(value) ? Buffer.from(value).toString("latin1") : String(value);
}

function textOfBytes(value) {
  if (!/[^\0-\x7f]/.test(value)) return value;
  return utf8(Buffer.from(value, "latin1")) ?? value;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// utf8 is the text of bytes that are UTF-8, undefined for others.
function utf8(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

// onWire is a listener of (req, res) as a function of exchanges. Lambda has no connections.
function onWire(listener) {
  return overLoopback(listener);
}

// requestFrom is an event's request, all of it there.
function requestFrom(carrier, event, context) {
  const { method, path, query, headers, client } = carrier.request(event);
  const body = new Sent(event);
  const pairs = [];
  let scheme = "https";
  let [host, id] = ["localhost", context.awsRequestId];
  for (const [given, value] of headers) {
    const name = given.toLowerCase();
    if (HOP.has(name) || name === "expect" || (name === "content-length" && body.length > 0)) continue;
    if (name === "x-forwarded-proto" && value === "http") scheme = "http";
    if (name === "host") host = undefined;
    if (name === "x-request-id") id = undefined;
    pairs.push([name, bytesAsText(value)]);
  }
  if (host) pairs.push(["host", host]);
  if (id) pairs.push(["x-request-id", id]);
  if (body.length > 0) pairs.push(["content-length", String(body.length)]);
  const target = escaped(path.replaceAll("?", "%3F") + (query && "?" + query));
  return { method, target, scheme, headers: pairs, client, body, authorizer: event.requestContext.authorizer };
}

// Sent is the body of a request, all of it there. Text stays text until its bytes are asked for. What is no base64 is the
// sender's fault, and told when the request is served.
class Sent {
  #bytes;

  constructor({ body, isBase64Encoded }) {
    const given = String(body ?? "");
    if (isBase64Encoded) this.#bytes = Buffer.from(given, "base64");
    else if (!given.isWellFormed() || given.startsWith("\ufeff")) this.#bytes = Buffer.from(given);
    else this.text = given;
    this.length = this.#bytes?.length ?? Buffer.byteLength(given);
    this.broken = Boolean(isBase64Encoded) && this.length !== Math.floor((given.replace(/=+$/, "").length * 3) / 4);
  }

  get whole() {
    return (this.#bytes ??= Buffer.from(this.text));
  }

  bytes() {
    return this.whole;
  }
}

// Collected is the outlet of an answer that goes out as one result.
class Collected {
  begun = false; // nothing is out: a failure can still be told
  ended = false;

  constructor(carrier, event) {
    this.carrier = carrier;
    this.event = event;
  }

  get gone() {
    return false;
  }

  reset() {}

  head(status, pairs) {
    this.text = false;
    let encoded = false;
    for (const pair of pairs) {
      const key = pair[0].toLowerCase();
      if (key === "content-type") this.text = TEXT.test(pair[1]);
      else if (key === "content-encoding") encoded = true;
      pair[0] = key;
      pair[1] = textOfBytes(pair[1]);
    }
    this.text &&= !encoded;
    this.parts = this.carrier.head(this.event, status, pairs);
    this.chunks = [];
  }

  write(chunk) {
    this.chunks.push(chunk);
  }

  end() {
    this.ended = true;
  }

  // result is the whole result. A body goes as text only when it is text that comes out again as the same bytes.
  result() {
    const body = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    const text = body.byteLength === 0 ? "" : this.text ? utf8(body) : undefined;
    const sent = text ?? Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64");
    this.parts.body = sent;
    this.parts.isBase64Encoded = text === undefined;
    return this.parts;
  }
}

// Streamed sends the answer as it comes: the head as JSON, eight NULs, the body.
class Streamed extends Collected {
  constructor(carrier, event, out) {
    super(carrier, event);
    this.out = out;
  }

  get gone() {
    return this.out.destroyed;
  }

  head(status, pairs) {
    super.head(status, pairs);
    this.begun = true;
    this.out.setContentType("application/vnd.awslambda.http-integration-response");
    this.out.write(JSON.stringify(this.parts) + "\0".repeat(8));
  }

  write(chunk) {
    if (this.out.write(chunk)) return undefined;
    return new Promise((resolve) => {
      const done = () => (this.out.off("drain", done), this.out.off("close", done), resolve());
      this.out.on("drain", done).on("close", done);
    });
  }

  // cut has the client see a stream that breaks off: the invocation fails.
  cut(err) {
    this.broken = err;
  }

  result() {
    if (this.broken) throw this.broken;
    return undefined;
  }
}
