// Serves the app as Azure's host does, by Azure's own library: what ferry has no part in.
import { createServer } from "node:http";
import Module from "node:module";

const functions = [];
let model;
const core = {
  version: "3.9.1",
  hostVersion: "4.1036.0",
  Disposable: class {
    dispose() {}
  },
  setProgrammingModel: (given) => (model = given),
  registerFunction: (metadata, callback) => (functions.push({ metadata, callback }), new core.Disposable()),
  registerHook: () => new core.Disposable(),
  log() {},
};
const { require: given } = Module.prototype;
Module.prototype.require = function (id) {
  return id === "@azure/functions-core" ? core : given.call(this, id);
};
await import("./src/functions/items.js");

function routed(method, pathname) {
  for (const { metadata, callback } of functions) {
    const [name, { route, methods }] = Object.entries(metadata.bindings).find(([, { type }]) => type === "httpTrigger");
    const params = new RegExp(`^/api/${route.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`).exec(pathname);
    if (params && methods.includes(method)) return { name, metadata, callback, params: { ...params.groups } };
  }
}

createServer(async (req, res) => {
  const url = new URL(req.url, `http://${req.headers.host}`);
  const found = routed(req.method, url.pathname);
  if (!found) return res.writeHead(404).end();
  const body = Buffer.concat(await req.toArray());
  const http = { method: req.method, url: url.href, headers: req.headers, params: found.params, query: Object.fromEntries(url.searchParams), ...(body.length > 0 && { body: { bytes: body } }) };
  const invocation = model.getInvocationModel({
    invocationId: "1",
    metadata: found.metadata,
    request: { inputData: [{ name: found.name, data: { http } }], triggerMetadata: {} },
    log() {},
  });
  const { context, inputs } = await invocation.getArguments();
  const answer = await invocation.getResponse(context, await invocation.invokeFunction(context, inputs, found.callback));
  const { statusCode, headers, body: said } = answer.returnValue?.http ?? answer.outputData.find(({ data }) => data.http).data.http;
  res.writeHead(Number(statusCode), headers).end(said?.bytes ?? said?.string);
}).listen(process.env.PORT, "127.0.0.1");
