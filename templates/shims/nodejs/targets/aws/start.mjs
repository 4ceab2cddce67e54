// The start on AWS Lambda.
const source = await opened();

// contextOf is the ctx of a call. Lambda never tells that a client has gone, so that the signal is made when it is asked for.
function contextOf(event, context, more) {
  return {
    requestId: context.awsRequestId,
    deadline: Date.now() + context.getRemainingTimeInMillis(),
    get signal() {
      const { signal } = new AbortController();
      Object.defineProperty(this, "signal", { value: signal });
      return signal;
    },
    platform: "aws",
    waitUntil,
    native: { event, context },
    ...more,
  };
}

// serveRequest answers a request of any ingress; with out it streams where that takes it, and returns nothing.
async function serveRequest(carrier, event, context, out) {
  const request = requestFrom(carrier, event, context);
  const outlet = out && carrier.streams(event) ? new Streamed(carrier, event, out) : new Collected(carrier, event);
  const exchange = new Exchange(request, outlet);
  exchange.collected = !(outlet instanceof Streamed);
  exchange.ctx = contextOf(event, context, { clientIp: request.client });
  await serveExchange(request.broken ? refuseBody : source.http, exchange);
  return outlet.result();
}

function refuseBody() {
  throw new BadRequest("the body is no base64");
}

async function serve(event, context, out) {
  if (event?.["dev.ferry.probe"] === true && Object.keys(event).length === 1) return { digest: process.env.FERRY_DIGEST ?? "" };
  const carrier = [lambdaV2, lambdaV1].find((one) => one.carries(event));
  if (carrier) return serveRequest(carrier, event, context, out);
  const deliver = ({ event: it, ...meta }) => {
    if (!source.event) throw new Error(`${config.handler} exports no event handler`);
    return source.event(it, contextOf(event, context, meta));
  };
  const direct = event?.["dev.ferry.event"];
  if (!direct) return serveService(event, deliver);
  const attempt = event.attempt === undefined ? undefined : Number(event.attempt);
  return (await deliver({ event: structured(direct), attempt })) ?? null;
}

// settled waits for what was given to waitUntil: after the invocation nothing runs.
async function settled() {
  while (background.size > 0) await Promise.all(background);
}

async function buffered(event, context) {
  try {
    return await serve(event, context);
  } finally {
    await settled();
  }
}

async function streamed(event, out, context) {
  context.callbackWaitsForEmptyEventLoop = false; // as without a stream: connections that are kept hold nothing up
  try {
    const result = await serve(event, context, out);
    if (result !== undefined) {
      out.setContentType("application/json");
      out.write(JSON.stringify(result));
    }
    await new Promise((finished, failed) => {
      out.once("finish", finished);
      out.once("error", failed);
      out.end();
    });
  } finally {
    await settled();
  }
}

export const handler = process.env.FERRY_RESPONSE_STREAM === "1" ? streamed : buffered;
handler[Symbol.for("aws.lambda.runtime.handler.streaming")] = handler === streamed ? "response" : undefined;
