// Runs before the user's module: a Response of text or bytes that keeps what it was made of. Most answers are such, and
// what makes them dear is the stream that the standard's own Response puts around a body, which is made here when
// somebody asks for it.
const Standard = globalThis.Response;

globalThis.Response = class Response extends Standard {
  #given; // the body, where it is text or bytes
  #whole; // the standard's own Response with that body, once somebody asks for it

  constructor(body, init) {
    const text = typeof body === "string";
    const plain = (text || body instanceof Uint8Array) && ![101, 204, 205, 304].includes(Number(init?.status));
    super(plain ? null : body, init);
    if (!plain) return;
    this.#given = text ? body : new Uint8Array(body);
    if (text && !this.headers.has("content-type")) this.headers.set("content-type", "text/plain;charset=UTF-8");
  }

  // given are the bytes that a Response was made of, undefined where it has to be read.
  static given(response) {
    if (!(#given in response) || response.#whole || response.#given === undefined) return undefined;
    return typeof response.#given === "string" ? Buffer.from(response.#given) : response.#given;
  }

  get #read() {
    const { status, statusText, headers } = this;
    return (this.#whole ??= this.#given === undefined ? undefined : new Standard(this.#given, { status, statusText, headers }));
  }

  get body() {
    return this.#given === undefined ? super.body : this.#read.body;
  }

  get bodyUsed() {
    return this.#whole ? this.#whole.bodyUsed : super.bodyUsed;
  }

  static {
    for (const name of ["arrayBuffer", "blob", "bytes", "clone", "formData", "json", "text"]) {
      const read = Standard.prototype[name];
      if (!read) continue; // of a later Node
      const value = { [name]() { return read.call(this.#read ?? this); } }[name]; // prettier-ignore
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true, enumerable: true });
    }
  }

  static json(data, init) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("this value has no JSON form");
    const headers = new Headers(init?.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(text, { ...init, headers });
  }

  // What fetch() gives is a Response all the same.
  static [Symbol.hasInstance](value) {
    return this === globalThis.Response ? value instanceof Standard : Function.prototype[Symbol.hasInstance].call(this, value);
  }
};
