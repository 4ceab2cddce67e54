// The Node side of the runtime API: loads _HANDLER as Lambda's own client does, and serves events with it.
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createRequire } from "node:module";
import { basename, dirname, resolve } from "node:path";
import { Writable } from "node:stream";

const env = process.env;
const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const prefix = "/2018-06-01/runtime/";
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");

class Failure extends Error {
  constructor(type, message) {
    super(message);
    this.name = type;
  }
}

function open(method, path, headers = {}) {
  const req = request({ host, port, agent, method, path: prefix + path, headers });
  const answered = new Promise((done, failed) => {
    req.once("error", failed);
    req.once("response", (res) => {
      const chunks = [];
      res.on("data", (chunk) => chunks.push(chunk)).once("error", failed);
      res.once("end", () => done({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }));
    });
  });
  return { req, answered };
}

function call(method, path, body, headers) {
  const { req, answered } = open(method, path, { "content-length": body ? Buffer.byteLength(body) : 0, ...headers });
  req.end(body);
  return answered;
}

function described(err) {
  if (!(err instanceof Error)) return { errorType: typeof err, errorMessage: String(err), trace: [] };
  return { errorType: err.name, errorMessage: err.message, trace: (err.stack ?? "").split("\n") };
}

function report(path, err) {
  const problem = described(err);
  return call("POST", path, JSON.stringify(problem), {
    "content-type": "application/json",
    "Lambda-Runtime-Function-Error-Type": problem.errorType,
  });
}

// load finds "folder/file.export" below the task's folder: the file as named, then .js, .mjs and .cjs.
async function load(root, name) {
  const file = basename(name);
  const match = /^([^.]*)\.(.*)$/.exec(file);
  if (!match || name.includes("..")) throw new Failure("Runtime.MalformedHandlerName", `Bad handler ${name}`);
  const base = resolve(root, name.slice(0, name.length - file.length), match[1]);
  const module = await loadModule(base, name);
  const handler = match[2].split(".").reduce((value, key) => value?.[key], module);
  if (handler === undefined) throw new Failure("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new Failure("Runtime.HandlerNotFound", `${name} is not a function`);
  return handler;
}

async function loadModule(base, name) {
  const require = createRequire(base);
  for (const ext of ["", ".js", ".mjs", ".cjs"]) {
    const file = base + ext;
    if (!existsSync(file)) continue;
    const esm = ext === ".mjs" || (ext === ".js" && typeModule(dirname(base)));
    return esm ? await import(file) : require(file);
  }
  throw new Failure("Runtime.ImportModuleError", `Error: Cannot find module '${name}'`);
}

function typeModule(dir) {
  for (; ; dir = dirname(dir)) {
    const file = resolve(dir, "package.json");
    if (existsSync(file)) return JSON.parse(readFileSync(file)).type === "module";
    if (dir === dirname(dir)) return false;
  }
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// ResponseStream sends what is written to it; its headers go out with the first piece.
class ResponseStream extends Writable {
  constructor(id) {
    super();
    Object.assign(this, { id, type: "application/octet-stream", call: undefined });
  }

  setContentType(type) {
    if (this.call) throw new Failure("InvalidStreamingOperation", "Cannot set content-type, too late.");
    this.type = type;
  }

  begin() {
    this.call ??= open("POST", `invocation/${this.id}/response`, {
      "content-type": this.type,
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "transfer-encoding": "chunked",
      trailer: ["Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"],
    });
    return this.call.req;
  }

  _write(chunk, _, done) {
    this.begin().write(chunk, done);
  }

  _final(done) {
    this.begin().end();
    this.call.answered.then(() => done(), done);
  }

  // fail tells the error after what was written, also when that is nothing.
  async fail(err) {
    const problem = described(err);
    const req = this.begin();
    req.addTrailers({
      "Lambda-Runtime-Function-Error-Type": problem.errorType,
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(problem)).toString("base64"),
    });
    req.end();
    return this.call.answered;
  }
}

// What code that streams finds: its head goes out before the first piece.
globalThis.awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: "response" }),
  HttpResponseStream: {
    from(out, prelude) {
      out.setContentType("application/vnd.awslambda.http-integration-response");
      out.write(JSON.stringify(prelude) + "\0".repeat(8));
      return out;
    },
  },
};

async function stream(handler, event, context) {
  const out = new ResponseStream(context.awsRequestId);
  try {
    await handler(event, out, context);
    if (!out.writableFinished) throw new Failure("Runtime.StreamNotFinished", "the handler returned before the stream was finished");
  } catch (err) {
    console.error(err);
    await out.fail(err);
  }
  // Unlike one without a stream, a handler with one waits by default until nothing is left to do.
  if (context.callbackWaitsForEmptyEventLoop) await new Promise((empty) => process.once("beforeExit", () => setImmediate(empty)));
}

async function answer(handler, event, context) {
  const id = context.awsRequestId;
  let text;
  try {
    text = JSON.stringify((await handler(event, context)) ?? null);
  } catch (err) {
    console.error(err);
    return report(`invocation/${id}/error`, err);
  }
  return call("POST", `invocation/${id}/response`, text, { "content-type": "application/json" });
}

let handler;
try {
  handler = await load(env.LAMBDA_TASK_ROOT, env._HANDLER);
} catch (err) {
  console.error(err);
  await report("init/error", err);
  process.exit(1);
}
const serve = handler[STREAMING] === "response" ? stream : answer;
for (;;) {
  const next = await call("GET", "invocation/next");
  await serve(handler, JSON.parse(next.body), contextOf(next.headers));
}
