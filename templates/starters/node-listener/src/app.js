// A listener, as http.createServer takes one. An Express, Koa or Fastify app stands in its place.
export default (req, res) => {
  const url = new URL(req.url, "http://localhost");
  if (url.pathname === "/healthz") return res.end("ok\n");
  const name = url.searchParams.get("name") ?? "world";
  res.setHeader("content-type", "application/json");
  res.end(JSON.stringify({ message: `${process.env.GREETING ?? "hello"}, ${name}` }));
};
