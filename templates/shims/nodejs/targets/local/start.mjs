// The start on the local platform: a server at the socket FERRY_SOCKET, else on 127.0.0.1:$PORT, or where FERRY_HOST says.

const env = process.env;
const platform = env.FERRY_PLATFORM ?? "local";
const timeout = Number(env.FERRY_TIMEOUT_MS);
const instance = env.FERRY_INSTANCE; // the nonce: the environment is asked once, for each look at it costs a call of the system's

// delivery is what the platform says of an event; only a request with the nonce is asked.
function delivery(exchange) {
  const [attempt, attributes] = [exchange.header("ferry-attempt"), exchange.header("ferry-attributes")];
  return { attempt: attempt && Number(attempt), attributes: attributes && JSON.parse(attributes), group: exchange.header("ferry-group") };
}

// together is whether a delivery is several messages, to a source that takes them so.
function together(source, exchange) {
  return source.batch && media(exchange.header("content-type") ?? "") === "application/cloudevents-batch+json";
}

// DELIVERED is where a broker posts events, which can send no header: the path ends with a digest of the nonce.
const DELIVERED = "/.ferry/event/";

// asked is what the platform itself wants of a request, undefined for one that is the handler's.
function asked(exchange) {
  if (!instance) return undefined;
  const path = pathOf(exchange.target);
  if (exchange.method === "POST" && path.startsWith(DELIVERED)) {
    const { createHash, timingSafeEqual } = required("node:crypto");
    const digest = (text) => createHash("sha256").update(text).digest();
    const known = digest(instance).toString("hex");
    return timingSafeEqual(digest(path.slice(DELIVERED.length)), digest(known)) ? "delivery" : undefined;
  }
  if (exchange.header("ferry-instance") !== instance) return undefined;
  return { "GET /.ferry/probe": "probe", "POST /.ferry/event": "event" }[`${exchange.method} ${path}`];
}

// acknowledging is an event handler whose result is nobody's: a broker takes an answer with a body for a failure.
function acknowledging(call) {
  return call && ((event, ctx) => Promise.resolve(call(event, ctx)).then(() => undefined));
}

// listening is where requests come from. Connections of a socket in a folder have no addresses, and what handlers read is this machine's.
function listening(serve) {
  if (!env.FERRY_SOCKET) return listen({ port: Number(env.PORT), host: env.FERRY_HOST ?? "127.0.0.1" }, serve);
  const [address, family, port] = ["127.0.0.1", "IPv4", Number(env.PORT)];
  const known = Object.entries({
    remoteAddress: address, remoteFamily: family, remotePort: 0,
    localAddress: address, localFamily: family, localPort: port,
    address: () => ({ address, family, port }),
  });
  const addresses = Object.fromEntries(known.map(([name, value]) => [name, { value, configurable: true, writable: true }]));
  return listen({ path: env.FERRY_SOCKET, backlog: 4096 }, serve).on("connection", (socket) => Object.defineProperties(socket, addresses));
}

async function main() {
  const source = await opened();
  listening(async (exchange) => {
    exchange.aborted = abortOf(exchange.connection.res);
    const ours = asked(exchange);
    if (ours === "probe") return sendJSON(exchange, 200, { digest: env.FERRY_DIGEST, instance });
    exchange.ctx = new Context(exchange, platform, timeout);
    if (ours === "event" && together(source, exchange)) return serveMessages(source.batch, exchange, exchange.ctx);
    if (ours === "event") return serveEvent(source.event, exchange, Object.assign(exchange.ctx, delivery(exchange)));
    if (ours === "delivery") return serveEvent(acknowledging(source.event), exchange, exchange.ctx);
    return serveExchange(source.http, exchange);
  });
}

main().catch(exit);
