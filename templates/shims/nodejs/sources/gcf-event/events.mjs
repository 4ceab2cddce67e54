// CloudEvents as Google's services send them, in their structured form. What only a project has is made up.

// googleEvent is the event of Google's that means the same, and any other as it is.
function googleEvent(event, ctx) {
  switch (event.type) {
    case "dev.ferry.topic.message.v1":
    case "dev.ferry.queue.message.v1":
    case "dev.ferry.schedule.v1":
      return published(event, ctx);
    case "dev.ferry.object.created.v1":
      return stored(event, "finalized");
    case "dev.ferry.object.deleted.v1":
      return stored(event, "deleted");
    default:
      return event.data instanceof Uint8Array ? { ...event, data: undefined, data_base64: Buffer.from(event.data).toString("base64") } : event;
  }
}

function renewed({ id, time }, type, source, subject, data) {
  return { specversion: "1.0", id, time, type, source, subject, datacontenttype: "application/json", data };
}

// published is a message of Pub/Sub, which is what a schedule sends there as well.
function published(event, { rawBody, attributes, group }) {
  const topic = `projects/local/topics/${event.source.slice(event.source.lastIndexOf("/") + 1) || "topic"}`;
  const { id, time } = event;
  const message = {
    data: Buffer.from(bytesIn(event.data, rawBody)).toString("base64"),
    attributes: Object.fromEntries(Object.entries(attributes || {}).map(([name, value]) => [name, String(value)])),
    messageId: id,
    message_id: id,
    publishTime: time,
    publish_time: time,
    orderingKey: group || undefined,
  };
  const data = { message, subscription: topic.replace("/topics/", "/subscriptions/") };
  return renewed(event, "google.cloud.pubsub.topic.v1.messagePublished", `//pubsub.googleapis.com/${topic}`, undefined, data);
}

// bytesIn are the bytes of data as they were sent, where they are known.
function bytesIn(data, rawBody) {
  if (data === undefined) return "";
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  const text = JSON.stringify(data);
  try {
    return JSON.stringify(JSON.parse(Buffer.from(rawBody).toString())) === text ? rawBody : text;
  } catch {
    return text;
  }
}

// stored is what happened to an object. Google's sizes are text.
function stored(event, what) {
  const { bucket, key, size = 0, etag, version } = event.data ?? {};
  const { time } = event;
  const data = { kind: "storage#object", id: `${bucket}/${key}`, name: key, bucket, timeCreated: time, updated: time, size: String(size), etag, metageneration: "1", storageClass: "STANDARD", generation: version };
  return renewed(event, `google.cloud.storage.object.v1.${what}`, `//storage.googleapis.com/projects/_/buckets/${bucket}`, `objects/${key}`, data);
}
