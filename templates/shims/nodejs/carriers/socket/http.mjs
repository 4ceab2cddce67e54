// HTTP on a connection, with Node's server.
import { createServer } from "node:http";

// requestFrom is the request of a connection.
function requestFrom(req, res) {
  const headers = [];
  for (let i = 0; i < req.rawHeaders.length; i += 2) headers.push([req.rawHeaders[i], req.rawHeaders[i + 1]]);
  const length = req.headers["transfer-encoding"] === undefined ? Number(req.headers["content-length"] ?? 0) : undefined;
  const body = { length, bytes: () => readAll(req), stream: () => requestBody(req, res) };
  // Its target may name a scheme and a host before the path, and only what is behind them is asked for here.
  const target = escaped(Buffer.from(req.url, "latin1").toString().replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, ""));
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
    const list = pairs.flat();
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

  cut() {
    this.res.destroy();
  }
}

// onWire is a listener of (req, res) that gets those of the connection, as a function of exchanges.
function onWire(listener) {
  return (exchange) => {
    const refusal = answerOf(exchange);
    if (refusal) return answerWith(exchange, refusal);
    const { req, res } = exchange.connection;
    req.url = exchange.target;
    if (config.http.cors) for (const [name, value] of corsHeaders(exchange)) res.setHeader(name, value);
    return listener(req, res);
  };
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

// abortOf is the signal that the client has gone.
function abortOf(res) {
  const abort = new AbortController();
  res.once("close", () => res.writableFinished || abort.abort());
  return abort.signal;
}

// peerOf is the address of the client, as the last proxy saw it.
function peerOf(req) {
  const forwarded = (req.headers["x-forwarded-for"] ?? "").split(",").pop().trim();
  return forwarded || req.socket.remoteAddress;
}

// serving holds the answers that are not out yet.
const serving = new Set();
let stopping = false;

// listen serves exchanges on an address until the process is told to end. Requests in flight are answered, and what was
// given to waitUntil is awaited.
function listen(port, host, serve) {
  const sockets = new Set();
  const server = createServer((req, res) => {
    const { socket } = req;
    serving.add(res);
    res.once("close", () => {
      serving.delete(res);
      if (stopping) socket.destroySoon();
    });
    const exchange = new Exchange(requestFrom(req, res), new Connected(res));
    serve(exchange).catch((err) => exchange.fail(err));
  });
  // Connections belong to the platform's pool and times are its work: nothing is closed from this side.
  Object.assign(server, { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop(server, sockets));
  server.once("error", (err) => exit(err));
  server.listen(port, host);
}

function stop(server, sockets) {
  stopping = true;
  setTimeout(() => {
    console.error(`ferry: stopped with ${serving.size} requests and ${background.size} background promises unfinished`);
    process.exit(0);
  }, 9000);
  server.close(async () => {
    while (background.size > 0) await Promise.all(background);
    process.exit(0);
  });
  const busy = new Set([...serving].map((res) => res.socket));
  for (const socket of sockets) if (!busy.has(socket)) socket.destroy();
}

function exit(err) {
  console.error(err);
  process.exit(1);
}
