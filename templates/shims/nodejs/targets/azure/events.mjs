// What Azure's triggers give as CloudEvents.

// ofTimer is a schedule. Azure says neither the time that it was due nor an id that is the same in another attempt.
function ofTimer({ invocationId: id }) {
  const time = new Date().toISOString().replace(/:\d\d\.\d+Z$/, ":00Z");
  return { event: { specversion: "1.0", id, source: "/ferry/azure/timer", type: "dev.ferry.schedule.v1", time, datacontenttype: "application/json", data: {} } };
}

// ofStorageMessage is the event of a message, which is text. A CloudEvent that was sent as a message is delivered as it is.
function ofStorageMessage(queue, message, { triggerMetadata: about = {} }) {
  const raw = messageBytes(message);
  const meta = { attempt: about.dequeueCount === undefined ? undefined : Number(about.dequeueCount), rawBody: new Uint8Array(raw) };
  const own = ownEvent(raw);
  if (own) return { event: own, ...meta };
  const fields = { id: about.id, source: `/ferry/azure/queue/${queue}`, type: "dev.ferry.queue.message.v1", datacontenttype: "text/plain; charset=utf-8" };
  if (about.insertionTime) fields.time = new Date(about.insertionTime).toISOString();
  return { event: { specversion: "1.0", ...fields, data: raw.toString() }, ...meta };
}

const messageBytes = (message) => (message instanceof Uint8Array ? Buffer.from(message) : Buffer.from(typeof message === "string" ? message : JSON.stringify(message)));

// ofBusMessage is the event of a message of Service Bus, which has a type and properties of its own.
function ofBusMessage(kind, name, message, { triggerMetadata: about = {} }) {
  const raw = messageBytes(message);
  const attributes = Object.fromEntries(Object.entries(about.applicationProperties ?? {}).map(([key, value]) => [key, String(value)]));
  const meta = { attributes, attempt: about.deliveryCount === undefined ? undefined : Number(about.deliveryCount), group: about.sessionId || undefined, rawBody: new Uint8Array(raw) };
  const own = ownEvent(raw);
  if (own) return { event: own, ...meta };
  const datacontenttype = about.contentType || "text/plain; charset=utf-8";
  const fields = { id: about.messageId, source: `/ferry/azure/${kind}/${name}`, type: `dev.ferry.${kind}.message.v1`, datacontenttype };
  if (about.enqueuedTimeUtc) fields.time = new Date(about.enqueuedTimeUtc).toISOString();
  return { event: { specversion: "1.0", ...fields, data: dataOf(datacontenttype, raw) }, ...meta };
}

function ownEvent(raw) {
  if (raw[0] !== 0x7b || !raw.includes("specversion")) return undefined;
  try {
    return structured(JSON.parse(raw.toString()));
  } catch {
    return undefined; // a message that only looks like one
  }
}

// ofGrid is an event of Event Grid: of a blob, or else a message of a topic.
function ofGrid({ id, topic, subject, eventType, eventTime, data }) {
  const fields = { specversion: "1.0", id, source: topic || "/ferry/azure/topic", time: eventTime, datacontenttype: "application/json" };
  const happened = { "Microsoft.Storage.BlobCreated": "created", "Microsoft.Storage.BlobDeleted": "deleted" }[eventType];
  if (!happened) {
    const rawBody = new Uint8Array(Buffer.from(JSON.stringify(data) ?? ""));
    return { event: { ...fields, type: "dev.ferry.topic.message.v1", subject, data }, rawBody };
  }
  const [, bucket, key] = /^\/blobServices\/default\/containers\/([^/]+)\/blobs\/(.+)$/s.exec(subject);
  const item = { bucket, key };
  if (data.contentLength !== undefined) item.size = data.contentLength;
  if (data.eTag !== undefined) item.etag = data.eTag;
  return { event: { ...fields, type: `dev.ferry.object.${happened}.v1`, subject: key, data: item } };
}
