// CloudEvents as the events of AWS's services, one record each.

// nativeEvent is the event as the service of AWS sends it that such a one comes from.
function nativeEvent(event, ctx) {
  if (event.type === "dev.ferry.invoke.v1") return event.data ?? null;
  if (event.type === "dev.ferry.schedule.v1") return scheduleEvent(event);
  if (!Object.hasOwn(recordOf, event.type)) throw new Error(`an event of type ${event.type}, for which AWS Lambda has no form`);
  return { Records: [recordOf[event.type](event, ctx)] };
}

const recordOf = {
  "dev.ferry.queue.message.v1": queueRecord,
  "dev.ferry.topic.message.v1": topicRecord,
  "dev.ferry.object.created.v1": objectRecord,
  "dev.ferry.object.deleted.v1": objectRecord,
};

// textIn is the data as the text that a message is: as it was sent, where that is known.
function textIn({ data }, { rawBody }) {
  if (data === undefined || data === null) return "";
  if (typeof data === "string") return data;
  if (data instanceof Uint8Array) return new TextDecoder("utf-8", { fatal: true }).decode(data); // a message of AWS holds no other bytes
  const text = JSON.stringify(data);
  try {
    const sent = Buffer.from(rawBody ?? "").toString();
    return JSON.stringify(JSON.parse(sent)) === text ? sent : text;
  } catch {
    return text;
  }
}

// sourceOf is the source of an event: an ARN, or the last part of a path.
function sourceOf({ source }) {
  return source.startsWith("arn:") ? source : source.slice(source.lastIndexOf("/") + 1) || functionName;
}

function sentAt(event) {
  return event.time ?? new Date().toISOString();
}

function queueRecord(event, ctx) {
  const body = textIn(event, ctx);
  const sent = String(Date.parse(sentAt(event)));
  const attributes = { ApproximateReceiveCount: String(ctx.attempt || 1), SentTimestamp: sent, SenderId: "000000000000", ApproximateFirstReceiveTimestamp: sent };
  if (ctx.group) attributes.MessageGroupId = ctx.group;
  const named = Object.entries(ctx.attributes || {}).map(([name, value]) => [
    name,
    { stringValue: String(value), stringListValues: [], binaryListValues: [], dataType: "String" },
  ]);
  return {
    messageId: event.id,
    receiptHandle: event.id,
    body,
    attributes,
    messageAttributes: Object.fromEntries(named),
    md5OfBody: required("node:crypto").createHash("md5").update(body).digest("hex"),
    eventSource: "aws:sqs",
    eventSourceARN: arnOf("sqs", sourceOf(event)),
    awsRegion: region(),
  };
}

// recordIn is the record of a message in a batch, which says of itself what is said beside one that comes alone.
function recordIn({ ferryattempt: attempt, ferrygroup: group, ferryattributes: attributes, ...event }) {
  return queueRecord(event, { attempt, group, attributes: attributes && JSON.parse(attributes) });
}

function topicRecord(event, ctx) {
  const topic = arnOf("sns", sourceOf(event));
  return {
    EventSource: "aws:sns",
    EventVersion: "1.0",
    EventSubscriptionArn: `${topic}:${functionName}`,
    Sns: {
      Type: "Notification",
      MessageId: event.id,
      TopicArn: topic,
      Subject: event.subject ?? null,
      Message: textIn(event, ctx),
      Timestamp: sentAt(event),
      SignatureVersion: "1",
      Signature: "",
      SigningCertUrl: "",
      UnsubscribeUrl: "",
      MessageAttributes: Object.fromEntries(Object.entries(ctx.attributes || {}).map(([name, value]) => [name, { Type: "String", Value: String(value) }])),
    },
  };
}

function objectRecord(event) {
  const { bucket, key, size = 0, etag = "", version } = event.data ?? {};
  const created = event.type === "dev.ferry.object.created.v1";
  const encoded = key.split("/").map(encodeURIComponent).join("/").replaceAll("%20", "+");
  const object = { key: encoded, sequencer: event.id.slice(event.id.lastIndexOf(".") + 1) };
  if (created) Object.assign(object, { size, eTag: etag });
  if (version) object.versionId = version;
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: region(),
    eventTime: sentAt(event),
    eventName: created ? "ObjectCreated:Put" : "ObjectRemoved:Delete",
    userIdentity: { principalId: "ferry" },
    requestParameters: { sourceIPAddress: "127.0.0.1" },
    responseElements: { "x-amz-request-id": event.id.split(".", 1)[0], "x-amz-id-2": "" },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: functionName,
      bucket: { name: bucket, ownerIdentity: { principalId: "ferry" }, arn: `arn:aws:s3:::${bucket}` },
      object,
    },
  };
}

function scheduleEvent(event) {
  const source = sourceOf(event);
  return {
    version: "0",
    id: event.id,
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: "000000000000",
    time: sentAt(event).replace(/\.\d+/, ""),
    region: region(),
    resources: [source.startsWith("arn:") ? source : arnOf("events", `rule/${event.subject ?? source}`)],
    detail: event.data ?? {},
  };
}
