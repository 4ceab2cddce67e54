// HTTP on a connection of Node's server, whoever runs that.

// PLAIN is a target that has to be neither cut nor escaped, as most are.
const PLAIN = /^\/(?:[!$&-;=@-\[\]_a-z~]|%[0-9a-f]{2})*(?:\?[!-~]*)?$/i;

// requestFrom is the request of a connection.
function requestFrom(req, res) {
  const headers = [];
  for (let i = 0; i < req.rawHeaders.length; i += 2) headers.push([req.rawHeaders[i], req.rawHeaders[i + 1]]);
  const length = req.headers["transfer-encoding"] === undefined ? Number(req.headers["content-length"] ?? 0) : undefined;
  const body = { length, bytes: () => readAll(req), stream: () => requestBody(req, res) };
  // Its target may name a scheme and a host before the path, and only what is behind them is asked for here.
  const target = PLAIN.test(req.url) ? req.url : escaped(Buffer.from(req.url, "latin1").toString().replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, ""));
  return { method: req.method, target, scheme: "http", headers, client: peerOf(req), body, connection: { req, res } };
}

// Connected is the outlet of an answer on a connection.
class Connected {
  constructor(res) {
    this.res = res;
  }

  get gone() {
    return this.res.destroyed;
  }

  get begun() {
    return this.res.headersSent;
  }

  get ended() {
    return this.res.writableEnded;
  }

  reset() {
    for (const name of this.res.getHeaderNames()) this.res.removeHeader(name);
  }

  head(status, pairs, length) {
    const list = [];
    for (const [name, value] of pairs) list.push(name, value);
    if (length !== undefined) list.push("content-length", String(length));
    this.res.writeHead(status, list);
    if (length === undefined) this.res.flushHeaders();
  }

  write(chunk) {
    const { res } = this;
    if (res.destroyed || res.write(chunk)) return undefined;
    return new Promise((resolve) => {
      const done = () => (res.off("drain", done), res.off("close", done), resolve());
      res.on("drain", done).on("close", done);
    });
  }

  end() {
    if (!this.res.destroyed) this.res.end();
  }

  last(chunk) {
    if (!this.res.destroyed) this.res.end(chunk, "latin1"); // text goes out in one piece with the head, each character a byte
  }

  cut() {
    this.res.destroy();
  }
}

// Context is the ctx of a call. Its signal is made when it is asked for, by a getter that all share: one in every object would be a
// hidden class for each, and what those hold outlives many collections of garbage.
class Context {
  #exchange;

  constructor(exchange, platform, timeout) {
    this.requestId = exchange.header("x-request-id") ?? crypto.randomUUID();
    this.clientIp = exchange.client;
    this.deadline = timeout ? Date.now() + timeout : undefined;
    this.platform = platform;
    this.waitUntil = waitUntil;
    this.native = exchange.connection;
    this.#exchange = exchange;
  }

  get signal() {
    return this.#exchange.aborted();
  }
}

async function readAll(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
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

// abortOf gives the signal that the client has gone, which is made when it is first asked for.
function abortOf(res) {
  let abort;
  return () => {
    if (abort) return abort.signal;
    abort = new AbortController();
    const gone = () => res.writableFinished || abort.abort();
    if (res.closed) gone();
    else res.once("close", gone);
    return abort.signal;
  };
}

// peerOf is the address of the client, as the last proxy saw it.
function peerOf(req) {
  const forwarded = req.headers["x-forwarded-for"];
  return (forwarded && forwarded.slice(forwarded.lastIndexOf(",") + 1).trim()) || req.socket.remoteAddress;
}
