// Which requests reach the handler.

// pathOf is the path of a target, still encoded, without the query.
function pathOf(target) {
  return target.split("?", 1)[0];
}

// escaped is a target in which all is escaped that a path or a query cannot hold as it is, and all else is as it was sent.
function escaped(target) {
  if (/^\/[!$-;=@-\[\]_a-z~]*(\?[!-~]*)?$/i.test(target)) return target; // as most are
  const [path, mark = "", query = ""] = target.split(/(\?)(.*)/s);
  return path.replace(/^(?!\/)/, "/").replace(/[^!$-;=@-\[\]_a-z~]+/gi, percent) + mark + query.replace(/[^!-~]+/g, percent);
}

// encodedAgain is a path that an ingress may have decoded: a percent sign that escapes nothing was one of its characters.
function encodedAgain(path) {
  return path.replace(/%(?![0-9a-f]{2})/gi, "%25");
}

// refuseBroken refuses a path with a percent sign that escapes nothing: none is valid, and who reads it differ in what it names.
function refuseBroken(target) {
  if (target.includes("%") && /^[^?]*%(?![0-9a-f]{2})/i.test(target)) throw new BadRequest("a percent sign in the path escapes nothing");
}

// percent encodes text as UTF-8.
function percent(text) {
  return Buffer.from(text).toString("hex").toUpperCase().replace(/../g, "%$&");
}

const route = new RegExp(config.http?.path ?? "^");

// everything is whether every request reaches the handler.
const everything = config.http?.path === "^" && config.http.methods.length === 0 && !config.http.cors;

// answerOf returns the answer that the manifest gives in the handler's place, or undefined.
function answerOf(exchange, seen) {
  if (everything) return undefined;
  const path = seen ?? pathOf(exchange.target);
  const { http } = config;
  const { method } = exchange;
  if (http === null) return { status: 404, headers: [], text: "not found: this function has no http event\n" };
  if (path === config.health && (method === "GET" || method === "HEAD")) return undefined;
  if (!route.test(path)) return { status: 404, headers: [], text: "not found\n" };
  if (http.cors && isPreflight(exchange)) return { status: 204, headers: preflight(exchange), text: "" };
  if (http.methods.length === 0 || http.methods.includes(method)) return undefined;
  return { status: 405, headers: [["allow", http.methods.join(", ")]], text: "method not allowed\n" };
}
