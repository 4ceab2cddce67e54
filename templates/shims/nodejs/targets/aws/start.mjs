// The start on AWS Lambda.
const source = await opened();

// Context is the ctx of a call. Lambda never tells that a client has gone, so that the signal is made when it is asked for.
class Context {
  constructor(event, context, clientIp) {
    this.requestId = context.awsRequestId;
    this.clientIp = clientIp;
    this.deadline = Date.now() + context.getRemainingTimeInMillis();
    this.platform = "aws";
    this.waitUntil = waitUntil;
    this.native = { event, context };
  }

  get signal() {
    const { signal } = new AbortController();
    Object.defineProperty(this, "signal", { value: signal, enumerable: true });
    return signal;
  }
}

function contextOf(event, context, more) {
  return Object.assign(new Context(event, context), more);
}

// exchangeOf is the exchange of a request of any ingress, with its outlet; with out that streams where the ingress takes it.
function exchangeOf(carrier, event, context, out) {
  const request = requestFrom(carrier, event, context);
  const outlet = out && carrier.streams(event) ? new Streamed(carrier, event, out) : new Collected(carrier, event);
  const exchange = new Exchange(request, outlet);
  exchange.collected = !(outlet instanceof Streamed);
  exchange.ctx = new Context(event, context, request.client);
  return { exchange, outlet };
}

// serveRequest answers a request; what is streamed is no result.
async function serveRequest(carrier, event, context, out) {
  const { exchange, outlet } = exchangeOf(carrier, event, context, out);
  await serveExchange(exchange.body.broken ? refuseBody : source.http, exchange);
  return outlet.result();
}

function carrierOf(event) {
  return [lambdaV2, lambdaV1].find((one) => one.carries(event));
}

function refuseBody() {
  throw new BadRequest("the body is no base64");
}

function serve(event, context, out) {
  if (isProbe(event)) return probed();
  const carrier = carrierOf(event);
  if (carrier) return serveRequest(carrier, event, context, out);
  const deliver = ({ event: it, ...meta }) => {
    if (!source.event) throw new Error(`${config.handler} exports no event handler`);
    return source.event(it, contextOf(event, context, meta));
  };
  if (event?.["dev.ferry.event"]) return serveDirect(event, deliver);
  return serveService(event, deliver);
}

function isProbe(event) {
  return event?.["dev.ferry.probe"] === true && Object.keys(event).length === 1;
}

function probed() {
  return { digest: process.env.FERRY_DIGEST ?? "" };
}

// serveDirect delivers what ferry itself sends: schedules and invocations.
async function serveDirect(event, deliver) {
  const attempt = event.attempt === undefined ? undefined : Number(event.attempt);
  return (await deliver({ event: structured(event["dev.ferry.event"]), attempt })) ?? null;
}

// settled waits for what was given to waitUntil: after the invocation nothing runs.
async function settled() {
  while (background.size > 0) await Promise.all(background);
}

async function buffered(event, context) {
  try {
    return await serve(event, context);
  } finally {
    if (background.size > 0) await settled();
  }
}

async function streaming(event, out, context) {
  context.callbackWaitsForEmptyEventLoop = false; // as without a stream: connections that are kept hold nothing up
  try {
    await finish(out, await serve(event, context, out));
  } finally {
    await settled();
  }
}

// finish ends a stream, with a result where that was not written to it.
async function finish(out, result) {
  if (result !== undefined) {
    out.setContentType("application/json");
    out.write(JSON.stringify(result));
  }
  await new Promise((finished, failed) => {
    out.once("finish", finished);
    out.once("error", failed);
    out.end();
  });
}

const { native } = source;
const streams = native ? native.streams : process.env.FERRY_RESPONSE_STREAM === "1";

export const handler = native ? handed(native) : streams ? streaming : buffered;
handler[Symbol.for("aws.lambda.runtime.handler.streaming")] = streams ? "response" : undefined;
