// HTTP as Azure's library for Node hands it over: a request of the web standard, and a response that is made of what a
// function returns. What goes beyond them is on the connection that the host has with the library's own server.
import { subscribe } from "node:diagnostics_channel";

// connections are the responses on those connections, by the invocation that each is for.
const connections = new Map();

subscribe("http.server.request.start", ({ request, response }) => {
  const id = request.headers["x-ms-invocation-id"];
  if (id === undefined) return;
  connections.set(id, response);
  response.once("close", () => connections.delete(id));
});

// requestOfAzure is the request of a call. Header values are text, whose UTF-8 are the bytes.
function requestOfAzure(given) {
  const [, scheme, host, target] = /^(\w+):\/\/([^/?#]*)(.*)$/s.exec(given.url);
  const headers = [...given.headers].map(([name, value]) => [name, Buffer.from(value).toString("latin1")]);
  const value = (wanted) => headers.find(([name]) => name === wanted)?.[1];
  if (value("host") === undefined) headers.push(["host", host]);
  const stated = value("content-length");
  const none = given.body === null || given.body === undefined; // also where the library has dropped it
  const length = none ? 0 : stated === undefined ? undefined : Number(stated);
  const body = { length, bytes: async () => Buffer.from(await given.arrayBuffer()), stream: () => given.body };
  const seen = (value("x-forwarded-for") ?? "").split(",").pop().trim(); // with a port
  const client = /^\[(.*)\](:\d+)?$|^([^:]+):\d+$/.exec(seen);
  const told = none ? headers.filter(([name]) => !/^(content-length|transfer-encoding)$/.test(name)) : headers;
  return { method: given.method, target: escaped(target || "/"), scheme, headers: told, client: client?.[1] ?? client?.[3] ?? seen, body };
}

// onWire is a listener of (req, res) as a function of exchanges. The library's connections are its own.
function onWire(listener) {
  return overLoopback(listener);
}

const AHEAD = 4; // pieces of an answer that may wait for the library

// Returned is the outlet of an answer that a function of the library returns. It is returned as soon as some of the body is
// there; what comes after that follows in a stream.
class Returned {
  begun = false;
  ended = false;
  #waiting = []; // pieces, then how they end
  #wake = () => {};
  #room = () => {};

  constructor(connection) {
    this.connection = connection; // undefined where the host has none
    this.response = new Promise((resolve) => (this.resolve = resolve));
  }

  get gone() {
    return Boolean(this.connection?.destroyed);
  }

  reset() {}

  head(status, pairs, length) {
    const isCookie = ([name]) => name.toLowerCase() === "set-cookie";
    const headers = pairs.filter((pair) => !isCookie(pair));
    if (length !== undefined) headers.push(["content-length", String(length)]);
    this.parts = { status, headers, cookies: pairs.filter(isCookie).map(([, value]) => value) };
  }

  write(chunk) {
    if (!this.begun) this.#give(new ReadableStream({ pull: (controller) => this.#next(controller), cancel: () => this.#room() }, { highWaterMark: 0 }));
    this.#say((controller) => controller.enqueue(new Uint8Array(chunk))); // a copy: the handler may use its own again
    if (this.#waiting.length < AHEAD || this.gone) return undefined;
    return new Promise((resolve) => (this.#room = resolve));
  }

  end() {
    this.ended = true;
    if (this.begun) this.#say((controller) => controller.close());
    else this.#give(undefined);
  }

  // cut has the client see an answer that breaks off, after what was written is out. The library alone would leave it open.
  cut(err) {
    this.#say((controller) => setImmediate(() => (this.connection?.destroy(), controller.error(err))));
  }

  #say(step) {
    this.#waiting.push(step);
    this.#wake();
  }

  async #next(controller) {
    if (this.#waiting.length === 0) await new Promise((resolve) => (this.#wake = resolve));
    this.#waiting.shift()(controller);
    this.#room();
  }

  #give(body) {
    this.begun = true;
    const { status, headers, cookies } = this.parts;
    if (this.connection && cookies.length > 0) this.connection.setHeader("set-cookie", cookies);
    this.resolve({ status, headers, body, cookies: this.connection ? [] : cookies.map(cookieOf) });
  }
}

// cookieOf is a cookie in the parts that the library knows. It encodes the value.
function cookieOf(text) {
  const [pair, ...attributes] = text.split(/;\s*/);
  const at = pair.indexOf("=");
  const cookie = { name: pair.slice(0, at), value: decodedCookie(pair.slice(at + 1)) };
  for (const attribute of attributes) {
    const [, name, value = ""] = /^([^=]*)=?(.*)$/s.exec(attribute);
    switch (name.toLowerCase()) {
      case "expires":
        cookie.expires = new Date(value);
        break;
      case "max-age":
        cookie.maxAge = Number(value);
        break;
      case "domain":
        cookie.domain = value;
        break;
      case "path":
        cookie.path = value;
        break;
      case "secure":
        cookie.secure = true;
        break;
      case "httponly":
        cookie.httpOnly = true;
        break;
      case "samesite":
        cookie.sameSite = value.replace(/^./, (letter) => letter.toUpperCase());
        break;
    }
  }
  return cookie;
}

function decodedCookie(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
