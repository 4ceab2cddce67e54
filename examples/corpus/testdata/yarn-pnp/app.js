const express = require("express");
const semver = require("semver");
const { name } = require("./package.json");

const app = express();
app.use(express.json());
app.get("/", (req, res) => res.json({ name, wanted: req.query.of ?? null }));
app.get("/newest", (req, res) => res.send(semver.maxSatisfying(["1.2.3", "1.9.0", "2.0.0"], String(req.query.range ?? "*"))));
app.get("/id", async (req, res) => {
  const { customAlphabet } = await import("nanoid");
  res.send(customAlphabet("a", 5)());
});
app.post("/orders", (req, res) => res.status(201).json({ ...req.body, total: req.body.count * 2 }));

module.exports = app;
