import { Router } from "express";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { stock } from "./products.js";

const Cart = z.strictObject({
  lines: z.array(z.strictObject({ product: z.string(), count: z.int().min(1).max(99) })).min(1).max(20),
});
const kept = new Map();

export const carts = Router();

carts.post("/", (req, res) => {
  const cart = Cart.safeParse(req.body);
  if (!cart.success) {
    return res.status(422).json({ error: "invalid cart", issues: cart.error.issues.map(({ path, message }) => ({ path: path.join("."), message })) });
  }
  const unknown = cart.data.lines.find((line) => !stock.has(line.product));
  if (unknown) return res.status(422).json({ error: `no such product: ${unknown.product}` });
  const total = cart.data.lines.reduce((sum, line) => sum + line.count * stock.get(line.product).cents, 0);
  const saved = { id: randomUUID(), ...cart.data, total, currency: process.env.CURRENCY ?? "EUR" };
  kept.set(saved.id, saved);
  res.cookie("cart", saved.id, { httpOnly: true, sameSite: "lax" });
  res.location(`/carts/${saved.id}`).status(201).json(saved);
});

carts.get("/:id", (req, res) => {
  const cart = kept.get(req.params.id);
  if (!cart) return res.status(404).json({ error: "no such cart" });
  res.json(cart);
});
