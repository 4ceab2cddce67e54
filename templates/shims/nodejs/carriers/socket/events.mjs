// CloudEvents over HTTP.

// cloudEvent reads a CloudEvent in binary or structured mode. Data follows the content type: JSON is
// parsed, text is a string, anything else stays bytes.
function cloudEvent(headers, body) {
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/cloudevents+json")) return structured(JSON.parse(body.toString()));
  const event = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("ce-")) event[name.slice(3)] = decodeURIComponent(value);
  }
  if (!event.id || !event.type) throw new Error("the CloudEvent has no ce-id or no ce-type");
  if (type) event.datacontenttype = type;
  if (body.length > 0) event.data = dataOf(type, body);
  return event;
}

async function readAll(req) {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function serveEvent(call, req, res, ctx) {
  if (!call) return sendJSON(res, 501, { error: `${config.handler} exports no event handler` });
  const rawBody = await readAll(req);
  let event;
  try {
    event = cloudEvent(req.headers, rawBody);
  } catch (err) {
    return sendJSON(res, 400, { error: err.message });
  }
  try {
    const result = await call(event, { ...ctx, rawBody: new Uint8Array(rawBody) });
    if (result === undefined) res.writeHead(204).end();
    else sendJSON(res, 200, result);
  } catch (err) {
    console.error(err);
    sendJSON(res, 500, { error: String(err) });
  }
}

function sendJSON(res, status, value) {
  const text = JSON.stringify(value);
  res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  res.end(text);
}
