'use strict';
// Drives the real Node worker of Azure Functions as its host does, over the worker's own gRPC, and takes invocations as JSON over
// HTTP, as the stand-in beside it does. The worker is a checkout of Azure/azure-functions-nodejs-worker that was built, whose own
// packages and protocol are used.
const { spawn } = require('child_process');
const crypto = require('crypto');
const http = require('http');
const { createRequire } = require('module');
const path = require('path');

const [port, dir, home] = process.argv.slice(2);
const its = createRequire(path.join(home, 'package.json'));
const grpc = its('@grpc/grpc-js');
const rpc = its('./dist/azure-functions-language-worker-protobuf/src/rpc.js');
const protocol = its('@grpc/proto-loader').fromJSON(rpc, { enums: String, oneofs: true });

const mebibytes = 2 ** 20;
const most = { 'grpc.max_receive_message_length': 128 * mebibytes, 'grpc.max_send_message_length': 128 * mebibytes };
const functions = new Map();
const waiting = new Map();
let stream;
let capabilities = {};
let failure = '';

// ask sends a request to the worker, and answers with what it replies to it.
function ask(request) {
  const requestId = crypto.randomUUID();
  return new Promise((resolve, reject) => {
    waiting.set(requestId, (message) => {
      const reply = message[message.content];
      if (reply.result?.status === 'Success') resolve(reply);
      else reject(new Error(reply.result?.exception?.message ?? 'the worker reports a failure'));
    });
    stream.write({ requestId, ...request });
  });
}

function take(message) {
  if (message.content !== 'rpcLog') return void waiting.get(message.requestId)?.(message);
  const { level, message: text } = message.rpcLog;
  if (level !== 'Debug' && level !== 'Trace' && level !== undefined) console.log(text);
}

async function start() {
  const init = await ask({ workerInitRequest: { hostVersion: '4.1041.200', capabilities: {}, workerDirectory: home, functionAppDirectory: dir } });
  capabilities = init.capabilities ?? {};
  const { functionMetadataResults: all = [] } = await ask({ functionsMetadataRequest: { functionAppDirectory: dir } });
  for (const metadata of all) {
    await ask({ functionLoadRequest: { functionId: metadata.functionId, metadata } });
    functions.set(metadata.name, { id: metadata.functionId, bindings: metadata.rawBindings.map((one) => JSON.parse(one)) });
  }
}

function typed(data) {
  if (data.bytes !== undefined) return { bytes: Buffer.from(data.bytes, 'base64') };
  if (!data.http) return data;
  const body = Buffer.from(data.http.body ?? '', 'base64');
  return { http: { ...data.http, body: body.length ? { bytes: body } : undefined } };
}

function plain(data) {
  if (data?.http) {
    const { bytes, string, json } = data.http.body ?? {};
    return { http: { ...data.http, body: Buffer.from(bytes ?? string ?? json ?? '').toString('base64') } };
  }
  return data?.bytes ? { bytes: data.bytes.toString('base64') } : data;
}

async function invoke(name, call) {
  const known = functions.get(name);
  if (!known) return { error: `Function ${name} is not registered.` };
  const { returnValue, outputData = [] } = await ask({ invocationRequest: {
    invocationId: call.id, functionId: known.id, inputData: [{ name: call.name, data: typed(call.data) }], triggerMetadata: call.metadata ?? {},
    traceContext: { traceParent: call.trace ?? '', traceState: '', attributes: {} },
  } });
  return { returnValue: plain(returnValue), outputs: Object.fromEntries(outputData.map((one) => [one.name, plain(one.data)])) };
}

async function answer(req) {
  let body = '';
  for await (const piece of req) body += piece;
  if (req.method === 'GET') {
    if (failure) return { error: failure };
    return { functions: [...functions].map(([name, { bindings }]) => ({ name, language: 'node', bindings })), httpUri: capabilities.HttpUri ?? '' };
  }
  return invoke(decodeURIComponent(req.url.slice('/invoke/'.length)), JSON.parse(body)).catch((error) => ({ error: error.message }));
}

const front = http.createServer(async (req, res) => {
  const said = await answer(req);
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(said));
});

const host = new grpc.Server(most);
host.addService(protocol['AzureFunctionsRpcMessages.FunctionRpc'], {
  eventStream(given) {
    stream = given;
    stream.on('data', (message) => {
      if (message.content !== 'startStream') return take(message);
      start().catch((error) => {
        failure = error.message;
        console.error(failure);
      }).finally(() => front.listen(Number(port), '127.0.0.1'));
    });
    stream.on('error', () => process.exit(1));
  },
});
host.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
  if (error) throw error;
  host.start();
  const id = crypto.randomUUID();
  const told = { uri: `http://127.0.0.1:${bound}`, 'worker-id': id, 'request-id': id, 'grpc-max-message-length': String(128 * mebibytes) };
  const flags = Object.entries(told).flatMap(([name, value]) => [`--functions-${name}`, value]);
  const worker = spawn(process.execPath, [...process.execArgv, path.join(home, 'dist/src/nodejsWorker.js'), ...flags], { cwd: dir, stdio: ['ignore', 'inherit', 'inherit'] });
  worker.once('exit', (code) => process.exit(code ?? 1));
});
