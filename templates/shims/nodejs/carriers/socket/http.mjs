// Node's server of connections.
import { createServer } from "node:http";

// onWire is a listener of (req, res) that gets those of the connection, as a function of exchanges.
function onWire(listener) {
  return (exchange) => {
    const refusal = answerOf(exchange);
    if (refusal) return answerWith(exchange, refusal);
    const { req, res } = exchange.connection;
    req.url = exchange.target;
    for (const [name, value] of exchange.added) res.setHeader(name, value);
    if (config.http.cors) for (const [name, value] of corsHeaders(exchange)) res.setHeader(name, value);
    return listener(req, res);
  };
}

// serving holds the answers that are not out yet.
const serving = new Set();
let stopping = false;

// listen serves exchanges where the options of a server's listen say, until the process is told to end. Requests in flight
// are answered, and what was given to waitUntil is awaited.
function listen(where, serve) {
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
  return server.listen(where);
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
