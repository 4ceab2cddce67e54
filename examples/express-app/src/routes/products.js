import { Router } from "express";

export const stock = new Map([
  ["pear", { id: "pear", name: "Pear", cents: 45 }],
  ["nut", { id: "nut", name: "Nut", cents: 5 }],
]);

export const products = Router();

products.get("/", (req, res) => {
  const wanted = String(req.query.q ?? "").toLowerCase();
  res.json({ products: [...stock.values()].filter((p) => p.name.toLowerCase().includes(wanted)) });
});

products.get("/:id", (req, res) => {
  const product = stock.get(req.params.id);
  if (!product) return res.status(404).json({ error: "no such product" });
  res.json(product);
});
