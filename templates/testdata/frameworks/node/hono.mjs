import { Hono } from "hono";

const app = new Hono();
app.get("/hello/:name", (c) => c.json({ name: c.req.param("name"), n: c.req.query("n") }));
app.post("/echo", async (c) => c.body(await c.req.arrayBuffer(), 201, { "content-type": "application/octet-stream" }));
app.get("/cookies", (c) => {
  c.header("set-cookie", "a=1", { append: true });
  c.header("set-cookie", "b=2", { append: true });
  return c.text("ok");
});
app.get("/away", (c) => c.redirect("/hello/you"));
app.get("/raises", () => {
  throw new Error("raised on purpose");
});

export default app;
