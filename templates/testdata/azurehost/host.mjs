// Stands in for Azure's host: has a worker load the app that a package.json names, and call its functions by Azure's own library,
// requests on the connection that the library takes them on.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, request as send } from "node:http";

const [port, worker, ...more] = process.argv.slice(2);
const its = `http://127.0.0.1:${port}`;
const running = spawn(process.execPath, [...process.execArgv, worker, port, process.cwd(), ...more], { stdio: "inherit" });
running.once("exit", (code) => process.exit(code ?? 1));
process.once("exit", () => running.kill());
process.once("SIGINT", () => process.exit());

// told is what the worker says of the app, as soon as it listens.
async function told() {
  for (;;) {
    const answer = await fetch(its).catch(() => new Promise((resolve) => setTimeout(resolve, 10)));
    if (answer) return answer.json();
  }
}

const { functions: all = [], httpUri: inside, error } = await told();
if (error) {
  console.error(error);
  process.exit(1);
}
const functions = new Map(all.map(({ name, bindings }) => [name, bindings.find(({ type }) => /trigger$/i.test(type))]));
const prefix = JSON.parse(readFileSync("host.json")).extensions?.http?.routePrefix ?? "api";

// invoked has the worker call a function.
async function invoked(name, id, data, metadata) {
  const body = JSON.stringify({ id, name: functions.get(name).name, data, metadata });
  const answer = await (await fetch(`${its}/invoke/${name}`, { method: "POST", body })).json();
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer;
}

// joined are the headers of a request as the host tells them: text, one value for a name.
function joined(req) {
  const headers = {};
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const value = Buffer.from(req.rawHeaders[i + 1], "latin1").toString();
    const name = Object.keys(headers).find((key) => key.toLowerCase() === req.rawHeaders[i].toLowerCase()) ?? req.rawHeaders[i];
    headers[name] = name in headers ? `${headers[name]}${/^cookie$/i.test(name) ? "; " : ","}${value}` : value;
  }
  return headers;
}

// fronted adds what the front end of the host adds: whom a request comes from, with the port.
function fronted(req) {
  const seen = [req.headers["x-forwarded-for"], `${req.socket.remoteAddress}:${req.socket.remotePort}`].filter(Boolean).join(", ");
  req.rawHeaders = req.rawHeaders.filter((_, i, all) => all[i - (i % 2)].toLowerCase() !== "x-forwarded-for").concat("X-Forwarded-For", seen);
  req.headers["x-forwarded-for"] = seen;
}

// routed is the function for a request: the one for all, or one whose route is the path.
function routed(req) {
  const [pathname] = req.url.split("?");
  return [...functions.keys()].find((name) => {
    const trigger = functions.get(name);
    return trigger.type === "httpTrigger" && (trigger.route === "{*path}" || `/${prefix}/${trigger.route ?? name}` === pathname);
  });
}

const server = createServer((req, res) => {
  if (!req.url.startsWith("/")) return void res.writeHead(400).end(); // its front end hands on paths
  if (req.url.startsWith("/.host/")) return void called(req, res);
  const name = routed(req);
  if (!name) return void res.writeHead(404).end();
  const id = crypto.randomUUID();
  fronted(req);
  const headers = joined(req);
  if (!inside) return void whole(name, id, req, res, headers);
  const out = send(new URL(inside), { method: req.method, path: req.url, headers: { ...req.headers, "x-ms-invocation-id": id, "x-forwarded-host": req.headers.host, "x-forwarded-proto": "http" } });
  req.pipe(out);
  res.once("close", () => res.writableFinished || out.destroy());
  out.once("error", () => res.destroy());
  out.once("response", (answer) => {
    const raw = answer.rawHeaders.filter((_, i) => !/^(x-ms-invocation-id|connection|keep-alive|transfer-encoding)$/i.test(answer.rawHeaders[i - (i % 2)]));
    res.writeHead(answer.statusCode, raw);
    answer.pipe(res);
    answer.once("error", () => res.destroy());
  });
  invoked(name, id, {}, { Headers: { json: JSON.stringify(headers) } }).catch((err) => {
    console.log("FAILED", err);
    if (res.headersSent) return res.destroy();
    res.writeHead(500).end();
  });
});

// whole serves a request of an app that takes no streams: all of it goes to the worker, and all of the answer comes back.
async function whole(name, id, req, res, headers) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const url = `http://${req.headers.host}${req.url}`;
  try {
    const { returnValue } = await invoked(name, id, { http: { method: req.method, url, headers, body: Buffer.concat(chunks).toString("base64") } }, {});
    const { statusCode, headers: sent, body } = returnValue?.http ?? { statusCode: 204, headers: {} };
    res.writeHead(Number(statusCode), sent).end(Buffer.from(body ?? "", "base64"));
  } catch (err) {
    console.log("FAILED", err);
    res.writeHead(500).end();
  }
}

async function called(req, res) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const { data, type, metadata = {} } = JSON.parse(Buffer.concat(chunks));
  const one = type === "bytes" ? { bytes: Buffer.from(data).toString("base64") } : { [type]: data };
  const about = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, { json: JSON.stringify(value) }]));
  try {
    await invoked(req.url.slice(7), crypto.randomUUID(), one, about);
    res.writeHead(204).end();
  } catch (err) {
    console.log("FAILED", err);
    res.writeHead(500).end();
  }
}

server.listen(Number(process.env.PORT));
