// The start on Google Cloud Functions: a function of the functions-framework.
import framework from "@google-cloud/functions-framework";

const { env } = process;
const source = await opened();

function contextOf(exchange) {
  const seconds = Number(env.CLOUD_RUN_TIMEOUT_SECONDS);
  return {
    requestId: exchange.header("x-request-id") ?? crypto.randomUUID(),
    clientIp: exchange.client,
    deadline: seconds ? Date.now() + seconds * 1000 : undefined,
    get signal() {
      return exchange.signal;
    },
    platform: "gcf",
    waitUntil,
    native: exchange.connection,
  };
}

// isProbe is whether ferry asks which revision this is. Who does not know it is told nothing.
function isProbe(exchange) {
  const digest = env.FERRY_DIGEST;
  return digest && exchange.method === "GET" && pathOf(exchange.target) === "/.ferry/probe" && exchange.header("ferry-digest") === digest;
}

async function respond(exchange) {
  if (isProbe(exchange)) return sendJSON(exchange, 200, { digest: env.FERRY_DIGEST });
  exchange.ctx = contextOf(exchange);
  if (isGoogleEvent(exchange)) return deliverToSource(exchange);
  return serveExchange(source.http, exchange);
}

// Its name is none that a function of the user has.
framework.http("ferry", async (req, res) => {
  const exchange = new Exchange(requestOfFramework(req, res), new Connected(res));
  exchange.signal = () => abortOf(res);
  try {
    await respond(exchange);
  } catch (err) {
    exchange.fail(err);
  }
});
