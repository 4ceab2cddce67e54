const token = process.env.TOKEN ?? "";
console.log("importing");
if (process.env.BROKEN) throw new Error("broken on purpose");

const shown = (data) => (data instanceof Uint8Array ? { base64: Buffer.from(data).toString("base64") } : data);

export default {
  async fetch(request, ctx) {
    ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 50)).then(() => console.log("background done")));
    const { protocol, host, pathname } = new URL(request.url);
    const left = ctx.deadline - Date.now();
    const { functionName } = ctx.native.context;
    return Response.json({
      token, ip: ctx.clientIp, scheme: protocol.slice(0, -1), host, path: pathname, cookie: request.headers.get("cookie") ?? "",
      body: await request.text(), id: ctx.requestId.length, left: left > 0 && left <= 30000, platform: ctx.platform, functionName,
    });
  },
  async event(event, ctx) {
    const { data, ...rest } = event;
    const seen = { ...rest, data: shown(data) };
    console.log("EVENT " + JSON.stringify({ event: seen, attempt: String(ctx.attempt ?? ""), group: ctx.group ?? "", attributes: ctx.attributes ?? {} }));
    if (JSON.stringify(shown(data))?.includes("fail")) throw new Error("failed on purpose");
    return event.type === "dev.ferry.invoke.v1" ? { got: shown(data) } : undefined;
  },
};
