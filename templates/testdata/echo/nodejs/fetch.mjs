import { asked, broken } from "./answer.mjs";

let release = () => {};
const text = (value) => new TextEncoder().encode(value);

function answer({ status, headers, pieces, fail }, ctx) {
  if (fail === "before") throw broken();
  if (fail === "end") ctx.waitUntil(Promise.reject(broken()));
  let body = pieces.length > 0 ? pieces[0] : null;
  if (pieces.length > 1 || fail === "during") {
    const left = [...pieces];
    body = new ReadableStream({
      async pull(c) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (left.length > 0) c.enqueue(new Uint8Array(left.shift()));
        else if (fail === "during") throw broken();
        else c.close();
      },
    }, { highWaterMark: 0 });
  }
  return new Response(body, { status, headers });
}

export default {
  async fetch(request, ctx) {
    const wanted = asked(request.headers.get("x-answer"));
    if (wanted) return answer(wanted, ctx);
    const { pathname, search } = new URL(request.url);
    switch (pathname) {
      case "/special/status": return new Response("short and stout", { status: 418 });
      case "/special/cookies": return new Response("ok", { headers: [["set-cookie", "a=1; Path=/"], ["set-cookie", "b=2, 3"]] });
      case "/special/multi": return new Response("ok", { headers: [["x-multi", "a"], ["x-multi", "b"]] });
      case "/special/binary": return new Response(Uint8Array.from({ length: 256 }, (_, i) => i), { headers: { "content-type": "application/octet-stream" } });
      case "/special/large": return new Response("x".repeat(5 << 20));
      case "/special/empty": return new Response(null, { status: 204 });
      case "/special/unmodified": return new Response(null, { status: 304, headers: { etag: '"v1"' } });
      case "/special/throw": throw new Error("thrown on purpose");
      case "/special/release": release(); return new Response("released");
      case "/special/stream": {
        const released = new Promise((resolve) => (release = resolve));
        return new Response(new ReadableStream({
          start: (c) => c.enqueue(text("one\n")),
          pull: async (c) => { await released; c.enqueue(text("two\n")); c.close(); },
        }));
      }
      case "/special/throw-late": {
        let calls = 0;
        return new Response(new ReadableStream({
          pull: async (c) => {
            if (calls++ === 0) return c.enqueue(text("one\n"));
            await new Promise((resolve) => setTimeout(resolve, 50));
            throw new Error("thrown on purpose");
          },
        }, { highWaterMark: 0 }));
      }
      case "/special/hang":
        console.log("hanging");
        await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
        console.log("aborted");
        return new Response();
      case "/special/slow":
        console.log("slow");
        ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 600)).then(() => console.log("background done")));
        await new Promise((resolve) => setTimeout(resolve, 400));
        return new Response("slow but whole");
    }
    const headers = Object.fromEntries([...request.headers].map(([k, v]) => [k, [v]]));
    const body = Buffer.from(await request.arrayBuffer()).toString("base64");
    return Response.json({ method: request.method, path: pathname, query: search.slice(1), headers, body, url: request.url });
  },
  async event(event, ctx) {
    console.log(`event ${event.type} ${event.id} ${JSON.stringify(event.data)} attempt ${ctx.attempt}`);
    if (event.data?.fail) throw new Error("failed on purpose");
  },
};
