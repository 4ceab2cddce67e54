import Fastify from "fastify";

const app = Fastify();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));
app.get("/hello/:name", async (req) => ({ name: req.params.name, n: req.query.n }));
app.post("/echo", (req, reply) => reply.code(201).type("application/octet-stream").send(req.body));
app.get("/cookies", (_, reply) => reply.header("set-cookie", "a=1").header("set-cookie", "b=2").type("text/plain").send("ok"));
app.get("/away", (_, reply) => reply.redirect("/hello/you"));
app.get("/raises", async () => {
  throw new Error("raised on purpose");
});

export default app;
