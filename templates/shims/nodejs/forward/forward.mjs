// One side of a migration. The old side has the new one answer a share of its requests, and answers by itself where that
// fails; the new side takes what the old one hands over as if the client had sent it.
import * as sealing from "node:crypto";
import * as plainly from "node:http";
import * as securely from "node:https";
import * as flowing from "node:stream";

// What the deploy says of the migration: of the old side {from, to, url, percent, secret, final}, of the new one {to, accepts}, of
// both {key}: the header of the key that lets requests in to the new side. The old side has it in FERRY_MIGRATION_KEY.
const migration = JSON.parse(process.env.FERRY_MIGRATION ?? "{}");

const ENVELOPE = "ferry-forwarded"; // has what an ingress in between would change; what has one is never forwarded again
const SIDE = "ferry-side"; // of an answer: who gave it
const CHANGED = new Set(["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", migration.key]);
const OWN = new Set(["date", "server", "via", "alt-svc"]); // of an answer: its ingress' own
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);
const PATIENCE = 3000; // ms for a connection

const there = migration.url && new URL(migration.url);

// migrated is whether the other side has answered an exchange.
async function migrated(exchange) {
  const envelope = unsealed(exchange);
  if (migration.accepts) {
    exchange.added = [[SIDE, migration.to]];
    if (envelope?.probe) return answered(exchange);
    if (envelope) restore(exchange, envelope);
    return false;
  }
  if (!exchange.header(ENVELOPE) && forwardable(exchange) && Math.random() * 100 < migration.percent && (await forward(exchange))) return true;
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
  if (!sealed || !migration.accepts) return undefined;
  try {
    const envelope = JSON.parse(Buffer.from(sealed, "base64url"));
    return sealing.timingSafeEqual(sealing.createHash("sha256").update(envelope.secret).digest(), Buffer.from(migration.accepts, "hex")) ? envelope : undefined;
  } catch {
    return undefined;
  }
}

// restore makes the exchange what the old side got.
function restore(exchange, { client, scheme, headers }) {
  const kept = exchange.headers.filter(([name]) => !CHANGED.has(name.toLowerCase()) && name.toLowerCase() !== ENVELOPE);
  Object.assign(exchange, { client, scheme, headers: [...kept, ...headers] });
  if (exchange.ctx) exchange.ctx.clientIp = client;
  if (!exchange.connection) return;
  const { req } = exchange.connection; // which listeners of (req, res) get as it is
  req.rawHeaders.splice(0, Infinity, ...exchange.headers.flat());
  for (const name of [...CHANGED, ENVELOPE]) delete req.headers[name];
  for (const [name, value] of headers) req.headers[name.toLowerCase()] = value;
  Object.defineProperty(req.socket, "remoteAddress", { value: client, configurable: true, writable: true });
}

// forwardable is whether a request can be answered elsewhere: one that takes over its connection cannot.
function forwardable(exchange) {
  return exchange.header("upgrade") === undefined && exchange.method !== "CONNECT";
}

const agents = {};

// agentFor keeps connections for requests that may be sent again. Any other gets one of its own: whether one that is kept is
// still open shows only when it is too late.
function agentFor(http, repeatable) {
  if (!repeatable) return new http.Agent({ keepAlive: false });
  return (agents.kept ??= new http.Agent({ keepAlive: true, timeout: 60_000 }));
}

// forward has the new side answer, and is false where it failed and nothing is lost by answering here.
async function forward(exchange) {
  const repeatable = REPEATABLE.has(exchange.method) && (!exchange.connection || exchange.body.length === 0);
  for (;;) {
    const asked = new Asking(exchange, repeatable);
    let res;
    try {
      res = await asked.answer();
    } catch (err) {
      if (repeatable && asked.reused) continue; // a connection that was kept for too long
      if (!migration.final && (repeatable || !asked.sent)) return told(exchange, err.message);
      throw err;
    }
    // An answer without the mark is not the function's but its ingress'.
    if (!migration.final && repeatable && res.statusCode >= 400 && res.headers[SIDE] === undefined) {
      res.resume();
      return told(exchange, `status ${res.statusCode}`);
    }
    await handBack(exchange, res);
    return true;
  }
}

