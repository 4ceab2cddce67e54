import assert from "node:assert/strict";
import { test } from "node:test";
import app from "./app.js";

test("greets by name", async () => {
  const response = await app.fetch(new Request("http://localhost/?name=you"));
  assert.deepEqual(await response.json(), { message: "hello, you" });
});
