// The events of AWS's services as CloudEvents.

// namedBy is the name at the end of an ARN.
function namedBy(arn) {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

// message is the event of a message, which is text unless it says otherwise in an attribute content-type. A CloudEvent
// that was sent as a message is delivered as it is.
function message(fields, text, attributes) {
  const [, type = "text/plain; charset=utf-8"] = Object.entries(attributes).find(([name]) => /^content-?type$/i.test(name)) ?? [];
  const rawBody = new Uint8Array(Buffer.from(text));
  const own = sentEvent(text);
  if (own) return { event: structured(own), attributes, rawBody };
  return { event: { specversion: "1.0", ...fields, datacontenttype: type, data: dataOf(type, Buffer.from(text)) }, attributes, rawBody };
}

function sentEvent(text) {
  if (!text.startsWith("{") || !text.includes("specversion")) return undefined;
  try {
    const value = JSON.parse(text);
    return isCloudEvent(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const records = {
  "aws:sqs": (record) => {
    const { ApproximateReceiveCount: attempt, SentTimestamp: sent, MessageGroupId: group } = record.attributes;
    const attributes = {};
    for (const [name, value] of Object.entries(record.messageAttributes ?? {})) attributes[name] = value.stringValue ?? value.binaryValue;
    const fields = { id: record.messageId, source: record.eventSourceARN, type: "dev.ferry.queue.message.v1", time: new Date(Number(sent)).toISOString() };
    return { ...message(fields, record.body, attributes), attempt: Number(attempt), group };
  },
  "aws:sns": ({ Sns: sns }) => {
    const attributes = {};
    for (const [name, value] of Object.entries(sns.MessageAttributes ?? {})) attributes[name] = value.Value;
    const fields = { id: sns.MessageId, source: sns.TopicArn, type: "dev.ferry.topic.message.v1", time: sns.Timestamp };
    if (sns.Subject) fields.subject = sns.Subject;
    return message(fields, sns.Message, attributes);
  },
  "aws:s3": (record) => {
    const [what] = record.eventName.split(":");
    const type = { ObjectCreated: "created", ObjectRemoved: "deleted" }[what];
    if (!type) throw new Error(`an S3 event that ferry does not know: ${record.eventName}`);
    const { bucket, object } = record.s3;
    const key = decodeURIComponent(object.key.replaceAll("+", " "));
    const data = { bucket: bucket.name, key, size: object.size, etag: object.eTag, version: object.versionId };
    const event = {
      specversion: "1.0",
      id: `${record.responseElements?.["x-amz-request-id"]}.${object.sequencer}`,
      source: bucket.arn,
      type: `dev.ferry.object.${type}.v1`,
      subject: key,
      time: record.eventTime,
      datacontenttype: "application/json",
      data: Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined)),
    };
    return { event };
  },
};

function scheduled(event) {
  const [rule = ""] = event.resources;
  const fields = { id: event.id, source: rule, type: "dev.ferry.schedule.v1", subject: namedBy(rule), time: event.time };
  return { event: { specversion: "1.0", ...fields, datacontenttype: "application/json", data: event.detail } };
}

// unknown says what came, by its kind alone.
function unknown(event) {
  const [record] = Array.isArray(event?.Records) ? event.Records : [];
  let kind = event === null || typeof event !== "object" ? typeof event : `with the fields [${Object.keys(event).sort().join(", ")}]`;
  if (record) kind = `with records of ${record.eventSource ?? record.EventSource}`;
  else if (event?.["detail-type"]) kind = `"${event["detail-type"]}" of ${event.source}`;
  return new Error(`an event that ferry does not know: ${kind}`);
}

// serveBatch delivers the messages of a queue. Those that failed are named, so that they alone come again; in a FIFO
// queue none may overtake a failed one.
async function serveBatch(all, deliver) {
  const failed = [];
  for (const record of all) {
    const stopped = failed.length > 0 && record.eventSourceARN.endsWith(".fifo");
    if (stopped || !(await done(record, deliver))) failed.push({ itemIdentifier: record.messageId });
  }
  return { batchItemFailures: failed };
}

async function done(record, deliver) {
  try {
    await deliver(records["aws:sqs"](record));
    return true;
  } catch (err) {
    console.error(err);
    return false;
  }
}

// serveRecords delivers what comes again as a whole or not at all.
async function serveRecords(all, read, deliver) {
  const failed = [];
  for (const record of all) {
    try {
      await deliver(read(record));
    } catch (err) {
      failed.push(err);
    }
  }
  if (failed.length > 1) throw new AggregateError(failed, failed.map(String).join("; "));
  if (failed.length > 0) throw failed[0];
  return null;
}

// asksNothing is whether an event is only acknowledged: no records, the test that S3 sends when it is set up, and the pings
// of serverless-plugin-warmup and lambda-warmer.
function asksNothing(event) {
  if (event?.Records?.length === 0 || event?.source === "serverless-plugin-warmup" || event?.warmer === true) return true;
  return event?.Service === "Amazon S3" && event.Event === "s3:TestEvent";
}

// serveService delivers an event of one of AWS's services.
async function serveService(event, deliver) {
  if (event?.source === "aws.events" && event["detail-type"] === "Scheduled Event") {
    await deliver(scheduled(event));
    return null;
  }
  const source = Array.isArray(event?.Records) && (event.Records[0]?.eventSource ?? event.Records[0]?.EventSource);
  if (source === "aws:sqs") return serveBatch(event.Records, deliver);
  if (asksNothing(event)) return null;
  if (!Object.hasOwn(records, source)) throw unknown(event);
  return serveRecords(event.Records, records[source], deliver);
}
