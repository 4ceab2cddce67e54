// HTTP as Lambda carries it: events and results of payload format 2.0 (function URLs and HTTP APIs).
import { isUtf8 } from "node:buffer";
import { Agent, request as send } from "node:http";

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

// Buffered collects an answer for a result.
class Buffered {
  chunks = [];

  constructor(req) {
    this.req = req;
  }

  head(status, pairs) {
    Object.assign(this, { status, pairs });
  }

  write(chunk) {
    this.chunks.push(chunk);
  }

  get begun() {
    return false; // nothing is out: a failure can still be told
  }

  result() {
    return resultOf(this.req, this.status, this.pairs, Buffer.concat(this.chunks));
  }
}

// Streamed sends an answer as it comes: the head as JSON, eight NULs, the body.
class Streamed {
  begun = false;

  constructor(req, out) {
    Object.assign(this, { req, out });
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

// answerText is an answer that the handler did not give.
async function answerText(answer, status, headers, text) {
  if (text) headers = [...headers, ["content-type", "text/plain; charset=utf-8"]];
  answer.head(status, headers);
  if (text) await answer.write(Buffer.from(text));
}

// viaFetch returns what serves a request with the user's fetch.
function viaFetch(target) {
  return async (req, body, ctx, cors, answer) => {
    const sent = body.length > 0 && carriesBody(req) ? new Uint8Array(body) : undefined;
    const response = await fetchAnswer(target, req, sent, ctx);
    if (typeof response.text === "string") return answerText(answer, response.status, [...cors, ...response.headers], response.text);
    const reader = response.body?.getReader();
    const first = reader?.read();
    await Promise.race([first, new Promise((resolve) => setImmediate(resolve))]); // a body that fails at once is a plain 500
    answer.head(response.status, headersOf(response, cors));
    for (let next = await first; next && !next.done; next = await reader.read()) await answer.write(bytes(next.value));
  };
}

// viaServer returns what serves a request with a (req, res) listener, behind a real server on the loopback: such
// code calls for a real response.
async function viaServer(listener) {
  const limits = { maxHeaderSize: 64 << 10 };
  const server = createServer({ ...limits, keepAliveTimeout: 0, requestTimeout: 0 }, (req, res) => {
    const cors = corsHeaders(req);
    listener(req, res, undefined, cors).catch((err) => fail(res, err, cors));
  });
  await new Promise((listening, failed) => server.once("error", failed).listen(0, "127.0.0.1", listening));
  server.unref();
  const to = { ...limits, host: "127.0.0.1", port: server.address().port, agent: new Agent({ keepAlive: true }) };
  return async (req, body, ctx, cors, answer) => {
    const refusal = answerOf(req, rawPath(req));
    if (refusal) return answerText(answer, refusal.status, [...cors, ...refusal.headers], refusal.text);
    const res = await new Promise((answered, failed) => {
      const out = send({ ...to, method: req.method, path: req.url, headers: req.rawHeaders });
      ctx.signal.addEventListener("abort", () => out.destroy());
      out.once("response", answered).once("error", failed).end(body);
    });
    const pairs = [];
    for (let i = 0; i < res.rawHeaders.length; i += 2) pairs.push([res.rawHeaders[i], res.rawHeaders[i + 1]]);
    answer.head(res.statusCode, pairs);
    for await (const chunk of res) await answer.write(chunk);
  };
}

// serveRequest answers an event of payload format 2.0; with out it streams, and returns nothing.
async function serveRequest(serve, event, ctx, out) {
  const { req, body } = requestOf(event, ctx.native.context);
  const cors = corsHeaders(req);
  const begin = () => (out ? new Streamed(req, out) : new Buffered(req));
  let answer = begin();
  try {
    if (config.http === null) await answerText(answer, 404, cors, answerOf(req).text);
    else await serve(req, body, { ...ctx, clientIp: event.requestContext.http.sourceIp }, cors, answer);
  } catch (err) {
    if (answer.begun) throw err; // the client sees a stream that breaks off
    console.error(err);
    answer = begin();
    await answerText(answer, 500, cors, "internal server error\n");
  }
  return answer.result();
}
