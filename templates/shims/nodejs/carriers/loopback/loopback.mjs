// The loopback: code that calls for a connection's own request and response gets those of a real server on this machine.
// It carries what an ingress without connections has whole.
import { Agent, createServer, request as send } from "node:http";

// onWire calls a listener of (req, res) behind the server.
async function onWire(listener) {
  const limits = { maxHeaderSize: 64 << 10 };
  const server = createServer({ ...limits, keepAliveTimeout: 0, requestTimeout: 0 }, (req, res) => {
    const cors = corsHeaders(req);
    listener(req, res, cors).catch((err) => broken(res, err, cors));
  });
  await new Promise((listening, failed) => server.once("error", failed).listen(0, "127.0.0.1", listening));
  server.unref();
  const to = { ...limits, host: "127.0.0.1", port: server.address().port, agent: new Agent({ keepAlive: true }) };
  return async (exchange) => {
    const { req, ctx } = exchange;
    const res = await new Promise((answered, failed) => {
      const out = send({ ...to, method: req.method, path: req.url, headers: req.rawHeaders });
      ctx.signal.addEventListener("abort", () => out.destroy());
      out.once("response", answered).once("error", failed).end(exchange.body());
    });
    const pairs = [];
    for (let i = 0; i < res.rawHeaders.length; i += 2) pairs.push([res.rawHeaders[i], res.rawHeaders[i + 1]]);
    exchange.head(res.statusCode, pairs);
    for await (const chunk of res) await exchange.write(chunk);
    exchange.end();
  };
}

// broken answers for a listener that threw: the traceback is for the log, not for the client.
function broken(res, err, cors) {
  if (res.destroyed) return;
  console.error(err);
  if (res.headersSent) return void res.destroy();
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.writeHead(500, [...cors, ["content-type", "text/plain; charset=utf-8"]].flat()).end("internal server error\n");
}
