// CloudEvents as Azure's triggers get them.

const [QUEUED, PUBLISHED] = ["dev.ferry.queue.message.v1", "dev.ferry.topic.message.v1"];
const [CREATED, DELETED] = ["dev.ferry.object.created.v1", "dev.ferry.object.deleted.v1"];

const triggered = {
  queuetrigger: { [QUEUED]: ofStorageQueue },
  servicebustrigger: { [QUEUED]: ofServiceBus, [PUBLISHED]: ofServiceBus },
  eventgridtrigger: { [PUBLISHED]: ofEventGrid, [CREATED]: ofEventGrid, [DELETED]: ofEventGrid },
  timertrigger: { "dev.ferry.schedule.v1": ofTimer },
  blobtrigger: { [CREATED]: ofBlob },
};

// deliverAzure hands the event to the function of the app that it is for.
async function deliverAzure(functions, event, ctx) {
  const one = chosenFunction(functions, event);
  const { input, metadata } = await triggered[one.kind][event.type](event, ctx, one);
  const asJSON = Object.entries(metadata).map(([name, value]) => [name, { json: JSON.stringify(value ?? null) }]);
  await invoked(one, ctx, [input], Object.fromEntries(asJSON));
}

// chosenFunction is the only function with a trigger for such an event, or the one that names where it comes from. A
// trigger of the Service Bus is for a queue or for a topic.
function chosenFunction(functions, event) {
  const elsewhere = { [QUEUED]: "topicName", [PUBLISHED]: "queueName" }[event.type];
  let fit = functions.filter(({ kind, trigger }) => triggered[kind]?.[event.type] && !(kind === "servicebustrigger" && trigger[elsewhere] !== undefined));
  if (fit.length === 0) throw new Error(`an event of type ${event.type}, for which no function of the app has a trigger`);
  if (fit.length > 1) {
    const name = event.source.slice(Math.max(event.source.lastIndexOf("/"), event.source.lastIndexOf(":")) + 1);
    const named = ({ trigger }) => ["queueName", "topicName", "path"].some((key) => String(trigger[key] ?? "").split("/", 1)[0] === name);
    fit = fit.filter((one) => named(one) || one.name === name || one.name === event.subject);
  }
  if (fit.length !== 1) throw new Error(`an event of ${event.source}, and more than one function of the app, or none, is for it`);
  return fit[0];
}

// sent is data as Azure's library hands it over for a trigger, whose dataType is what the host sends it as. JSON is parsed,
// whatever its type says.
function sent(data, { dataType }) {
  if (dataType === "binary" && !(data instanceof Uint8Array)) return Buffer.from(typeof data === "string" ? data : JSON.stringify(data));
  const given = data instanceof Uint8Array ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : data;
  const text = dataType === "string" && Buffer.isBuffer(given) ? given.toString() : given;
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function ofStorageQueue(event, ctx, { trigger }) {
  const { id, time } = event;
  return { input: sent(event.data, trigger), metadata: { Id: id, DequeueCount: ctx.attempt || 1, PopReceipt: id, InsertionTime: time } };
}

function ofServiceBus(event, ctx, { trigger }) {
  const metadata = {
    MessageId: event.id,
    DeliveryCount: ctx.attempt || 1,
    EnqueuedTimeUtc: event.time,
    ApplicationProperties: ctx.attributes || {},
    ContentType: event.datacontenttype,
    SessionId: ctx.group,
    Subject: event.subject,
  };
  return { input: sent(event.data, trigger), metadata: Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined)) };
}

function ofTimer({ time }) {
  const scheduleStatus = { last: time, lastUpdated: time, next: null };
  return { input: { isPastDue: false, schedule: { adjustForDST: true }, scheduleStatus }, metadata: {} };
}

function placeOf({ bucket, key }) {
  return `ferry://${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
}

function ofEventGrid(event) {
  const fields = { id: event.id, topic: event.source, eventTime: event.time, dataVersion: "1.0", metadataVersion: "1" };
  const { data } = event;
  if (event.type === PUBLISHED) return { input: { ...fields, eventType: event.type, subject: event.subject ?? event.source, data }, metadata: {} };
  const happened = {
    eventType: `Microsoft.Storage.Blob${event.type === CREATED ? "Created" : "Deleted"}`,
    subject: `/blobServices/default/containers/${data.bucket}/blobs/${data.key}`,
    data: { url: placeOf(data), contentLength: data.size, eTag: data.etag, blobType: "BlockBlob" },
  };
  return { input: { ...fields, ...happened }, metadata: {} };
}

// ofBlob is the content of an object, and what there is to know of it.
async function ofBlob({ data }, { platform }, { trigger }) {
  const place = `${data.bucket}/${data.key}`;
  const names = [];
  const pattern = trigger.path.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{(\w+)\}/g, (_, name) => (names.push(name), "(.+)"));
  const found = new RegExp(`^${pattern}$`).exec(place) ?? [];
  const metadata = { BlobTrigger: place, Uri: placeOf(data), Properties: { ContentLength: data.size ?? 0, ETag: data.etag } };
  names.forEach((name, n) => (metadata[name] = found[n + 1]));
  return { input: sent(await contentOf(data, platform), trigger), metadata };
}