function told(exchange, why) {
  console.error(`ferry: ${migration.to} did not answer ${exchange.method} ${pathOf(exchange.target)} (${why}): answered here`);
  return false;
}

// Asking is one attempt to have the new side answer.
class Asking {
  sent = false; // something of the request may have arrived

  constructor(exchange, repeatable) {
    const http = there.protocol === "https:" ? securely : plainly;
    const { method, connection } = exchange;
    const headers = requestHeaders(exchange);
    this.exchange = exchange;
    this.keeps = repeatable;
    // The path stands as it came: nothing between here and there may resolve it.
    this.out = http.request({ host: there.hostname, port: there.port, method, path: exchange.target, headers, agent: agentFor(http, repeatable) });
    if (connection) connection.res.once("close", () => connection.res.writableFinished || this.out.destroy());
    else exchange.aborted?.().addEventListener("abort", () => this.out.destroy(), { once: true });
  }

  get reused() {
    return this.out.reusedSocket;
  }

  async answer() {
    const answered = new Promise((resolve, reject) => this.out.once("response", resolve).once("error", reject));
    answered.catch(() => {}); // it may fail before it is waited for
    await Promise.race([this.#connected(), answered]);
    this.sent = true;
    if (this.exchange.body.length === 0) this.out.end();
    else await Promise.race([sendBody(this.exchange, this.out, this.keeps), answered]);
    return answered;
  }

  #connected() {
    const { out } = this;
    const secure = out.protocol === "https:";
    return new Promise((resolve) => {
      let timer;
      const open = () => (clearTimeout(timer), resolve());
      out.once("close", open).once("socket", (socket) => {
        if (out.reusedSocket || (!socket.connecting && !secure)) return open();
        timer = setTimeout(() => out.destroy(new Error("no connection in time")), PATIENCE);
        socket.once(secure ? "secureConnect" : "connect", open);
      });
    });
  }
}

const UNSENT = new Set([...HOP, "host", "content-length", "expect", migration.key]); // of a request: the new side gets its own

// requestHeaders are the headers for the new side, names and values in turn, with what the client sent in an envelope.
function requestHeaders({ client, scheme, headers, body }) {
  const all = ["host", there.host];
  const changed = [];
  if (migration.key) all.push(migration.key, process.env.FERRY_MIGRATION_KEY);
  for (const pair of headers) {
    const name = pair[0].toLowerCase();
    if (CHANGED.has(name)) changed.push(pair);
    if (!UNSENT.has(name)) all.push(pair[0], pair[1]);
  }
  const envelope = JSON.stringify({ secret: migration.secret, client, scheme, headers: changed });
  all.push(ENVELOPE, Buffer.from(envelope).toString("base64url"));
  if (body.length) all.push("content-length", String(body.length));
  return all;
}

// sendBody sends the body, and keeps it for another attempt where that may come.
async function sendBody(exchange, out, keeps) {
  const { body } = exchange;
  if (keeps || !body.stream) {
    const whole = Buffer.from(await body.bytes());
    exchange.body = { length: whole.length, whole, bytes: () => whole };
    return void out.end(whole);
  }
  for await (const chunk of flowing.Readable.fromWeb(body.stream())) {
    if (!out.write(chunk)) await new Promise((resolve) => out.once("drain", resolve).once("close", resolve));
  }
  out.end();
}

// handBack gives the client what the new side answered.
async function handBack(exchange, res) {
  const pairs = [];
  for (let i = 0; i < res.rawHeaders.length; i += 2) {
    const name = res.rawHeaders[i].toLowerCase();
    const twice = config.forward.cors && name.startsWith("access-control-");
    if (!OWN.has(name) && !twice && name !== SIDE) pairs.push([name, res.rawHeaders[i + 1]]);
  }
  exchange.added = [[SIDE, migration.to]];
  exchange.begin(res.statusCode, pairs);
  await new Promise((resolve, reject) => {
    const failed = (err) => (res.destroy(), reject(err));
    res.on("data", (chunk) => {
      try {
        const written = exchange.write(chunk);
        if (written) res.pause(), written.then(() => res.resume(), failed);
      } catch (err) {
        failed(err);
      }
    });
    res.once("end", resolve).once("error", failed).once("close", () => failed(new Error("the answer broke off")));
  });
  exchange.end();
}
