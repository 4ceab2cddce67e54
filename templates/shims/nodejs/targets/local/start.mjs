// The start on the local platform: a server on 127.0.0.1:$PORT.
import { randomUUID } from "node:crypto";

const env = process.env;

function contextOf(req, res) {
  return {
    requestId: req.headers["x-request-id"] ?? randomUUID(),
    clientIp: peerOf(req),
    deadline: env.FERRY_TIMEOUT_MS ? Date.now() + Number(env.FERRY_TIMEOUT_MS) : undefined,
    signal: abortOf(res),
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

// asked is what the platform itself wants of a request, undefined for one that is the handler's.
function asked(req) {
  if (!env.FERRY_INSTANCE || req.headers["ferry-instance"] !== env.FERRY_INSTANCE) return undefined;
  return { "GET /.ferry/probe": "probe", "POST /.ferry/event": "event" }[`${req.method} ${rawPath(req)}`];
}

async function main() {
  const handler = config.http === null ? undefined : await openHandler();
  const event = boundEvents();
  listen(Number(env.PORT), "127.0.0.1", async (exchange) => {
    const { req, res } = exchange;
    const ours = asked(req);
    if (ours === "probe") return sendJSON(res, 200, { digest: env.FERRY_DIGEST, instance: env.FERRY_INSTANCE });
    if (ours === "event") return serveEvent(event, req, res, { ...contextOf(req, res), ...delivery(req) });
    exchange.ctx = contextOf(req, res);
    return serveExchange(handler, exchange);
  });
}

main().catch(exit);
