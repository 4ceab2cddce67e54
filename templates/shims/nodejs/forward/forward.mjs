// One side of a migration. The old side has the new one answer a share of its requests, and answers by itself where that
// fails; the new side takes what the old one hands over as if the client had sent it.

// What the deploy says of the migration: of the old side {from, to, url, percent, wait, secret, final}, of the new one {to, accepts}, of
// both {key}: the header of the key that lets requests in to the new side. The old side has it in FERRY_MIGRATION_KEY.
const migration = JSON.parse(process.env.FERRY_MIGRATION ?? "{}");

const ENVELOPE = "ferry-forwarded"; // has what an ingress in between would change; what has one is never forwarded again
const UPGRADE = "upgrade";
const SIDE = "ferry-side"; // of an answer: who gave it
const CHANGED = new Set(["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", migration.key]);
const OWN = new Set(["date", "server", "via", "alt-svc"]); // of an answer: its ingress' own
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);
const PATIENCE = Math.min(3000, migration.wait ?? 3000); // ms for a connection

const word = migration.key && process.env.FERRY_MIGRATION_KEY;
const there = migration.url && new URL(migration.url);

// migrated is whether the other side has answered an exchange.
async function migrated(exchange) {
  if (migration.accepts) {
    const envelope = unsealed(exchange);
    exchange.added = [[SIDE, migration.to]];
    if (envelope?.probe) return answered(exchange);
    if (envelope) restore(exchange, envelope);
    return false;
  }
  if (Math.random() * 100 < migration.percent && forwardable(exchange) && (await forward(exchange))) return true;
  exchange.added = [[SIDE, migration.from]];
  return false;
}

// answered says to who asks whether requests get here that they do: no handler is called.
function answered(exchange) {
  exchange.begin(204, []);
  exchange.end();
  return true;
}

// unsealed is what an envelope holds that the old side has sealed.
function unsealed(exchange) {
  const sealed = exchange.header(ENVELOPE);
  if (!sealed) return undefined;
  const { createHash, timingSafeEqual } = required("node:crypto");
  try {
    const envelope = JSON.parse(Buffer.from(sealed, "base64url"));
    return timingSafeEqual(createHash("sha256").update(envelope.secret).digest(), Buffer.from(migration.accepts, "hex")) ? envelope : undefined;
  } catch {
    return undefined;
  }
}

// restore makes the exchange what the old side got.
function restore(exchange, { client, scheme, headers, authorizer }) {
  const kept = exchange.headers.filter(([name]) => !CHANGED.has(name.toLowerCase()) && name.toLowerCase() !== ENVELOPE);
  Object.assign(exchange, { client, scheme, headers: [...kept, ...headers], authorizer });
  if (exchange.ctx) exchange.ctx.clientIp = client;
  if (!exchange.connection) return;
  const { req } = exchange.connection; // which listeners of (req, res) get as it is
  req.rawHeaders.splice(0, Infinity, ...exchange.headers.flat());
  for (const name of [...CHANGED, ENVELOPE]) delete req.headers[name];
  for (const [name, value] of headers) req.headers[name.toLowerCase()] = value;
  Object.defineProperty(req.socket, "remoteAddress", { value: client, configurable: true, writable: true });
}

// forwardable is whether a request can be answered elsewhere: one that takes over its connection cannot, and one that was forwarded
// before is not.
function forwardable({ headers, method }) {
  for (const [name] of headers) {
    const { length } = name;
    if ((length === UPGRADE.length && name.toLowerCase() === UPGRADE) || (length === ENVELOPE.length && name.toLowerCase() === ENVELOPE)) return false;
  }
  return method !== "CONNECT";
}

const IDLE = 60_000; // ms that a connection is kept: what lies between may drop it in silence after some minutes
const agents = {};
let transport; // node:http or node:https, from the first request that is forwarded

// agentFor keeps connections for requests that may be sent again. Any other gets one of its own: whether one that is kept is
// still open shows only when it is too late.
function agentFor(repeatable) {
  if (!repeatable) return (agents.single ??= new transport.Agent({ keepAlive: false }));
  return (agents.kept ??= keeping());
}

