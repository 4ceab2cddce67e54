export default function (req, res) {
  res.setHeader("content-type", "text/plain; charset=UTF-8");
  if (req.method === "GET") return res.end("hello you");
  const chunks = [];
  req.on("data", (chunk) => chunks.push(chunk)).on("end", () => res.end(String(Buffer.concat(chunks).length)));
}
