'use strict';
// A stand-in for the Node worker of Azure Functions: it supplies @azure/functions-core, loads the app as the worker does, and hands
// invocations, which come as JSON over HTTP, to the programming model that the app's own @azure/functions registers.
// Source of the interface: Azure/azure-functions-nodejs-worker, types-core/index.d.ts.
const fs = require('fs');
const http = require('http');
const path = require('path');
const Module = require('module');
const { pathToFileURL } = require('url');

const [port, dir] = process.argv.slice(2);
const functions = new Map();
const hooks = {};
let model;
let failure = '';

class Disposable {
  constructor(call) { this.call = call; }
  dispose() { this.call?.(); }
}

const core = {
  version: '1.0.0', hostVersion: '4.1041.200', workerVersion: '3.9.1', Disposable,
  log: (level, category, message) => console.log(message),
  setProgrammingModel: (m) => { model = m; },
  getProgrammingModel: () => model,
  registerFunction(metadata, callback) {
    if (functions.has(metadata.name)) throw new Error(`A function with name "${metadata.name}" has already been registered.`);
    functions.set(metadata.name, { metadata, callback });
    return new Disposable(() => functions.delete(metadata.name));
  },
  registerHook(name, callback) {
    (hooks[name] ??= []).push(callback);
    return new Disposable(() => { hooks[name] = hooks[name].filter((h) => h !== callback); });
  },
};

const load = Module._load;
Module._load = function (request, ...rest) {
  return request === '@azure/functions-core' ? core : load.call(this, request, ...rest);
};

async function runHooks(name, context) {
  for (const hook of hooks[name] ?? []) await hook(context);
}

function expand(pattern) {
  const braces = pattern.match(/^(.*)\{([^{}]*)\}(.*)$/);
  return braces ? braces[2].split(',').flatMap((part) => expand(braces[1] + part + braces[3])) : [pattern];
}

function matching(pattern) {
  const form = pattern.split(/(\*\*\/|\*\*|\*)/).map((part) =>
    ({ '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*' })[part] ?? part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('');
  const all = fs.readdirSync(dir, { recursive: true, withFileTypes: true }).filter((e) => e.isFile())
    .map((e) => path.relative(dir, path.join(e.parentPath ?? e.path, e.name)).split(path.sep).join('/'));
  return all.filter((name) => !name.startsWith('node_modules/') && new RegExp(`^${form}$`).test(name)).sort();
}

async function start() {
  const manifest = JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8'));
  if (!manifest.main) return;
  const main = path.posix.normalize(manifest.main);
  const files = expand(main).flatMap((p) => (p.includes('*') ? matching(p) : [p]));
  if (files.length === 0) throw new Error(`Found zero files matching the supplied pattern "${manifest.main}"`);
  for (const name of files) {
    const file = path.join(dir, name);
    if (!fs.existsSync(file)) throw new Error(`Worker was unable to load entry point "${manifest.main}": File does not exist.`);
    if (name.endsWith('.mjs') || (manifest.type === 'module' && !name.endsWith('.cjs'))) await import(pathToFileURL(file).href);
    else require(file);
  }
  await runHooks('appStart', { hookData: {} });
}

function typed(data) {
  if (data.http) {
    const body = Buffer.from(data.http.body ?? '', 'base64');
    return { http: { ...data.http, body: body.length ? { bytes: body } : undefined } };
  }
  if (data.bytes) return { bytes: Buffer.from(data.bytes, 'base64') };
  return data;
}

async function invoke(name, call) {
  const known = functions.get(name);
  if (!known) return { error: `Function ${name} is not registered.` };
  const metadata = { ...known.metadata };
  const request = {
    inputData: [{ name: call.name, data: typed(call.data) }], triggerMetadata: call.metadata ?? {},
    traceContext: { traceParent: call.trace ?? '', traceState: '', attributes: {} },
  };
  const ctx = { invocationId: call.id, metadata, request, state: undefined, log: (level, category, message) => console.log(message) };
  const invocation = model.getInvocationModel(ctx);
  const { context, inputs } = await invocation.getArguments();
  const pre = { hookData: {}, appHookData: {}, invocationContext: context, inputs, functionCallback: known.callback };
  const post = { ...pre, result: undefined, error: undefined };
  await runHooks('preInvocation', pre);
  try {
    post.result = await invocation.invokeFunction(context, pre.inputs, pre.functionCallback);
  } catch (error) {
    post.error = error;
  }
  await runHooks('postInvocation', post);
  if (post.error) throw post.error;
  return reply(await invocation.getResponse(context, post.result));
}

function reply(response) {
  const plain = (data) => {
    if (!data) return data;
    if (data.http) return { http: { ...data.http, body: Buffer.from(data.http.body?.bytes ?? data.http.body?.string ?? data.http.body?.json ?? '').toString('base64') } };
    return data.bytes ? { bytes: Buffer.from(data.bytes).toString('base64') } : data;
  };
  return {
    returnValue: plain(response.returnValue),
    outputs: Object.fromEntries((response.outputData ?? []).map((o) => [o.name, plain(o.data)])),
  };
}

async function answer(req) {
  let body = '';
  for await (const piece of req) body += piece;
  if (req.method === 'GET') {
    if (failure) return { error: failure };
    const capabilities = model ? await model.getCapabilities({}) : {};
    const all = [...functions.values()].map(({ metadata }) => ({
      name: metadata.name, language: 'node', bindings: Object.entries(metadata.bindings).map(([name, b]) => ({ name, ...b })),
    }));
    return { functions: all, httpUri: capabilities.HttpUri ?? '' };
  }
  try {
    return await invoke(decodeURIComponent(req.url.slice('/invoke/'.length)), JSON.parse(body));
  } catch (error) {
    console.error(error?.stack ?? String(error));
    return { error: error?.message ?? String(error) };
  }
}

const server = http.createServer(async (req, res) => {
  const said = await answer(req);
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(said));
});

start().catch((error) => {
  failure = error?.message || String(error);
  console.error(error?.stack ?? failure);
}).finally(() => server.listen(Number(port), '127.0.0.1'));
