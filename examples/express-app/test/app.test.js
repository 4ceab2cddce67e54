import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import app from "../src/app.js";

const server = createServer(app);
let base;
before(() => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((base = `http://127.0.0.1:${server.address().port}`)))));
after(() => server.close());

const post = (body) => fetch(`${base}/carts`, { method: "POST", headers: { "content-type": "application/json" }, body });

test("a cart is priced and kept", async () => {
  const made = await post('{"lines":[{"product":"pear","count":2},{"product":"nut","count":1}]}');
  assert.equal(made.status, 201);
  const cart = await made.json();
  assert.equal(cart.total, 95);
  assert.deepEqual(await (await fetch(base + made.headers.get("location"))).json(), cart);
});

test("a wrong cart is refused with the place of each error", async () => {
  const refused = await post('{"lines":[{"product":"pear","count":0}]}');
  assert.equal(refused.status, 422);
  assert.equal((await refused.json()).issues[0].path, "lines.0.count");
  assert.equal((await post("{")).status, 400);
});

test("the page and unknown paths", async () => {
  assert.match(await (await fetch(base)).text(), /<h1>Shop/);
  assert.equal((await fetch(`${base}/nothing`)).status, 404);
});
