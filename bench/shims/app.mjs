import { Hono } from "hono";

const app = new Hono();
app.get("/hello/:name", (c) => c.text("hello " + c.req.param("name")));
app.post("/length", async (c) => c.text(String((await c.req.text()).length)));

export default app;
