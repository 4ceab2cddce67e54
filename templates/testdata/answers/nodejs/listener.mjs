// Answers that only the rules of an answer make the same everywhere.
const answers = {
  "/line-break": (res) => res.setHeader("x", "a\r\nset-cookie: b").end("whole"),
  "/space": (res) => res.setHeader("set-cookie", " a=1; Path=/ ").end("whole"),
  "/low": (res) => res.writeHead(99).end("whole"),
  "/long": (res) => res.setHeader("content-length", "3").end("whole"),
  "/after": (res) => {
    res.end("whole");
    throw new Error("thrown afterwards");
  },
  "/copied": (res) => res.writeHead(200, { "transfer-encoding": "chunked", "content-type": "text/plain" }).end("whole"),
  "/bytes": (res, req) => res.setHeader("x-name", "Ã©").end(Buffer.from(Buffer.from(req.headers["x-name"], "latin1").toString("hex"))),
};

export default async function (req, res) {
  if (answers[req.url]) answers[req.url](res, req);
  else res.end(req.url);
}
