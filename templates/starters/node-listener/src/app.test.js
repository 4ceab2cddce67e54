import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import app from "./app.js";

test("greets by name", async () => {
  const server = createServer(app).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const response = await fetch(`http://127.0.0.1:${server.address().port}/?name=you`);
  assert.deepEqual(await response.json(), { message: "hello, you" });
  server.close();
});
