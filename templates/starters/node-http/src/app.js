export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/healthz") return new Response("ok\n");
    const name = url.searchParams.get("name") ?? "world";
    return Response.json({ message: `${process.env.GREETING ?? "hello"}, ${name}` });
  },
};
