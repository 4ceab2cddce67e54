// The loopback: code that calls for a connection's own request and response gets those of a real server, on a connection
// that does not leave the process. It carries what an ingress without connections has whole.
import { Agent, createServer as createLoopback, request as send } from "node:http";
import { Duplex } from "node:stream";

// End is one end of a connection within the process.
class End extends Duplex {
  static pair() {
    const [a, b] = [new End(), new End()];
    return [Object.assign(a, { other: b }), Object.assign(b, { other: a })];
  }

  _read() {
    const { more } = this;
    this.more = undefined;
    more?.();
  }

  _write(chunk, _, done) {
    if (this.other.push(chunk)) done();
    else this.other.more = done;
  }

  _final(done) {
    this.#finish();
    done();
  }

  // _destroy lets the other end read what was written before.
  _destroy(err, done) {
    this.#finish();
    done(err);
  }

  #finish() {
    if (!this.finished) this.other.push(null);
    this.finished = true;
  }

  // What node:http asks of a connection beyond its bytes.
  setTimeout() {
    return this;
  }

  setNoDelay() {}

  setKeepAlive() {}

  ref() {}

  unref() {}
}

// loopback puts a listener of (req, res) behind the server, and is what sends a request to it and resolves to the response.
function loopback(listener) {
  const limits = { maxHeaderSize: 64 << 10 };
  const clients = new WeakMap();
  const server = createLoopback({ ...limits, keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (req, res) => {
    req.socket.remoteAddress = clients.get(req.socket);
    Promise.resolve()
      .then(() => listener(req, res))
      .catch((err) => broken(res, err));
  });
  const agent = new Agent({ keepAlive: true });
  agent.createConnection = () => {
    const [near, far] = End.pair();
    server.emit("connection", far);
    return near;
  };
  return ({ method, target, headers, client, signal }, body) =>
    new Promise((answered, failed) => {
      const out = sent({ ...limits, agent, method, path: target, headers: headers.flat() });
      out.once("socket", (socket) => clients.set(socket.other, client));
      signal?.addEventListener("abort", () => out.destroy());
      out.once("response", answered).once("error", failed).end(body);
    });
}

// sent begins a request, or throws what no request can hold, which is the sender's fault.
function sent(options) {
  try {
    return send(options);
  } catch (err) {
    throw new BadRequest(err.message);
  }
}

// overLoopback is a listener of (req, res) as a function of exchanges.
function overLoopback(listener) {
  const ask = loopback(listener);
  return async (exchange) => {
    const refusal = answerOf(exchange);
    if (refusal) return answerWith(exchange, refusal);
    const res = await ask(exchange, await exchange.body.bytes());
    exchange.begin(res.statusCode, pairsOf(res.rawHeaders));
    for await (const chunk of res) await exchange.write(chunk);
    exchange.end();
  };
}

function pairsOf(raw) {
  const pairs = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i], raw[i + 1]]);
  return pairs;
}

// broken answers for a listener that threw: the traceback is for the log, not for the client.
function broken(res, err) {
  if (res.destroyed) return;
  console.error(err);
  if (res.writableEnded) return;
  if (res.headersSent) return void setImmediate(() => res.destroy()); // after what was written is out
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  const text = "internal server error\n"; // whose length the server would not know: the listener may have told it one
  res.writeHead(500, { "content-type": "text/plain; charset=utf-8", "content-length": text.length }).end(text);
}
