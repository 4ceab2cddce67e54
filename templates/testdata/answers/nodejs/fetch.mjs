// Answers that only the rules of an answer make the same everywhere.
const text = { "content-type": "text/plain" };
const given = (status, headers, body) => ({ status, headers: new Map(headers), body: body && new Response(body).body });
const stream = (...chunks) => new Response(new ReadableStream({ start: (c) => (chunks.forEach((chunk) => c.enqueue(chunk)), c.close()) }), { headers: text });

const answers = {
  "/error": () => Response.error(),
  "/strings": () => stream("gr", "ün", new TextEncoder().encode(" ja")),
  "/objects": () => stream({ a: 1 }),
  "/numbers-late": () => stream("one\n", 2),
  "/nothing": () => undefined,
  "/line-break": () => given(200, [["x", "a\r\nset-cookie: b"]], "whole"),
  "/name": () => given(200, [["x y", "a"]], "whole"),
  "/beyond-bytes": () => given(200, [["x", "€"]], "whole"),
  "/space": () => given(200, [["set-cookie", " a=1; Path=/ "]], "whole"),
  "/low": () => given(99, [], "whole"),
  "/high": () => given(600, [], "whole"),
  "/long": () => new Response("whole", { headers: { "content-length": "3" } }),
  "/short": () => new Response("whole", { headers: { "content-length": "30" } }),
  "/no-length": () => new Response("whole", { headers: { "content-length": "x" } }),
  "/reset": () => given(205, [["content-length", "5"]], "whole"),
  "/hop": () => given(200, [["keep-alive", "x"], ["trailer", "y"], ["upgrade", "z"], ["connection", "x"]], "whole"),
  "/bytes": (request) => new Response(Buffer.from(request.headers.get("x-name"), "latin1").toString("hex"), { headers: { "x-name": "Ã©", ...text } }),
  "/body": async (request) => {
    const again = request.clone();
    const parts = [await request.text(), request.bodyUsed, await request.text().catch((err) => err.name), (await again.arrayBuffer()).byteLength];
    return Response.json(parts);
  },
  "/passed-on": async (request) => new Response(await new Request("http://localhost/", request).text()),
  "/json": async (request) => Response.json([(await request.json()).a, request instanceof Request]),
};

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    return answers[pathname] ? answers[pathname](request) : new Response(pathname, { headers: text });
  },
};