// keeping is an agent that keeps connections, and notes since when each is free.
function keeping() {
  const agent = new transport.Agent({ keepAlive: true });
  const keep = agent.keepSocketAlive;
  agent.keepSocketAlive = function (socket) {
    socket.free = Date.now();
    return keep.call(this, socket);
  };
  return agent;
}

let dropped = 0;

// drop closes, once in a second, the connections that were kept for too long, which are the first of those that are free.
function drop({ freeSockets }) {
  const now = Date.now();
  if (now - dropped < 1000) return;
  dropped = now;
  const since = now - IDLE;
  for (const name in freeSockets) {
    for (const socket of freeSockets[name]) {
      if (socket.free > since) break;
      socket.destroy();
    }
  }
}

// forward has the new side answer, and is false where it failed and nothing is lost by answering here.
function forward(exchange) {
  return new Promise((resolve, reject) => new Asking(exchange, resolve, reject).ask());
}

// Asking is a request on its way to the new side and its answer on the way back. Its listeners are the same functions for all: there
// are many requests, and what each makes of its own is most of what forwarding it takes.
class Asking {
  out; // the request that is sent
  opened = false; // its connection stands: something of it may have arrived
  res; // the answer
  left; // how much of the answer is to come, where that is known
  ended = false; // all of it is here
  timer; // for the connection
  late; // for the head of the answer, where this side can still give one
  hung = false; // it was not there in time

  constructor(exchange, resolve, reject) {
    const { method, connection, body } = exchange;
    this.exchange = exchange;
    this.repeatable = REPEATABLE.has(method) && (!connection || body.length === 0);
    this.resolve = resolve;
    this.reject = reject;
    if (connection) {
      connection.res.asking = this;
      connection.res.on("close", clientLeft);
    } else {
      exchange.aborted?.().addEventListener("abort", () => this.out?.destroy(), { once: true });
    }
  }

  ask() {
    const { exchange, repeatable } = this;
    transport ??= required(there.protocol === "https:" ? "node:https" : "node:http");
    const agent = agentFor(repeatable);
    if (repeatable) drop(agent);
    this.opened = false;
    // The path stands as it came: nothing between here and there may resolve it.
    const out = transport.request({ host: there.hostname, port: there.port, method: exchange.method, path: exchange.target, headers: requestHeaders(exchange), agent });
    this.out = out;
    out.asking = this;
    out.on("socket", connected).on("response", answering).on("error", failed).on("close", refused);
    if (exchange.body.length !== 0) return;
    out.end(); // it waits for the connection by itself
    this.wait();
  }

  // wait begins, when the request is sent, the time after which this side answers by itself.
  wait() {
    if (this.out && this.repeatable && migration.wait && !migration.final) this.late ??= setTimeout(hangs, migration.wait, this);
  }

  // open is told when the connection stands.
  open() {
    clearTimeout(this.timer);
    this.opened = true;
    if (this.exchange.body.length !== 0) sendBody(this.exchange, this.out, this.repeatable);
  }

  // fail breaks an answer off.
  fail(err) {
    this.res.destroy();
    this.reject(err);
  }

  end() {
    this.ended = true;
    this.resolve(true);
  }
}

function hangs(asking) {
  asking.hung = true;
  asking.out.destroy(new Error(`no answer in ${migration.wait} ms`));
}

function clientLeft() {
  if (!this.writableFinished) this.asking.out?.destroy();
}

function connected(socket) {
  const { asking } = this;
  const secure = this.protocol === "https:";
  if (this.reusedSocket || (!socket.connecting && !secure)) return asking.open();
  asking.timer = setTimeout(() => this.destroy(new Error("no connection in time")), PATIENCE);
  socket.once(secure ? "secureConnect" : "connect", () => asking.open());
}

// failed decides what a failure before the answer means.
function failed(err) {
  const { asking } = this;
  const { exchange, repeatable } = asking;
  if (asking.res || asking.out !== this) return; // the answer tells of it, too, or it is known
  clearTimeout(asking.timer);
  if (repeatable && this.reusedSocket && !asking.hung && !exchange.gone) return asking.ask(); // a connection that was kept for too long
  asking.out = undefined;
  clearTimeout(asking.late);
  if (exchange.gone) return asking.resolve(true);
  if (migration.final || (!repeatable && asking.opened)) return asking.reject(err);
  asking.resolve(told(exchange, err.message));
}

