// Runs before the user's module: a Response and a Request that keep what they were made of. Most are of text and a few headers, and
// what makes the standard's own dear is all that it puts around them, which is made here when somebody asks for it. Until then not even
// the standard's classes are loaded, which is a fifth of the work of a start.
const inspect = Symbol.for("nodejs.util.inspect.custom");
const lazily = ["Response", "Request"].map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
let own; // the standard's own classes

// standards loads them, and has ours inherit from them.
function standards() {
  if (own) return own;
  const ours = ["Response", "Request"].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  const [Response, Request] = lazily.map(({ get, value }) => value ?? get.call(globalThis)); // which puts them in place, too
  for (const [name, descriptor] of ours) Object.defineProperty(globalThis, name, descriptor);
  own = { Response, Request };
  inherit(Given, Response);
  Object.setPrototypeOf(Given, Response);
  return own;
}

// BODY are the members that bodies have, of which the last are methods.
const BODY = ["body", "bodyUsed", "clone", "blob", "arrayBuffer", "text", "json", "formData", "bytes"];
const METHODS = new Set(BODY.slice(2));

// standIn gives a class those members that it does not have itself: done by the standard's own object, which whole finds.
function standIn(Class, tag, members, whole) {
  for (const name of [...members, ...BODY]) {
    const got = { get [name]() { return whole(this)[name]; } }; // prettier-ignore
    const done = { [name](...given) { return whole(this)[name](...given); } }; // prettier-ignore
    const from = [Class.prototype, METHODS.has(name) ? done : got].find((one) => Object.hasOwn(one, name));
    Object.defineProperty(Class.prototype, name, { ...Object.getOwnPropertyDescriptor(from, name), enumerable: true });
  }
  const shown = function (...given) { return standards()[tag].prototype[inspect].apply(this, given); }; // prettier-ignore
  Object.defineProperty(Class.prototype, inspect, { value: shown, writable: true, configurable: true });
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: tag, configurable: true });
}

// inherit has a class inherit from another, without what that does not know yet.
function inherit(Class, Parent) {
  for (const name of BODY) if (!(name in Parent.prototype)) delete Class.prototype[name];
  Object.setPrototypeOf(Class.prototype, Parent.prototype);
}

// keepUp gives headers what others hold now.
function keepUp(headers, others) {
  for (const name of new Set(headers.keys())) headers.delete(name);
  for (const [name, value] of others) headers.append(name, value);
}

const BODILESS_STATUS = new Set([204, 205, 304]);
const PLAIN_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

// plainPairs are the headers of an object of plain text, or undefined where it takes more to tell what they are.
function plainPairs(headers) {
  if (headers === undefined) return [];
  if (headers === null || Object.getPrototypeOf(headers) !== Object.prototype || Object.getOwnPropertySymbols(headers).length > 0) return undefined;
  const pairs = Object.entries(headers);
  const names = new Set();
  for (const [name, value] of pairs) {
    if (typeof value !== "string" || !TOKEN.test(name) || !PLAIN_TEXT.test(value) || value !== value.trim()) return undefined;
    names.add(name.toLowerCase());
  }
  return names.size === pairs.length ? pairs : undefined;
}

// listed are pairs in the order and the form in which Headers lists them.
function listed(pairs) {
  const lower = pairs.map(([name, value]) => [name.toLowerCase(), value]);
  return lower.length > 1 ? lower.sort(([a], [b]) => (a < b ? -1 : 1)) : lower;
}

// isPlain is whether the standard makes of it a Response that holds no more than was given.
function isPlain(body, init, status, statusText) {
  if (typeof init !== "object" && init !== undefined) return false;
  if (body !== null && (BODILESS_STATUS.has(status) || !(typeof body === "string" || body instanceof Uint8Array))) return false;
  return Number.isInteger(status) && status >= 200 && status <= 599 && typeof statusText === "string" && PLAIN_TEXT.test(statusText);
}

let givenOf; // what a Response was made of, undefined for one that has to be read

