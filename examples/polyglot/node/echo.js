// Answers with what arrived. url.pathname is the path as it was sent, still encoded.
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/healthz") return new Response("ok\n");
    const echo = {
      runtime: "node",
      method: request.method,
      path: url.pathname,
      query: url.search.slice(1),
      headers: Object.fromEntries(request.headers),
      body: Buffer.from(await request.arrayBuffer()).toString("base64"),
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("POLYGLOT_"))),
    };
    const response = Response.json(echo);
    response.headers.append("set-cookie", "runtime=node; Path=/");
    response.headers.append("set-cookie", "seen=1; HttpOnly");
    return response;
  },
};
