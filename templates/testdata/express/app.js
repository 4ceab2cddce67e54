const express = require("express");

const app = express();
app.disable("x-powered-by");
app.use(express.json());
app.get("/hello/:name", (req, res) => res.set("x-agent", req.get("x-agent")).json({ name: req.params.name, n: req.query.n, ip: Boolean(req.ip) }));
app.post("/echo", (req, res) => res.status(201).send(req.body));
app.get("/cookies", (req, res) => res.cookie("a", "1").cookie("b", "2").send("ok"));
app.get("/away", (req, res) => res.redirect("/hello/you"));
app.get("/head", (req, res) => res.writeHead(302, { location: "/x" }).end());
app.get("/raises", () => {
  throw new Error("raised on purpose");
});
app.use((err, req, res, next) => (res.headersSent ? next(err) : res.status(500).send(err.message)));

module.exports = app;
