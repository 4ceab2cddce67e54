import { asked, broken } from "./answer.mjs";

let release = () => {};

async function answer(res, { status, headers, pieces, fail }) {
  if (fail === "before") throw broken();
  res.statusCode = status;
  for (const [name, value] of headers) res.appendHeader(name, value);
  for (const [at, piece] of pieces.entries()) {
    if (at > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    if (at === pieces.length - 1 && fail !== "during") return end(res, piece, fail);
    res.write(piece);
  }
  if (fail === "during") {
    await new Promise((resolve) => setTimeout(resolve, 20));
    throw broken();
  }
  end(res, undefined, fail);
}

function end(res, piece, fail) {
  res.end(piece);
  if (fail === "end") throw broken();
}

export default async function listener(req, res) {
  const wanted = asked(req.headers["x-answer"]);
  if (wanted) return answer(res, wanted);
  const [path, query = ""] = req.url.split(/\?(.*)/s);
  switch (path) {
    case "/special/status": res.statusCode = 418; return res.end("short and stout");
    case "/special/cookies": return res.setHeader("set-cookie", ["a=1; Path=/", "b=2, 3"]).end("ok");
    case "/special/multi": return res.setHeader("x-multi", ["a", "b"]).end("ok");
    case "/special/binary": return res.setHeader("content-type", "application/octet-stream").end(Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
    case "/special/large": return res.end("x".repeat(5 << 20));
    case "/special/empty": return res.writeHead(204).end();
    case "/special/unmodified": return res.writeHead(304, { etag: '"v1"' }).end();
    case "/special/throw": throw new Error("thrown on purpose");
    case "/special/release": release(); return res.end("released");
    case "/special/stream":
      res.write("one\n");
      release = () => res.end("two\n");
      return;
    case "/special/throw-late":
      res.write("one\n");
      throw new Error("thrown on purpose");
    case "/special/hang":
      console.log("hanging");
      res.once("close", () => console.log("aborted"));
      return;
    case "/special/slow":
      console.log("slow");
      setTimeout(() => res.end("slow but whole"), 400);
      return;
  }
  const headers = {};
  for (let i = 0; i < req.rawHeaders.length; i += 2) (headers[req.rawHeaders[i].toLowerCase()] ??= []).push(req.rawHeaders[i + 1]);
  const chunks = req.rawBody ? [req.rawBody] : []; // which a framework has read
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("base64");
  res.setHeader("content-type", "application/json");
  res.end(JSON.stringify({ method: req.method, path, query, headers, body }));
}

export function event(event, ctx) {
  console.log(`event ${event.type} ${event.id} ${JSON.stringify(event.data)} attempt ${ctx.attempt}`);
  if (event.data?.fail) throw new Error("failed on purpose");
}
