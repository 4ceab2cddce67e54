// Runs before the handler is imported: code that streams finds awslambda, which Lambda's own runtime brings where it runs.
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");

globalThis.awslambda ??= {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: "response" }),
  HttpResponseStream: { from: (stream, prelude) => Object.assign(stream, { prelude }) },
};
