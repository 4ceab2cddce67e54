// Measures the handlers of packages beside hono's adapter for Lambda, in one process and in turn: node compare.mjs FETCH
// LISTENER APP, the last being the app that FETCH serves. Prints for each request the medians, and the median of the ratios of neighbours.
import { pathToFileURL } from "node:url";
import { handle } from "hono/aws-lambda";

const [fetchEntry, listenerEntry, app] = process.argv.slice(2).map((file) => pathToFileURL(file).href);
const hono = handle((await import(app)).default);
const fetch = (await import(fetchEntry)).handler;
const listener = (await import(listenerEntry)).handler;

function event(method, path, body) {
  const domainName = "x.lambda-url.eu-west-1.on.aws";
  const headers = { host: domainName, "user-agent": "bench", accept: "*/*", "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", "accept-encoding": "gzip, br" };
  if (body) headers["content-type"] = "text/plain";
  const http = { method, path, protocol: "HTTP/1.1", sourceIp: "192.0.2.7", userAgent: "bench" };
  return { version: "2.0", rawPath: path, rawQueryString: "a=1", headers, requestContext: { stage: "$default", domainName, http }, body, isBase64Encoded: false };
}

const context = () => ({ awsRequestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", getRemainingTimeInMillis: () => 3000 });
const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function took(handler, request, calls) {
  const before = process.cpuUsage();
  for (let n = 0; n < calls; n++) await handler(request, context());
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

async function measure(ours, request, calls) {
  const [mine, peer] = [[], []];
  for (let round = 0; round < 160; round++) {
    const pair = [await took(ours, request, calls), await took(hono, request, calls)];
    if (round < 40) continue; // until both are compiled
    mine.push(pair[0]);
    peer.push(pair[1]);
  }
  return { ferry: middle(mine), peer: middle(peer), ratio: middle(mine.map((one, n) => one / peer[n])) };
}

const [get, post] = [event("GET", "/hello/you"), event("POST", "/length", "x".repeat(100_000))];
const cases = { "a small GET, fetch": [fetch, get, 100], "a small GET, (req, res)": [listener, get, 100], "a POST of 100 KB, fetch": [fetch, post, 10], "a POST of 100 KB, (req, res)": [listener, post, 10] };
const out = {};
for (const [name, one] of Object.entries(cases)) {
  const [ours, theirs] = [await one[0](one[1], context()), await hono(one[1], context())];
  if (ours.body !== theirs.body || ours.statusCode !== theirs.statusCode) throw new Error(`${name}: ${JSON.stringify(ours)} is not ${JSON.stringify(theirs)}`);
  out[name] = await measure(...one);
}
console.log(JSON.stringify(out));
process.exit(0);
