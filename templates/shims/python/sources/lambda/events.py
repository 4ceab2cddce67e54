# CloudEvents as the events of AWS's services, one record each.
import datetime
import hashlib


def native_of(event, ctx):
    """The event as the service of AWS sends it that such a one comes from."""
    kind = event["type"]
    if kind == "dev.ferry.invoke.v1":
        return event.get("data")
    if kind == "dev.ferry.schedule.v1":
        return schedule_event(event)
    if kind not in NATIVE:
        raise ValueError(f"an event of type {kind}, for which AWS Lambda has no form")
    return {"Records": [NATIVE[kind](event, ctx)]}


def source_of(event):
    """The source of an event: an ARN, or the last part of a path."""
    source = event["source"]
    return source if source.startswith("arn:") else source.rpartition("/")[2] or FUNCTION


def sent_at(event):
    return event.get("time") or time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def epoch_of(event):
    """The time of an event in milliseconds, as text."""
    moment = datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", sent_at(event)).replace("Z", "+00:00"))
    return str(int(moment.timestamp() * 1000))


def queue_record(event, ctx):
    text, sent = text_in(event, ctx), epoch_of(event)
    system = {
        "ApproximateReceiveCount": str(ctx.attempt or 1),
        "SentTimestamp": sent,
        "SenderId": "000000000000",
        "ApproximateFirstReceiveTimestamp": sent,
    }
    if ctx.group:
        system["MessageGroupId"] = ctx.group
    attributes = {
        name: {"stringValue": str(value), "stringListValues": [], "binaryListValues": [], "dataType": "String"}
        for name, value in (ctx.attributes or {}).items()
    }
    return {
        "messageId": event["id"],
        "receiptHandle": event["id"],
        "body": text,
        "attributes": system,
        "messageAttributes": attributes,
        "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", source_of(event)),
        "awsRegion": REGION,
    }


def record_in(event):
    """The record of a message in a batch, which says of itself what is said beside one that comes alone."""
    attributes = event.get("ferryattributes")
    meta = context(
        attempt=event.get("ferryattempt"), group=event.get("ferrygroup"), attributes=json.loads(attributes) if attributes else None
    )
    return queue_record(event, meta)


def topic_record(event, ctx):
    topic = arn("sns", source_of(event))
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{topic}:{FUNCTION}",
        "Sns": {
            "Type": "Notification",
            "MessageId": event["id"],
            "TopicArn": topic,
            "Subject": event.get("subject"),
            "Message": text_in(event, ctx),
            "Timestamp": sent_at(event),
            "SignatureVersion": "1",
            "Signature": "",
            "SigningCertUrl": "",
            "UnsubscribeUrl": "",
            "MessageAttributes": {name: {"Type": "String", "Value": str(value)} for name, value in (ctx.attributes or {}).items()},
        },
    }


def object_record(event, ctx):
    data, created = event.get("data") or {}, event["type"] == "dev.ferry.object.created.v1"
    item = {"key": urllib.parse.quote_plus(data["key"], safe="/"), "sequencer": event["id"].rpartition(".")[2]}
    if created:
        item.update(size=data.get("size", 0), eTag=data.get("etag", ""))
    if data.get("version"):
        item["versionId"] = data["version"]
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": sent_at(event),
        "eventName": "ObjectCreated:Put" if created else "ObjectRemoved:Delete",
        "userIdentity": {"principalId": "ferry"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": event["id"].partition(".")[0], "x-amz-id-2": ""},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": FUNCTION,
            "bucket": {"name": data["bucket"], "ownerIdentity": {"principalId": "ferry"}, "arn": f"arn:aws:s3:::{data['bucket']}"},
            "object": item,
        },
    }


def schedule_event(event):
    source = source_of(event)
    return {
        "version": "0",
        "id": event["id"],
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": re.sub(r"\.\d+", "", sent_at(event)),
        "region": REGION,
        "resources": [source if source.startswith("arn:") else arn("events", f"rule/{event.get('subject') or source}")],
        "detail": event.get("data") or {},
    }


NATIVE = {
    "dev.ferry.queue.message.v1": queue_record,
    "dev.ferry.topic.message.v1": topic_record,
    "dev.ferry.object.created.v1": object_record,
    "dev.ferry.object.deleted.v1": object_record,
}