// refused is told last of every request, and alone where the new side wants another protocol on the connection.
function refused() {
  const { asking } = this;
  if (!asking.res && asking.out === this) failed.call(this, new Error("the connection closed without an answer"));
}

function told(exchange, why) {
  console.error(`ferry: ${migration.to} did not answer ${exchange.method} ${pathOf(exchange.target)} (${why}): answered here`);
  return false;
}

// answering hands back what the new side answers.
function answering(res) {
  const { asking } = this;
  const { exchange } = asking;
  asking.res = res;
  clearTimeout(asking.late);
  // An answer without the mark is not the function's but its ingress'.
  if (res.statusCode >= 400 && asking.repeatable && !migration.final && res.headers[SIDE] === undefined) {
    res.on("error", () => {}).resume();
    return asking.resolve(told(exchange, `status ${res.statusCode}`));
  }
  res.asking = asking;
  res.on("error", brokeOff).on("close", brokeOff);
  try {
    exchange.added = [[SIDE, migration.to]];
    exchange.begin(res.statusCode, answerHeaders(asking, res.rawHeaders));
    res.on("data", part).on("end", ended);
  } catch (err) {
    asking.fail(err);
  }
}

// answerHeaders are the headers of an answer that the client gets.
function answerHeaders(asking, raw) {
  const pairs = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase();
    if (name === "content-length") asking.left = Number(raw[i + 1]);
    if (OWN.has(name) || name === SIDE || (config.forward.cors && name.startsWith("access-control-"))) continue;
    pairs.push([name, raw[i + 1]]);
  }
  return pairs;
}

function part(chunk) {
  const { asking } = this;
  if (asking.ended) return;
  try {
    if (chunk.length === asking.left) {
      asking.exchange.last(chunk);
      return asking.end();
    }
    asking.left -= chunk.length;
    const written = asking.exchange.write(chunk);
    if (!written) return;
    this.pause();
    written.then(
      () => this.resume(),
      (err) => asking.fail(err),
    );
  } catch (err) {
    asking.fail(err);
  }
}

function ended() {
  const { asking } = this;
  if (asking.ended) return;
  try {
    asking.exchange.end();
    asking.end();
  } catch (err) {
    asking.fail(err);
  }
}

function brokeOff(err) {
  if (!this.asking.ended) this.asking.fail(err ?? new Error("the answer broke off"));
}

const UNSENT = new Set([...HOP, "host", "content-length", "expect", migration.key]); // of a request: the new side gets its own

// requestHeaders are the headers for the new side, names and values in turn, with what the client sent in an envelope.
function requestHeaders({ client, scheme, headers, body, authorizer }) {
  const all = ["host", there.host];
  const changed = [];
  if (migration.key) all.push(migration.key, word);
  for (const pair of headers) {
    const name = pair[0].toLowerCase();
    if (CHANGED.has(name)) changed.push(pair);
    if (!UNSENT.has(name)) all.push(pair[0], pair[1]);
  }
  const envelope = JSON.stringify({ secret: migration.secret, client, scheme, headers: changed, authorizer });
  all.push(ENVELOPE, Buffer.from(envelope).toString("base64url"));
  if (body.length) all.push("content-length", String(body.length));
  else if (body.length === undefined) all.push("transfer-encoding", "chunked"); // or that of a GET would be taken for the next request
  return all;
}

// sendBody sends the body, and keeps it for another attempt where that may come.
function sendBody(exchange, out, keeps) {
  const { body, connection } = exchange;
  const stop = (err) => out.destroy(err);
  if (!keeps && body.stream) {
    const stream = connection?.req ?? required("node:stream").Readable.fromWeb(body.stream());
    return void stream.on("error", stop).pipe(out);
  }
  const send = (bytes) => {
    const whole = Buffer.from(bytes);
    exchange.body = { length: whole.length, whole, bytes: () => whole };
    out.end(whole);
    out.asking.wait();
  };
  Promise.resolve(body.bytes()).then(send, stop);
}
