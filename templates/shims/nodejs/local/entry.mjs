// The entry on the local platform: a server on 127.0.0.1:$PORT.
import { randomUUID } from "node:crypto";

const env = process.env;

// serving holds the answers that are not out yet.
const serving = new Set();
let stopping = false;

function contextOf(req, res) {
  const abort = new AbortController();
  res.once("close", () => res.writableFinished || abort.abort());
  const forwarded = (req.headers["x-forwarded-for"] ?? "").split(",").pop().trim();
  return {
    requestId: req.headers["x-request-id"] ?? randomUUID(),
    clientIp: forwarded || req.socket.remoteAddress,
    deadline: env.FERRY_TIMEOUT_MS ? Date.now() + Number(env.FERRY_TIMEOUT_MS) : undefined,
    signal: abort.signal,
    platform: "local",
    waitUntil,
    native: { req, res },
  };
}

// delivery is what the platform says of an event; only a request with the nonce is asked.
function delivery(req) {
  const { "ferry-attempt": attempt, "ferry-attributes": attributes } = req.headers;
  return { attempt: attempt && Number(attempt), attributes: attributes && JSON.parse(attributes) };
}

async function serve(http, event, req, res) {
  const path = rawPath(req);
  if (env.FERRY_INSTANCE && req.headers["ferry-instance"] === env.FERRY_INSTANCE) {
    if (req.method === "GET" && path === "/.ferry/probe") {
      return sendJSON(res, 200, { digest: env.FERRY_DIGEST, instance: env.FERRY_INSTANCE });
    }
    if (req.method === "POST" && path === "/.ferry/event") {
      return serveEvent(event, req, res, { ...contextOf(req, res), ...delivery(req) });
    }
  }
  const cors = corsHeaders(req);
  const answer = config.style === "fetch" && http ? undefined : answerOf(req, path);
  if (answer) return sendText(res, answer.status, [...cors, ...answer.headers], answer.text);
  try {
    await http(req, res, contextOf(req, res), cors);
  } catch (err) {
    fail(res, err, cors);
  }
}

async function main() {
  const http = await httpHandler();
  const event = boundEventHandler();
  const sockets = new Set();
  const server = createServer((req, res) => {
    const { socket } = req;
    serving.add(res);
    res.once("close", () => {
      serving.delete(res);
      if (stopping) socket.destroySoon();
    });
    serve(http, event, req, res).catch((err) => fail(res, err, []));
  });
  // Connections belong to the platform's pool and times are its work: nothing is closed from this side.
  Object.assign(server, { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop(server, sockets));
  server.once("error", (err) => exit(err));
  server.listen(Number(env.PORT), "127.0.0.1");
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

main().catch(exit);
