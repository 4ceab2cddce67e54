// Stands in for Azure's host and its worker: loads the app that a package.json names, and calls its functions by Azure's own
// library, requests on the connection that the library takes them on.
import { readFileSync } from "node:fs";
import { createServer, request as send } from "node:http";
import Module from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const functions = new Map();
let model;
const core = {
  version: "3.9.1",
  hostVersion: "4.1036.0",
  Disposable: class {
    dispose() {}
  },
  setProgrammingModel: (given) => (model = given),
  registerFunction: (metadata, callback) => (functions.set(metadata.name, { metadata, callback }), new core.Disposable()),
  registerHook: () => new core.Disposable(),
  log() {},
};
const { require: given } = Module.prototype;
Module.prototype.require = function (id) {
  return id === "@azure/functions-core" ? core : given.call(this, id);
};

const { main } = JSON.parse(readFileSync("package.json"));
await import(pathToFileURL(path.resolve(main)).href);
const { HttpUri: inside } = await model.getCapabilities({});
const prefix = JSON.parse(readFileSync("host.json")).extensions?.http?.routePrefix ?? "api";

// invoked calls a function as the worker does.
async function invoked(name, id, data, triggerMetadata) {
  const { metadata, callback } = functions.get(name);
  const [input] = Object.entries(metadata.bindings).find(([, { type }]) => /trigger$/i.test(type));
  const invocation = model.getInvocationModel({
    invocationId: id,
    metadata,
    request: { inputData: [{ name: input, data }], triggerMetadata },
    log: (level, category, message) => level !== "debug" && console.log(message),
  });
  const { context, inputs } = await invocation.getArguments();
  return invocation.getResponse(context, await invocation.invokeFunction(context, inputs, callback));
}

// joined are the headers of a request as the host tells them: text, one value for a name.
function joined(req) {
  const headers = {};
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const value = Buffer.from(req.rawHeaders[i + 1], "latin1").toString();
    const name = Object.keys(headers).find((key) => key.toLowerCase() === req.rawHeaders[i].toLowerCase()) ?? req.rawHeaders[i];
    headers[name] = name in headers ? `${headers[name]}${/^cookie$/i.test(name) ? "; " : ","}${value}` : value;
  }
  return headers;
}

// routed is the function for a request: the one for all, or one whose route is the path.
function routed(req) {
  const [pathname] = req.url.split("?");
  return [...functions.keys()].find((name) => {
    const trigger = Object.values(functions.get(name).metadata.bindings).find(({ type }) => type === "httpTrigger");
    return trigger && (trigger.route === "{*path}" || `/${prefix}/${trigger.route ?? name}` === pathname);
  });
}

const server = createServer((req, res) => {
  if (req.url.startsWith("/.host/")) return void called(req, res);
  const name = routed(req);
  if (!name) return void res.writeHead(404).end();
  const id = crypto.randomUUID();
  const headers = joined(req);
  if (!inside) return void whole(name, id, req, res, headers);
  const out = send(new URL(inside), { method: req.method, path: req.url, headers: { ...req.headers, "x-ms-invocation-id": id, "x-forwarded-host": req.headers.host, "x-forwarded-proto": "http" } });
  req.pipe(out);
  res.once("close", () => res.writableFinished || out.destroy());
  out.once("error", () => res.destroy());
  out.once("response", (answer) => {
    const raw = answer.rawHeaders.filter((_, i) => !/^(x-ms-invocation-id|connection|keep-alive|transfer-encoding)$/i.test(answer.rawHeaders[i - (i % 2)]));
    res.writeHead(answer.statusCode, raw);
    answer.pipe(res);
    answer.once("error", () => res.destroy());
  });
  invoked(name, id, {}, { Headers: { json: JSON.stringify(headers) } }).catch((err) => {
    console.log("FAILED", err);
    if (res.headersSent) return res.destroy();
    res.writeHead(500).end();
  });
});

// whole serves a request of an app that takes no streams: all of it goes to the worker, and all of the answer comes back.
async function whole(name, id, req, res, headers) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const url = `http://${req.headers.host}${req.url}`;
  try {
    const { returnValue } = await invoked(name, id, { http: { method: req.method, url, headers, body: { bytes: Buffer.concat(chunks) } } }, {});
    const { statusCode, headers: sent, body } = returnValue?.http ?? { statusCode: 204, headers: {} };
    res.writeHead(Number(statusCode), sent).end(Buffer.from(body?.bytes ?? ""));
  } catch (err) {
    console.log("FAILED", err);
    res.writeHead(500).end();
  }
}

async function called(req, res) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const { data, type, metadata = {} } = JSON.parse(Buffer.concat(chunks));
  const one = type === "bytes" ? { bytes: Buffer.from(data) } : { [type]: data };
  const about = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, { json: JSON.stringify(value) }]));
  try {
    await invoked(req.url.slice(7), crypto.randomUUID(), one, about);
    res.writeHead(204).end();
  } catch (err) {
    console.log("FAILED", err);
    res.writeHead(500).end();
  }
}

server.listen(Number(process.env.PORT));
