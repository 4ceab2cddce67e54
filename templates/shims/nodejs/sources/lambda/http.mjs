// Requests as events of payload format 2.0 (as from a function URL) and 1.0 (as from a REST API), and results as answers.

const LIKE_TEXT = /^(text\/|application\/(json|javascript|xml)\b)/i; // all else comes as base64

// serveHTTP answers with the handler's result.
async function serveHTTP(native, exchange) {
  const refusal = answerOf(exchange);
  if (refusal) return answerWith(exchange, refusal);
  const { ctx } = exchange;
  const event = requestEvent(exchange, await exchange.body.bytes());
  try {
    if (native[STREAMING] === "response") await streamed(native, event, exchange);
    else answerResult(exchange, await called(native, event, lambdaContext(ctx), ctx));
  } catch (err) {
    if (!(err instanceof OutOfTime)) throw err;
    console.error(err);
    exchange.answer(504, [], "the function did not answer in time\n");
  }
}

// requestEvent is a request in the payload format that the manifest names.
function requestEvent(exchange, body) {
  const [path] = exchange.target.split("?", 1);
  const query = exchange.target.slice(path.length + 1);
  const request = { exchange, path, query, headers: {}, params: {}, now: new Date() };
  for (const [name, value] of exchange.headers) (request.headers[name.toLowerCase()] ??= []).push(textOf(value));
  for (const [name, value] of new URLSearchParams(query)) (request.params[name] ??= []).push(value);
  Object.assign(request, carried(exchange, body));
  return config.payload === "1.0" ? payload1(request) : payload2(request);
}

// carried is a body as an event holds it, undefined where there is none.
function carried(exchange, body) {
  if (body.length === 0) return { isBase64Encoded: false };
  const text = LIKE_TEXT.test(exchange.header("content-type") ?? "") ? utf8Of(body) : undefined;
  return { body: text ?? Buffer.from(body).toString("base64"), isBase64Encoded: text === undefined };
}

// utf8Of is the text of bytes that are UTF-8, undefined for others.
function utf8Of(bytes) {
  const text = Buffer.from(bytes).toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

// textOf is a header, which is bytes, as the text of an event.
function textOf(value) {
  return utf8Of(Buffer.from(value, "latin1")) ?? value;
}

function each(map, of) {
  return Object.fromEntries(Object.entries(map).map(([name, values]) => [name, of(values, name)]));
}

function some(map) {
  return Object.keys(map).length > 0 ? map : undefined;
}

// written is a time as in logs: 02/Jan/2026:03:04:05 +0000.
function written(time) {
  const [, day, month, year, clock] = /^\w+, (\d+) (\w+) (\d+) (\S+)/.exec(time.toUTCString());
  return `${day}/${month}/${year}:${clock} +0000`;
}

function payload2({ exchange, path, query, headers, params, now, body, isBase64Encoded }) {
  const joined = each(headers, (values, name) => values.join(name === "cookie" ? "; " : ","));
  const host = joined.host ?? "localhost";
  const event = {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    cookies: joined.cookie?.split("; "),
    headers: joined,
    queryStringParameters: some(each(params, (values) => values.join(","))),
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      authorizer: exchange.authorizer,
      domainName: host,
      domainPrefix: host.split(".", 1)[0],
      http: {
        method: exchange.method,
        path: decoded(path),
        protocol: "HTTP/1.1",
        sourceIp: exchange.client,
        userAgent: joined["user-agent"] ?? "",
      },
      requestId: exchange.ctx.requestId,
      routeKey: "$default",
      stage: "$default",
      time: written(now),
      timeEpoch: now.getTime(),
    },
    body,
    isBase64Encoded,
  };
  return JSON.parse(JSON.stringify(event)); // what is undefined is not there
}

function decoded(path) {
  return path.replace(/(%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString());
}

// payload1 keeps the case of names as it was written in HTTP/1.1: a REST API keeps the case that they were sent in.
function payload1({ exchange, path, headers: given, params, now, body = null, isBase64Encoded }) {
  const headers = {};
  for (const [name, values] of Object.entries(given)) headers[name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())] = values;
  const last = (values) => values.at(-1);
  return {
    resource: "/{proxy+}",
    path,
    httpMethod: exchange.method,
    headers: each(headers, last),
    multiValueHeaders: headers,
    queryStringParameters: some(each(params, last)) ?? null,
    multiValueQueryStringParameters: some(params) ?? null,
    pathParameters: path === "/" ? null : { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      accountId: "000000000000",
      apiId: "local",
      ...authorized(exchange.authorizer),
      domainName: given.host?.at(-1) ?? "localhost",
      httpMethod: exchange.method,
      identity: { sourceIp: exchange.client, userAgent: given["user-agent"]?.at(-1) ?? null, ...callerOf(exchange.authorizer) },
      path,
      protocol: "HTTP/1.1",
      requestId: exchange.ctx.requestId,
      requestTime: written(now),
      requestTimeEpoch: now.getTime(),
      resourceId: "local",
      resourcePath: "/{proxy+}",
      stage: "$default",
    },
    body,
    isBase64Encoded,
  };
}

