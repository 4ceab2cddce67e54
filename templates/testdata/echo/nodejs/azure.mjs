// The echo handler as an app of Azure's model.
import { app } from "@azure/functions";
import { asked, broken } from "./answer.mjs";

app.setup({ enableHttpStream: true });

const bytes = (text) => Buffer.from(text, "latin1");
const shown = (text) => Buffer.from(text).toString("latin1");

async function echo(request) {
  const wanted = asked(request.headers.get("x-answer"));
  if (wanted) return answer(wanted);
  const [, path, query = ""] = /^\w+:\/\/[^/?]*([^?]*)\??(.*)$/s.exec(request.url);
  const headers = Object.fromEntries([...request.headers].map(([name, value]) => [name, [shown(value)]]));
  const body = Buffer.from(await request.arrayBuffer()).toString("base64");
  return { jsonBody: { method: request.method, path, query, headers, body } };
}

function answer({ status, headers, pieces, fail }) {
  if (fail === "before") throw broken();
  const body = async function* () {
    yield* pieces;
    if (fail === "during") throw broken();
  };
  return { status, headers: headers.map(([name, value]) => [name, bytes(value).toString()]), body: body() };
}

app.http("echo", { methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"], authLevel: "anonymous", route: "{*path}", handler: echo });
