// HTTP as Lambda carries it: events and results of payload format 2.0 (function URLs and HTTP APIs).
import { isUtf8 } from "node:buffer";

const HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);
const TEXT = /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded)\b|[^;]*\+(json|xml)\b)/i;
const BODILESS = new Set([101, 204, 205, 304]);

// percent encodes text as UTF-8.
function percent(text) {
  return Buffer.from(text).toString("hex").toUpperCase().replace(/../g, "%$&");
}

// encodedPath escapes what a path cannot hold as it is. A function URL sends paths as they arrived, an HTTP API decodes
// them: this is right for both without knowing which it was.
function encodedPath({ rawPath = "/", requestContext: { stage = "$default" } }) {
  const staged = stage !== "$default" && (rawPath + "/").startsWith(`/${stage}/`);
  const path = staged ? rawPath.slice(stage.length + 1) : rawPath;
  const escaped = path.replace(/%(?![0-9a-f]{2})|[^!$-;=@-\[\]_a-z~]+/gi, percent);
  return escaped.startsWith("/") ? escaped : "/" + escaped;
}

// latin1 is a header's value as the bytes that were sent.
function latin1(value) {
  return /[^\0-\xff]/.test(value) ? Buffer.from(value).toString("latin1") : value;
}

// requestOf is an event's request in the form in which Node's server gives one, with the body beside it.
function requestOf(event, context) {
  const { http } = event.requestContext;
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  const headers = { host: "localhost", "x-request-id": context.awsRequestId };
  for (const [name, value] of Object.entries(event.headers ?? {})) {
    if (!HOP.has(name.toLowerCase()) && name.toLowerCase() !== "expect") headers[name.toLowerCase()] = latin1(value);
  }
  if (event.cookies?.length > 0) headers.cookie = event.cookies.map(latin1).join("; ");
  if (body.length > 0 || headers["content-length"] !== undefined) headers["content-length"] = String(body.length);
  const query = (event.rawQueryString ?? "").replace(/[^!-~]+/g, percent);
  const req = {
    method: http.method,
    url: encodedPath(event) + (query && "?" + query),
    scheme: headers["x-forwarded-proto"] === "http" ? "http" : "https",
    headers,
    rawHeaders: Object.entries(headers).flat(),
  };
  return { req, body };
}

// headOf is the status and the headers of a result, from pairs. Cookies go apart, for the rest is joined.
function headOf(status, pairs) {
  const head = { statusCode: status, headers: {}, cookies: [] };
  for (const [name, value] of pairs) {
    const key = name.toLowerCase();
    if (key === "set-cookie") head.cookies.push(value);
    else if (!HOP.has(key) && key !== "content-length") head.headers[key] = key in head.headers ? `${head.headers[key]}, ${value}` : value;
  }
  return head;
}

// resultOf is a whole result. A body goes as text only when it is text that comes out again as the same bytes.
function resultOf(req, status, pairs, body) {
  const head = headOf(status, pairs);
  if (BODILESS.has(status) || req.method === "HEAD") return { ...head, body: "", isBase64Encoded: false };
  const text = TEXT.test(head.headers["content-type"] ?? "") && !head.headers["content-encoding"] && isUtf8(body);
  return { ...head, body: body.toString(text ? "utf8" : "base64"), isBase64Encoded: !text };
}

// Buffered is an exchange whose answer is collected for a result.
class Buffered {
  gone = false;
  begun = false; // nothing is out: a failure can still be told

  constructor(req, sent, cors) {
    Object.assign(this, { req, sent, cors });
  }

  body() {
    return new Uint8Array(this.sent);
  }

  head(status, pairs) {
    Object.assign(this, { status, pairs, chunks: [] });
  }

  flush() {}

  write(chunk) {
    this.chunks.push(chunk);
  }

  end() {}

  result() {
    return resultOf(this.req, this.status, this.pairs, Buffer.concat(this.chunks));
  }
}

// Streamed sends its answer as it comes: the head as JSON, eight NULs, the body.
class Streamed extends Buffered {
  constructor(req, sent, cors, out) {
    super(req, sent, cors);
    this.out = out;
  }

  head(status, pairs) {
    this.begun = true;
    this.silent = BODILESS.has(status) || this.req.method === "HEAD";
    this.out.setContentType("application/vnd.awslambda.http-integration-response");
    this.out.write(JSON.stringify(headOf(status, pairs)) + "\0".repeat(8));
  }

  async write(chunk) {
    if (this.silent || this.out.write(chunk)) return;
    await new Promise((resolve) => {
      const done = () => (this.out.off("drain", done), this.out.off("close", done), resolve());
      this.out.on("drain", done).on("close", done);
    });
  }

  result() {
    return undefined;
  }
}
