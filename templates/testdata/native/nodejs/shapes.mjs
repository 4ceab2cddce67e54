// Handlers of every shape that AWS Lambda calls.
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";

const answer = (body) => ({ statusCode: 200, headers: { "content-type": "text/plain" }, body });

export const asynchronous = async () => answer("asynchronous");

export function callback(event, context, back) {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => back(null, answer("callback")), 5);
}

export function callbackFails(event, context, back) {
  back("failed on purpose");
}

export function done(event, context) {
  setTimeout(() => context.done(null, answer("done")), 5);
}

export function succeed(event, context) {
  setTimeout(() => context.succeed(answer("succeed")), 5);
}

export function fail(event, context) {
  context.fail(new Error("failed on purpose"));
}

export const value = () => answer("value");

export function throws() {
  throw new Error("failed on purpose");
}

export const streaming = awslambda.streamifyResponse(async (event, out, context) => {
  const prelude = { statusCode: 201, headers: { "content-type": "text/plain", "x-id": String(context.awsRequestId.length) }, cookies: ["a=1", "b=2"] };
  const to = awslambda.HttpResponseStream.from(out, prelude);
  await pipeline(Readable.from(["one\n", "two\n"]), to);
});

export const plainStream = awslambda.streamifyResponse(async (event, out) => {
  out.setContentType("text/html");
  out.write("<p>");
  out.end("</p>");
});

export const emptyStream = awslambda.streamifyResponse(async (event, out) => {
  awslambda.HttpResponseStream.from(out, { statusCode: 204 }).end();
});

export const brokenStream = awslambda.streamifyResponse(async () => {
  throw new Error("failed on purpose");
});

let inside = 0;

export async function alone() {
  inside += 1;
  await new Promise((resolve) => setTimeout(resolve, 5));
  const seen = inside;
  inside -= 1;
  return answer(String(seen));
}

export function never(event, context) {
  console.log("no answer for " + context.functionName);
}
