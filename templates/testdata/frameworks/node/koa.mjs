import Koa from "koa";

const app = new Koa();
app.use(async (ctx) => {
  const name = /^\/hello\/(.+)$/.exec(ctx.path)?.[1];
  if (name) ctx.body = { name: decodeURIComponent(name), n: ctx.query.n };
  else if (ctx.path === "/echo") {
    const chunks = [];
    for await (const chunk of ctx.req) chunks.push(chunk);
    ctx.status = 201;
    ctx.type = "application/octet-stream";
    ctx.body = Buffer.concat(chunks);
  } else if (ctx.path === "/cookies") {
    ctx.append("set-cookie", "a=1");
    ctx.append("set-cookie", "b=2");
    ctx.body = "ok";
  } else if (ctx.path === "/away") ctx.redirect("/hello/you");
  else if (ctx.path === "/raises") throw new Error("raised on purpose");
});

export default app;
