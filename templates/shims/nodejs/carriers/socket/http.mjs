// HTTP on a connection, with Node's server.
import { createServer } from "node:http";

// Wire is an exchange on a connection.
class Wire {
  constructor(req, res) {
    Object.assign(this, { req, res, cors: corsHeaders(req) });
  }

  get gone() {
    return this.res.destroyed;
  }

  body() {
    return requestBody(this.req, this.res);
  }

  head(status, pairs, length) {
    const list = pairs.flat();
    if (length !== undefined) list.push("content-length", String(length));
    this.res.strictContentLength = true;
    this.res.writeHead(status, list);
  }

  flush() {
    this.res.flushHeaders();
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

  // fail answers for a handler that threw: the traceback is for the log, not for the client.
  async fail(err) {
    const { res } = this;
    if (res.destroyed) return;
    console.error(err);
    if (res.headersSent) return void res.destroy();
    for (const name of res.getHeaderNames()) res.removeHeader(name);
    await answerText(this, 500, [], "internal server error\n");
  }
}

// onWire calls a listener of (req, res) with those of the connection.
async function onWire(listener) {
  return ({ req, res, cors }) => listener(req, res, cors);
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
    const exchange = new Wire(req, res);
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

