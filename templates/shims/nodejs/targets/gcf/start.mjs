// The start on Google Cloud Functions: a function of the functions-framework.
import framework from "@google-cloud/functions-framework";

const { env } = process;
const timeout = 1000 * Number(env.CLOUD_RUN_TIMEOUT_SECONDS);
const source = await opened();

// asked is what ferry itself wants of a request, undefined for one that is the handler's. Who does not know which revision this
// is, or the word that it was given, is told nothing.
function asked(exchange) {
  const knows = (name, value) => Boolean(value) && exchange.header(name) === value;
  if (!knows("ferry-digest", env.FERRY_DIGEST) && !knows("ferry-instance", env.FERRY_INSTANCE)) return undefined;
  return { "GET /.ferry/probe": "probe", "POST /.ferry/event": "event" }[`${exchange.method} ${pathOf(exchange.target)}`];
}

async function respond(exchange) {
  const ours = asked(exchange);
  if (ours === "probe") return sendJSON(exchange, 200, { digest: env.FERRY_DIGEST, instance: env.FERRY_INSTANCE });
  exchange.ctx = new Context(exchange, "gcf", timeout);
  if (ours === "event") return serveEvent(source.event, exchange, exchange.ctx);
  if (isGoogleEvent(exchange)) return deliverToSource(exchange);
  return serveExchange(source.http, exchange);
}

// Its name is none that a function of the user has.
framework.http("ferry", async (req, res) => {
  const exchange = new Exchange(requestOfFramework(req, res), new Connected(res));
  exchange.aborted = abortOf(res);
  try {
    await respond(exchange);
  } catch (err) {
    exchange.fail(err);
  }
});
