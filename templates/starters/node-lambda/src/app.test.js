import assert from "node:assert/strict";
import { test } from "node:test";
import { handler } from "./app.js";

test("greets by name", async () => {
  const answer = await handler({ requestContext: { http: { path: "/" } }, queryStringParameters: { name: "you" } });
  assert.deepEqual(answer, { message: "hello, you" });
});
