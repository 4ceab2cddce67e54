// The start on AWS Lambda.
const eventHandler = boundEvents();
const httpHandler = config.http === null ? undefined : await openHandler();

function contextOf(event, context, signal) {
  return {
    requestId: context.awsRequestId,
    deadline: Date.now() + context.getRemainingTimeInMillis(),
    signal,
    platform: "aws",
    waitUntil,
    native: { event, context },
  };
}

// serveRequest answers an event of payload format 2.0; with out it streams, and returns nothing.
async function serveRequest(event, ctx, out) {
  const { req, body } = requestOf(event, ctx.native.context);
  const cors = corsHeaders(req);
  const exchange = out ? new Streamed(req, body, cors, out) : new Buffered(req, body, cors);
  exchange.ctx = { ...ctx, clientIp: event.requestContext.http.sourceIp };
  try {
    await serveExchange(httpHandler, exchange);
  } catch (err) {
    if (exchange.begun) throw err; // the client sees a stream that breaks off
    console.error(err);
    await answerText(exchange, 500, [], "internal server error\n");
  }
  return exchange.result();
}

async function serve(event, ctx, out) {
  if (event?.["dev.ferry.probe"] === true && Object.keys(event).length === 1) return { digest: process.env.FERRY_DIGEST ?? "" };
  if (event?.requestContext?.http) return serveRequest(event, ctx, out);
  const deliver = ({ event: it, ...meta }) => {
    if (!eventHandler) throw new Error(`${config.handler} exports no event handler`);
    return eventHandler(it, { ...ctx, ...meta });
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
    return await serve(event, contextOf(event, context, new AbortController().signal));
  } finally {
    await settled();
  }
}

async function streamed(event, out, context) {
  context.callbackWaitsForEmptyEventLoop = false; // as without a stream: connections that are kept hold nothing up
  const abort = new AbortController();
  out.once("close", () => out.writableFinished || abort.abort());
  try {
    const result = await serve(event, contextOf(event, context, abort.signal), out);
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
