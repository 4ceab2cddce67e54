// CloudEvents over HTTP.

// cloudEvent reads a CloudEvent in binary or structured mode. Data follows the content type: JSON is
// parsed, text is a string, anything else stays bytes.
function cloudEvent(exchange, body) {
  const type = exchange.header("content-type") ?? "";
  if (media(type) === "application/cloudevents+json") return structured(JSON.parse(body.toString()));
  const event = {};
  for (const [name, value] of exchange.headers) {
    const key = name.toLowerCase();
    if (key.startsWith("ce-")) event[key.slice(3)] = decodeURIComponent(value);
  }
  checked(event);
  if (type) event.datacontenttype = type;
  if (body.length > 0) event.data = dataOf(type, body);
  return event;
}

// serveEvent answers for the delivery of an event: 204 or 200 with the result, 400 for what is no CloudEvent, 500 for a
// handler that failed, 501 where there is none.
async function serveEvent(call, exchange, ctx) {
  if (!call) return sendJSON(exchange, 501, { error: `${config.handler} exports no event handler` });
  const read = (body) => cloudEvent(exchange, body);
  return answerDelivery(exchange, read, (event, rawBody) => call(event, Object.assign(ctx, { rawBody: new Uint8Array(rawBody) })));
}

// serveMessages answers for the delivery of several messages at once, with what the source says of them.
async function serveMessages(call, exchange, ctx) {
  const read = (body) => JSON.parse(body.toString()).map(structured);
  return answerDelivery(exchange, read, (events) => call(events, ctx));
}

async function answerDelivery(exchange, read, call) {
  const rawBody = await exchange.body.bytes();
  let delivered;
  try {
    delivered = read(rawBody);
  } catch (err) {
    return sendJSON(exchange, 400, { error: err.message });
  }
  try {
    const result = await call(delivered, rawBody);
    if (result === undefined) exchange.answer(204, [], "");
    else sendJSON(exchange, 200, result);
  } catch (err) {
    console.error(err);
    sendJSON(exchange, 500, { error: String(err) });
  }
}

function sendJSON(exchange, status, value) {
  const text = Buffer.from(JSON.stringify(value));
  exchange.begin(status, [["content-type", "application/json"]], text.length);
  exchange.write(text);
  exchange.end();
}