const Given = class Response {
  #given; // the body: text, bytes or null
  #status;
  #statusText;
  #pairs; // the headers, until somebody asks for them
  #headers;
  #whole; // the standard's own, once somebody asks for what only that has

  constructor(body = null, init = undefined) {
    const { status = 200, statusText = "", headers } = init ?? {};
    if (!isPlain(body, init, status, statusText)) {
      this.#whole = new (standards().Response)(body, init);
      return;
    }
    this.#pairs = plainPairs(headers);
    if (!this.#pairs) this.#headers = new Headers(headers);
    this.#given = body instanceof Uint8Array ? new Uint8Array(body) : body;
    this.#status = status;
    this.#statusText = statusText;
    if (typeof body === "string") this.#typed("text/plain;charset=UTF-8");
  }

  // typed gives a body the type that its kind has, unless it has one.
  #typed(type) {
    if (!this.#pairs) {
      if (!this.#headers.has("content-type")) this.#headers.set("content-type", type);
    } else if (!this.#pairs.some(([name]) => name.toLowerCase() === "content-type")) {
      this.#pairs.push(["content-type", type]);
    }
  }

  get status() {
    return this.#status ?? this.#whole.status;
  }

  get statusText() {
    return this.#statusText ?? this.#whole.statusText;
  }

  get ok() {
    return this.status >= 200 && this.status <= 299;
  }

  get headers() {
    if (this.#status === undefined) return this.#whole.headers;
    return (this.#headers ??= new Headers(this.#pairs));
  }

  get bodyUsed() {
    return this.#whole?.bodyUsed ?? false;
  }

  clone() {
    const copy = new Given();
    copy.#whole = Given.#wholeOf(this).clone();
    copy.#status = copy.#statusText = undefined; // they are the whole's
    return copy;
  }

  static #wholeOf(response) {
    if (!(#given in response)) return response;
    const init = { status: response.#status, statusText: response.#statusText, headers: response.#headers ?? response.#pairs };
    const whole = (response.#whole ??= new (standards().Response)(response.#given, init));
    if (response.#headers) keepUp(whole.headers, response.#headers);
    return whole;
  }

  static json(data, init = undefined) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("this value has no JSON form");
    const response = new Given(null, init);
    if (response.#whole || BODILESS_STATUS.has(response.#status)) return standards().Response.json(data, init);
    response.#given = text;
    response.#typed("application/json");
    return response;
  }

  static error() {
    return standards().Response.error();
  }

  static redirect(...given) {
    return standards().Response.redirect(...given);
  }

  // What fetch() gives is a Response all the same.
  static [Symbol.hasInstance](value) {
    if (this !== Given) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && (#given in value || value instanceof standards().Response);
  }

  static {
    standIn(this, "Response", ["type", "url", "redirected", "status", "ok", "statusText", "headers"], (response) => Given.#wholeOf(response));
    for (const name of ["json", "error", "redirect"]) Object.defineProperty(this, name, { enumerable: true });
    givenOf = (response) => {
      if (typeof response !== "object" || response === null || !(#given in response) || response.#whole) return undefined;
      return { status: response.#status, headers: response.#headers ?? listed(response.#pairs), body: response.#given ?? "" };
    };
  }
};

// Arrived is a Request without a body that is made of nothing but an exchange. fill puts that one's headers in place.
class Arrived {
  #url;
  #exchange;
  #fill;
  #headers;
  #whole;

  constructor(url, exchange, fill) {
    this.#url = url;
    this.#exchange = exchange;
    this.#fill = fill;
  }

  // whole is the standard's own Request where a value is one of these, or the value.
  static whole(value) {
    if (typeof value !== "object" || value === null || !(#url in value)) return value;
    value.#whole ??= new (standards().Request)(value.#url, { method: value.method, signal: value.signal });
    keepUp(value.#whole.headers, value.headers);
    return value.#whole;
  }

  get method() {
    return this.#exchange.method;
  }

  get url() {
    return this.#url;
  }

  get headers() {
    return (this.#headers ??= this.#fill(new Headers(), this.#exchange));
  }

  get signal() {
    return this.#exchange.aborted();
  }

  get body() {
    return null;
  }

  get bodyUsed() {
    return false;
  }

  static {
    Object.defineProperty(this.prototype, "constructor", { get: () => globalThis.Request, configurable: true });
    const rest = ["destination", "referrer", "referrerPolicy", "mode", "credentials", "cache", "redirect", "integrity", "keepalive", "isReloadNavigation", "isHistoryNavigation", "duplex"]; // prettier-ignore
    standIn(this, "Request", ["method", "url", "headers", "signal", ...rest], Arrived.whole);
  }
}

// requestClass is the global Request, which is made when somebody names it.
function requestClass() {
  const Request = class Request extends standards().Request {
    constructor(input, init = undefined) {
      super(Arrived.whole(input), init);
    }
  };
  inherit(Arrived, Request);
  delete Arrived.prototype.constructor;
  setGlobal("Request", Request);
  return Request;
}

function setGlobal(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

setGlobal("Response", Given);
Object.defineProperty(globalThis, "Request", { get: requestClass, set: (value) => setGlobal("Request", value), configurable: true, enumerable: false });

// fetch looks into a Request, so that it has to be the standard's own.
const fetchOf = globalThis.fetch;
globalThis.fetch = function fetch(input, init = undefined) {
  return fetchOf(Arrived.whole(input), init);
};

const REQUESTED = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);

// PLAIN_TARGET is a target that a URL leaves as it is.
const PLAIN_TARGET = /^(?:\/(?!\.|%2e)[\w\-.~!$&'()*+,;=:@%]*)+(?:\?[\w\-.~!$&()*+,;=:@%/?[\]]*)?$/i;

let known; // the origin that was asked for last

// isOrigin is whether a URL leaves an origin as it is.
function isOrigin(origin) {
  if (origin === known) return true;
  if (!URL.canParse(origin) || new URL(origin).href !== `${origin}/`) return false;
  known = origin;
  return true;
}

// over is the Request of an exchange with a host; undefined where the standard has to judge it.
function over(exchange, host, fill) {
  const { method, scheme, target, body } = exchange;
  const origin = `${scheme}://${host}`;
  const plain = REQUESTED.has(method) && (body.length === 0 || method === "GET" || method === "HEAD") && PLAIN_TARGET.test(target) && isOrigin(origin);
  return plain ? new Arrived(origin + target, exchange, fill) : undefined;
}

light = { given: givenOf, over };
