import express from "express";
import { fileURLToPath } from "node:url";
import { carts } from "./routes/carts.js";
import { products } from "./routes/products.js";

const app = express();
app.disable("x-powered-by");
app.use(express.json({ limit: "64kb" }));
app.get("/healthz", (req, res) => res.type("text").send("ok\n"));
app.use("/products", products);
app.use("/carts", carts);
app.use(express.static(fileURLToPath(new URL("../public", import.meta.url))));
app.use((req, res) => res.status(404).json({ error: "not found" }));
app.use((err, req, res, next) => {
  if (res.headersSent) return next(err);
  const status = err.status ?? 500;
  if (status >= 500) console.error(err);
  res.status(status).json({ error: status >= 500 ? "internal error" : err.message });
});

export default app;
