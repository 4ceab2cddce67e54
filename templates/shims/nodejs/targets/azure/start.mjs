// The start on Azure Functions: an app of the v4 programming model, with a function for each kind of thing that the manifest
// binds.
import { app } from "@azure/functions";

const { env } = process;
const source = await opened();

function contextOf(context, native, more) {
  const timeout = Number(env.FERRY_TIMEOUT_MS);
  const deadline = timeout ? Date.now() + timeout : undefined;
  return { requestId: context.invocationId, deadline, platform: "azure", waitUntil, native: { ...native, context }, ...more };
}

// isProbe is whether ferry asks which revision this is. Who does not know it is told nothing.
function isProbe(exchange) {
  const digest = env.FERRY_DIGEST;
  return digest && exchange.method === "GET" && pathOf(exchange.target) === "/.ferry/probe" && exchange.header("ferry-digest") === digest;
}

async function serve(request, context) {
  const outlet = new Returned(connections.get(context.invocationId));
  const exchange = new Exchange(requestOfAzure(request), outlet);
  if (isProbe(exchange)) return { jsonBody: { digest: env.FERRY_DIGEST } };
  const abort = new AbortController();
  outlet.connection?.once("close", () => outlet.connection.writableFinished || abort.abort());
  exchange.aborted = () => abort.signal;
  exchange.ctx = contextOf(context, { request }, { clientIp: exchange.client, signal: abort.signal });
  serveExchange(source.http, exchange).catch((err) => exchange.fail(err));
  return outlet.response;
}

async function deliver({ event, ...meta }, context) {
  await source.event(event, contextOf(context, {}, meta));
  while (background.size > 0) await Promise.all(background);
}

app.setup({ enableHttpStream: true });
if (config.http) {
  const methods = ["GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE", "CONNECT"];
  app.http("http", { methods, authLevel: config.private ? "function" : "anonymous", route: "{*path}", handler: serve });
}
(config.schedules ?? []).forEach((schedule, n) => {
  app.timer(`schedule${n}`, { schedule: `0 ${schedule}`, handler: (timer, context) => deliver(ofTimer(context), context) });
});
// What of the manifest's queues and topics is of Service Bus, and what it is called there. Messages come as bytes, for the library
// parses what looks like JSON.
const bus = JSON.parse(env.FERRY_SERVICE_BUS ?? "{}");
const heard = { connection: "FERRY_BUS", dataType: "binary" };
(config.queues ?? []).forEach((name, n) => {
  const queueName = bus.queues?.[name];
  if (queueName) {
    return app.serviceBusQueue(`queue${n}`, { queueName, ...heard, handler: (message, context) => deliver(ofBusMessage("queue", name, message, context), context) });
  }
  const trigger = { queueName: name, connection: "AzureWebJobsStorage", dataType: "binary" };
  app.storageQueue(`queue${n}`, { ...trigger, handler: (message, context) => deliver(ofStorageMessage(name, message, context), context) });
});
let pushed = config.objects;
(config.topics ?? []).forEach((name, n) => {
  const topicName = bus.topics?.[name];
  if (!topicName) return (pushed = true);
  const subscriptionName = bus.subscription;
  app.serviceBusTopic(`topic${n}`, { topicName, subscriptionName, ...heard, handler: (message, context) => deliver(ofBusMessage("topic", name, message, context), context) });
});
if (pushed) app.eventGrid("pushed", { handler: (event, context) => deliver(ofGrid(event), context) });
