// Runs before the user's module: a Response and a Request that keep what they were made of. Most are of text and a few headers, and
// what makes the standard's own dear is all that it puts around them, which is made here when somebody asks for it.
const standards = { Response: globalThis.Response, Request: globalThis.Request };

// BODILESS_STATUS are those that the standard lets have no body.
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

// keepUp gives headers what others hold now.
function keepUp(headers, others) {
  for (const name of new Set(headers.keys())) headers.delete(name);
  for (const [name, value] of others) headers.append(name, value);
}

// standIn gives a class all that a standard's has and it has not itself: done by the standard's own object, which whole finds.
function standIn(Class, Standard, whole) {
  for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(Standard.prototype))) {
    if (Object.hasOwn(Class.prototype, name)) {
      Object.defineProperty(Class.prototype, name, { enumerable: name !== "constructor" });
    } else if (get) {
      const by = { get [name]() { return whole(this)[name]; } }; // prettier-ignore
      Object.defineProperty(Class.prototype, name, Object.getOwnPropertyDescriptor(by, name));
    } else if (typeof value === "function" && name !== "constructor") {
      Object.assign(Class.prototype, { [name](...given) { return whole(this)[name](...given); } }); // prettier-ignore
    }
  }
}

globalThis.Response = class Response {
  #given; // the body: text, bytes or null
  #status;
  #statusText;
  #pairs; // the headers, until somebody asks for them
  #headers;
  #whole; // the standard's own, once somebody asks for what only that has

  constructor(body = null, init = undefined) {
    const { status = 200, statusText = "", headers } = init ?? {};
    const plain =
      (body === null || typeof body === "string" || body instanceof Uint8Array) && (init === null || init === undefined || typeof init === "object") &&
      Number.isInteger(status) && status >= 200 && status <= 599 && (body === null || !BODILESS_STATUS.has(status)) &&
      typeof statusText === "string" && PLAIN_TEXT.test(statusText); // prettier-ignore
    if (!plain) {
      this.#whole = new standards.Response(body, init);
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

  // given is what a Response was made of, undefined where it has to be read.
  static given(response) {
    if (!(#given in response) || response.#whole) return undefined;
    return { status: response.#status, headers: response.#headers ?? listed(response.#pairs), body: response.#given ?? "" };
  }

  static #wholeOf(response) {
    if (!(#given in response)) return response;
    const init = { status: response.#status, statusText: response.#statusText, headers: response.#headers ?? response.#pairs };
    const whole = (response.#whole ??= new standards.Response(response.#given, init));
    if (response.#headers) keepUp(whole.headers, response.#headers);
    return whole;
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
    const copy = new Response();
    copy.#whole = Response.#wholeOf(this).clone();
    copy.#status = copy.#statusText = undefined; // they are the whole's
    return copy;
  }

  static json(data, init) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("this value has no JSON form");
    const response = new Response(null, init);
    if (response.#whole || BODILESS_STATUS.has(response.#status)) return standards.Response.json(data, init);
    response.#given = text;
    response.#typed("application/json");
    return response;
  }

  // What fetch() gives is a Response all the same.
  static [Symbol.hasInstance](value) {
    return this === globalThis.Response ? value instanceof standards.Response : Function.prototype[Symbol.hasInstance].call(this, value);
  }

  static {
    Object.setPrototypeOf(this, standards.Response);
    Object.setPrototypeOf(this.prototype, standards.Response.prototype);
    standIn(this, standards.Response, (response) => Response.#wholeOf(response));
  }
};

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);

// PLAIN_TARGET is a target that a URL leaves as it is.
const PLAIN_TARGET = /^(?:\/(?!\.|%2e)[\w\-.~!$&'()*+,;=:@%]*)+(?:\?[\w\-.~!$&()*+,;=:@%/?[\]]*)?$/i;

globalThis.Request = class Request extends standards.Request {
  constructor(input, init = undefined) {
    super(Arrived.whole(input), init);
  }

  // over is the Request of an exchange with a host, whose headers fill puts in place; undefined where the standard has to judge it.
  static over(exchange, host, fill) {
    const { method, scheme, target, body } = exchange;
    const origin = `${scheme}://${host}`;
    const plain = METHODS.has(method) && (body.length === 0 || method === "GET" || method === "HEAD") && PLAIN_TARGET.test(target) && isOrigin(origin);
    return plain ? new Arrived(origin + target, exchange, fill) : undefined;
  }
};

let known; // the origin that was asked for last

// isOrigin is whether a URL leaves an origin as it is.
function isOrigin(origin) {
  if (origin === known) return true;
  if (!URL.canParse(origin) || new URL(origin).href !== `${origin}/`) return false;
  known = origin;
  return true;
}

// Arrived is a Request without a body that is made of nothing but an exchange.
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
    value.#whole ??= new standards.Request(value.#url, { method: value.method, signal: value.signal });
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
    Object.setPrototypeOf(this.prototype, globalThis.Request.prototype);
    standIn(this, standards.Request, Arrived.whole);
    delete this.prototype.constructor;
  }
}

// fetch looks into a Request, so that it has to be one.
const fetchOf = globalThis.fetch;
globalThis.fetch = function fetch(input, init = undefined) {
  return fetchOf(Arrived.whole(input), init);
};
