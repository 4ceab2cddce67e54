// The style lambda: a module that exports handler(event, context) as for AWS Lambda. Lambda itself hands its events over
// as they are.
const style = "lambda";

async function open() {
  const handler = lambdaHandler();
  return {
    http: config.http && ((exchange) => serveHTTP(handler, exchange)),
    event: (event, ctx) => deliverNative(handler, event, ctx),
    batch: (events, ctx) => deliverTogether(handler, events, ctx),
    native: handler[STREAMING] === "response" ? { streams: true, call: handler } : { streams: false, call: (...given) => passed(handler, ...given) },
  };
}

// passed calls the handler as Lambda's runtime does. One that knows no callbacks gives none.
function passed(handler, event, context, callback) {
  if (callback) return handler(event, context, callback);
  return called(handler, event, context, { deadline: Date.now() + context.getRemainingTimeInMillis() });
}

// lambdaHandler is the user's handler, or throws what is wrong with it.
function lambdaHandler() {
  const found = config.export || typeof exported === "function" ? exported : (userModule.handler ?? exported?.handler);
  if (typeof found === "function" && !isApp(found) && !calledLikeListener(found)) return found;
  refuseOthers();
  fault("it exports no function handler", "export async function handler(event, context) {}, or name another one in handler as file.js:NAME");
}

// deliverNative calls the handler with the event that a service of AWS would send.
async function deliverNative(native, event, ctx) {
  const result = await called(native, nativeEvent(event, ctx), lambdaContext(ctx), ctx);
  if (event.type === "dev.ferry.invoke.v1") return result ?? undefined;
  if (event.type === "dev.ferry.queue.message.v1" && result?.batchItemFailures?.length > 0) {
    throw new Error("the handler names the message in batchItemFailures");
  }
  return undefined;
}

// deliverTogether calls the handler with several messages of a queue, and is which of them it says have failed.
async function deliverTogether(native, events, ctx) {
  const result = await called(native, { Records: events.map(recordIn) }, lambdaContext(ctx), ctx);
  return { batchItemFailures: result?.batchItemFailures ?? [] };
}

let turn = Promise.resolve();

// inTurn does one piece of work after the other: such code keeps what it is doing in its module.
function inTurn(work) {
  const mine = turn.then(work);
  turn = mine.catch(() => {});
  return mine;
}

class OutOfTime extends Error {}

// called calls the handler, and is what it resolves, returns or calls back with. A handler that takes a context and returns
// no promise is waited for until its time is over: it may call back through what it gave the context to.
function called(native, event, context, ctx) {
  return inTurn(
    () =>
      new Promise((resolve, reject) => {
        const left = (ctx.deadline ?? Date.now() + limit()) - Date.now();
        const timer = setTimeout(() => reject(new OutOfTime(`${config.handler} neither resolved nor called back in time`)), left);
        const settle = (act) => (value) => (clearTimeout(timer), act(value));
        const [done, failed] = [settle(resolve), settle((err) => reject(err instanceof Error ? err : new Error(String(err))))];
        const back = (err, result) => (err === null || err === undefined ? done(result) : failed(err));
        Object.assign(context, { done: back, succeed: done, fail: failed });
        try {
          const returned = native(event, context, back);
          if (typeof returned?.then === "function") returned.then(done, failed);
          else if (native.length < 2) done(returned);
        } catch (err) {
          failed(err);
        }
      }),
  );
}

function limit() {
  return (config.timeout || 900) * 1000;
}
