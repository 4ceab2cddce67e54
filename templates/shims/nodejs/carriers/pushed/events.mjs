// The events of Google's services as CloudEvents of ferry. They come as CloudEvents, or pushed to a path that says what of
// and for whom: /.ferry/events/<queue, topic, object or schedule>/<name>.

const MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished";
const STORED = { OBJECT_FINALIZE: "google.cloud.storage.object.v1.finalized", OBJECT_DELETE: "google.cloud.storage.object.v1.deleted" };

// pushedTo is what a request is pushed as, undefined for one that is not.
function pushedTo(exchange) {
  const [, kind, name] = /^\/\.ferry\/events\/(queue|topic|object|schedule)\/([^/]+)$/.exec(pathOf(exchange.target)) ?? [];
  return kind && { kind, name: decodeURIComponent(name) };
}

// isGoogleEvent is whether a request brings an event, for a function that is bound to such. Any other is a request as all.
function isGoogleEvent(exchange) {
  if (!config.events || exchange.method !== "POST") return false;
  const isEvent = pushedTo(exchange) || exchange.header("ce-specversion") || media(exchange.header("content-type") ?? "") === "application/cloudevents+json";
  return Boolean(isEvent) && isAdmitted(exchange);
}

// isAdmitted is whether an event comes from who may send them. Google asks who calls a function that is not public; where
// everybody may call, the token of the sender has to be for an audience that nobody else knows.
function isAdmitted(exchange) {
  if (!config.guarded) return true;
  const audience = env.FERRY_EVENT_AUDIENCE;
  const [, claims = ""] = (exchange.header("authorization") ?? "").split(".");
  try {
    const { aud = "" } = JSON.parse(Buffer.from(claims, "base64url"));
    return Boolean(audience) && sameText(String(aud), audience);
  } catch {
    return false;
  }
}

// sameText compares in a time that says nothing of where two texts differ.
function sameText(a, b) {
  let differs = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) differs |= a.charCodeAt(i) ^ b.charCodeAt(i % b.length);
  return differs === 0;
}

// deliverToSource answers for an event. What Google retries gets a status that is none of success.
async function deliverToSource(exchange) {
  const body = await exchange.body.bytes();
  let made;
  try {
    made = await eventOf(exchange, body);
  } catch (err) {
    return sendJSON(exchange, 400, { error: err.message });
  }
  if (!source.event) return sendJSON(exchange, 501, { error: `${config.handler} exports no event handler` });
  if (made) {
    const { event, ...meta } = made;
    await source.event(event, Object.assign(exchange.ctx, meta));
    while (background.size > 0) await Promise.all(background);
  }
  exchange.answer(204, [], "");
}

// eventOf is the event of a request and what is known beside it; undefined for one that is no news.
function eventOf(exchange, body) {
  const pushed = pushedTo(exchange);
  if (pushed?.kind === "schedule") return scheduled(exchange, pushed.name, body);
  const native = pushed ? ofPush(JSON.parse(body.toString()), pushed) : cloudEvent(exchange, body);
  if (!native) return undefined;
  return source.google ? { event: native, rawBody: new Uint8Array(body) } : ofFerry(native, body, pushed?.kind);
}

// ofPush is a pushed message as the CloudEvent that Google makes of it: of a message, or of the news of a bucket. Of an object
// that another one replaced it is no news that it is gone.
function ofPush({ message, subscription, deliveryAttempt }, { kind, name }) {
  if (typeof message !== "object" || message === null) throw new TypeError("this is no message of Pub/Sub");
  const { attributes = {}, messageId: id, publishTime: time } = message;
  const common = { specversion: "1.0", id, time, datacontenttype: "application/json" };
  const [, project = "-"] = /^projects\/([^/]+)\//.exec(subscription ?? "") ?? [];
  if (kind !== "object") {
    const source = `//pubsub.googleapis.com/projects/${project}/topics/${name}`;
    return { ...common, type: MESSAGE_PUBLISHED, source, data: { message, subscription, deliveryAttempt } };
  }
  const type = STORED[attributes.eventType];
  if (!type) throw new TypeError(`news of a bucket that ferry does not know: ${attributes.eventType}`);
  if (attributes.overwrittenByGeneration) return undefined;
  const source = `//storage.googleapis.com/projects/_/buckets/${attributes.bucketId}`;
  return { ...common, type, source, subject: `objects/${attributes.objectId}`, data: JSON.parse(Buffer.from(message.data ?? "", "base64")) };
}

// ofFerry is the event in ferry's own terms where its service is one of those that can be bound; any other is as it came.
function ofFerry(event, body, kind = "topic") {
  if (event.type === MESSAGE_PUBLISHED) return ofMessage(event, kind);
  if (Object.values(STORED).includes(event.type)) return { event: ofObject(event), rawBody: new Uint8Array(body) };
  return { event, rawBody: new Uint8Array(body) };
}

// ofMessage is the event of a message, which is text unless an attribute content-type says otherwise. A CloudEvent that was
// sent as a message is delivered as it is.
function ofMessage({ id, time, source, data: { message, deliveryAttempt } }, kind) {
  const raw = Buffer.from(message.data ?? "", "base64");
  const attributes = message.attributes ?? {};
  const [, type = "text/plain; charset=utf-8"] = Object.entries(attributes).find(([name]) => /^content-?type$/i.test(name)) ?? [];
  const meta = { attributes, rawBody: new Uint8Array(raw), group: message.orderingKey, attempt: deliveryAttempt };
  const own = sentAsEvent(raw);
  if (own) return { event: own, ...meta };
  const fields = { id: message.messageId ?? id, source: source.replace("//pubsub.googleapis.com/", "/"), time: message.publishTime ?? time };
  return { event: { specversion: "1.0", type: `dev.ferry.${kind}.message.v1`, ...fields, datacontenttype: type, data: dataOf(type, raw) }, ...meta };
}

function sentAsEvent(raw) {
  if (raw[0] !== 0x7b || !raw.includes("specversion")) return undefined;
  try {
    return structured(JSON.parse(raw.toString()));
  } catch {
    return undefined; // a message that only looks like one
  }
}

// ofObject is what happened to an object. Google's sizes are text.
function ofObject({ id, source, type, time, data: item }) {
  const all = { bucket: item.bucket, key: item.name, size: item.size === undefined ? undefined : Number(item.size), etag: item.etag, version: item.generation };
  const data = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const happened = type === STORED.OBJECT_FINALIZE ? "created" : "deleted";
  return { specversion: "1.0", id, source, type: `dev.ferry.object.${happened}.v1`, subject: item.name, time, datacontenttype: "application/json", data };
}

// scheduled is a call of Cloud Scheduler, which says when it was due: another attempt is the same event.
function scheduled(exchange, name, body) {
  const due = exchange.header("x-cloudscheduler-scheduletime") ?? new Date().toISOString();
  const job = exchange.header("x-cloudscheduler-jobname") ?? name;
  const data = body.length > 0 ? JSON.parse(body.toString()) : {};
  const fields = { id: `${job}/${due}`, source: `/ferry/schedule/${name}`, subject: name, time: due };
  return { event: { specversion: "1.0", type: "dev.ferry.schedule.v1", ...fields, datacontenttype: "application/json", data }, rawBody: new Uint8Array(body) };
}
