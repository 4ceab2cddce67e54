// The start on Cloud Run: a server on 0.0.0.0:$PORT, or where FERRY_HOST says.

const env = process.env;
const timeout = Number(env.FERRY_TIMEOUT_MS);
const instance = env.FERRY_INSTANCE; // the nonce: the environment is asked once, for each look at it costs a call of the system's
let source;

// delivery is what ferry says of an event; only a request with the nonce is asked.
function delivery(exchange) {
  const [attempt, attributes] = [exchange.header("ferry-attempt"), exchange.header("ferry-attributes")];
  return { attempt: attempt && Number(attempt), attributes: attributes && JSON.parse(attributes), group: exchange.header("ferry-group") };
}

// asked is what ferry itself wants of a request, undefined for one that is the handler's.
function asked(exchange) {
  if (!instance || exchange.header("ferry-instance") !== instance) return undefined;
  return { "GET /.ferry/probe": "probe", "POST /.ferry/event": "event" }[`${exchange.method} ${pathOf(exchange.target)}`];
}

async function respond(exchange) {
  exchange.aborted = abortOf(exchange.connection.res);
  const ours = asked(exchange);
  if (ours === "probe") return sendJSON(exchange, 200, { digest: env.FERRY_DIGEST, instance });
  exchange.ctx = new Context(exchange, "run", timeout);
  if (ours === "event") return serveEvent(source.event, exchange, Object.assign(exchange.ctx, delivery(exchange)));
  if (!isGoogleEvent(exchange)) return serveExchange(source.http, exchange);
  try {
    await deliverToSource(exchange);
  } catch (err) {
    exchange.fail(err);
  }
}

async function main() {
  source = await opened();
  listen({ port: Number(env.PORT), host: env.FERRY_HOST ?? "0.0.0.0" }, respond);
}

main().catch(exit);