// authorized is what an authorizer has found out, as payload 1.0 says it. What came in 1.0 stays as it is.
function authorized(given) {
  if (!given || typeof given.iam === "object") return {};
  const said = [given.jwt, given.lambda].find((one) => one && typeof one === "object");
  return { authorizer: said ?? given };
}

// callerOf is who signed a request, which payload 1.0 says in its identity.
function callerOf(given) {
  if (!given?.iam || typeof given.iam !== "object") return {};
  const { accessKey, accountId, callerId: caller, cognitoIdentity: cognito, principalOrgId, userArn, userId: user } = given.iam;
  const [kind = null, ...through] = cognito?.amr ?? [];
  return {
    accessKey,
    accountId,
    caller,
    cognitoAuthenticationProvider: through.join(",") || null,
    cognitoAuthenticationType: kind,
    cognitoIdentityId: cognito?.identityId ?? null,
    cognitoIdentityPoolId: cognito?.identityPoolId ?? null,
    principalOrgId,
    user,
    userArn,
  };
}

// answerResult answers with a result. Without a status it is itself the body, but for payload format 1.0.
function answerResult(exchange, result) {
  if (typeof result !== "object" || result === null || result.statusCode === undefined) {
    if (config.payload === "1.0") throw new TypeError("the handler's result has no statusCode, and payload 1.0 asks for one");
    const text = typeof result === "string" ? result : (JSON.stringify(result) ?? "null");
    return whole(exchange, 200, [["content-type", "application/json"]], Buffer.from(text));
  }
  const { body } = result;
  if (body !== undefined && body !== null && typeof body !== "string") throw new TypeError(`the body of the handler's result is of type ${typeof body}, and must be text`);
  const bytes = Buffer.from(body ?? "", result.isBase64Encoded ? "base64" : "utf8");
  const headers = headersOfResult(result);
  if (bytes.length > 0 && !headers.some(([name]) => name === "content-type")) headers.push(["content-type", "application/json"]);
  // AWS counts the bytes itself.
  return whole(exchange, statusOf(result), headers.filter(([name]) => name !== "content-length" || exchange.method === "HEAD"), bytes);
}

function statusOf({ statusCode }) {
  return /^\d{3}$/.test(statusCode) ? Number(statusCode) : statusCode;
}

// headersOfResult are the headers of a result as pairs. Cookies are payload 2.0's own, lists are 1.0's: a name that stands
// in both maps has all of its values.
function headersOfResult({ headers, multiValueHeaders, cookies }) {
  const first = config.payload === "1.0";
  const pairs = first ? Object.entries(multiValueHeaders ?? {}).flatMap(([name, values]) => values.map((value) => [name, value])) : [];
  pairs.push(...Object.entries(headers ?? {}));
  if (!first) for (const cookie of cookies ?? []) pairs.push(["set-cookie", cookie]);
  const given = pairs.filter(([, value]) => value !== null && value !== undefined);
  return given.map(([name, value]) => [name.toLowerCase(), Buffer.from(String(value)).toString("latin1")]);
}

function whole(exchange, status, headers, bytes) {
  exchange.begin(status, headers, bytes.length);
  exchange.write(bytes);
  exchange.end();
}

// streamed answers with what a handler writes to its stream, whose head is the prelude that it gave.
async function streamed(native, event, exchange) {
  const { ctx } = exchange;
  const out = responseStream(exchange);
  const written = new Promise((resolve, reject) => out.once("finish", resolve).once("error", reject));
  written.catch(() => {});
  await called((event, context) => native(event, out, context), event, lambdaContext(ctx), ctx);
  if (!out.writableEnded) throw new Error("the handler returned before its stream was ended");
  await written;
}

// responseStream is the stream of an answer. Its head goes out with the first piece, or at the end.
function responseStream(exchange) {
  const { Writable } = required("node:stream");
  let [begun, type] = [false, "application/octet-stream"];
  const begin = () => {
    if (begun) return;
    begun = true;
    const { prelude } = out;
    const headers = prelude ? headersOfResult(prelude) : [["content-type", type]];
    exchange.begin(prelude ? statusOf({ statusCode: 200, ...prelude }) : 200, headers);
  };
  const guarded = (work) => async (done) => {
    try {
      begin();
      await work();
      done();
    } catch (err) {
      done(err);
    }
  };
  const out = new Writable({ write: (chunk, _, done) => guarded(() => exchange.write(chunk))(done), final: guarded(() => exchange.end()) });
  return Object.assign(out, { setContentType: (given) => (type = given) });
}
