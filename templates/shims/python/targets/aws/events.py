# The events of AWS's services as CloudEvents.
import datetime


def message(fields, text, attributes):
    """The event of a message, which is text unless it says otherwise in an attribute content-type. A CloudEvent that was
    sent as a message is delivered as it is."""
    kinds = [value for name, value in attributes.items() if re.fullmatch("content-?type", name, re.IGNORECASE)]
    kind, raw = kinds[0] if kinds else "text/plain; charset=utf-8", text.encode()
    meta = {"attributes": attributes, "raw_body": raw}
    own = sent_event(text)
    if own:
        return own, meta
    return CloudEvent(specversion="1.0", **fields, datacontenttype=kind, data=data_of(kind, raw)), meta


def sent_event(text):
    if not text.startswith("{") or "specversion" not in text:
        return None
    try:
        return structured(json.loads(text))
    except ValueError:
        return None


def of_queue(record):
    system, attributes = record["attributes"], {}
    for name, value in (record.get("messageAttributes") or {}).items():
        attributes[name] = value["stringValue"] if value.get("stringValue") is not None else value.get("binaryValue")
    sent = datetime.datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, datetime.timezone.utc)
    fields = {
        "id": record["messageId"],
        "source": record["eventSourceARN"],
        "type": "dev.ferry.queue.message.v1",
        "time": sent.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    event, meta = message(fields, record["body"], attributes)
    return event, {**meta, "attempt": int(system["ApproximateReceiveCount"]), "group": system.get("MessageGroupId")}


def of_topic(record):
    sns = record["Sns"]
    attributes = {name: value["Value"] for name, value in (sns.get("MessageAttributes") or {}).items()}
    fields = {"id": sns["MessageId"], "source": sns["TopicArn"], "type": "dev.ferry.topic.message.v1", "time": sns["Timestamp"]}
    if sns.get("Subject"):
        fields["subject"] = sns["Subject"]
    return message(fields, sns["Message"], attributes)


def of_bucket(record):
    kind = {"ObjectCreated": "created", "ObjectRemoved": "deleted"}.get(record["eventName"].split(":")[0])
    if not kind:
        raise ValueError(f"an S3 event that ferry does not know: {record['eventName']}")
    bucket, item = record["s3"]["bucket"], record["s3"]["object"]
    key = urllib.parse.unquote_plus(item["key"])
    data = {"bucket": bucket["name"], "key": key, "size": item.get("size"), "etag": item.get("eTag"), "version": item.get("versionId")}
    request = (record.get("responseElements") or {}).get("x-amz-request-id")
    event = CloudEvent(
        specversion="1.0",
        id=f"{request}.{item['sequencer']}",
        source=bucket["arn"],
        type=f"dev.ferry.object.{kind}.v1",
        subject=key,
        time=record["eventTime"],
        datacontenttype="application/json",
        data={name: value for name, value in data.items() if value is not None},
    )
    return event, {}


def scheduled(event):
    rule = (event["resources"] or [""])[0]
    fields = {"id": event["id"], "source": rule, "type": "dev.ferry.schedule.v1", "subject": rule.rpartition("/")[2]}
    return CloudEvent(specversion="1.0", **fields, time=event["time"], datacontenttype="application/json", data=event["detail"]), {}


RECORDS = {"aws:sqs": of_queue, "aws:sns": of_topic, "aws:s3": of_bucket}


def records_of(event):
    """The records of an event and the service that they come from."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        return [], None
    return records, records[0].get("eventSource") or records[0].get("EventSource")


def unknown(event):
    """The error that says what came, by its kind alone."""
    records, source = records_of(event)
    if records:
        kind = f"with records of {source}"
    elif not isinstance(event, dict):
        kind = type(event).__name__
    elif event.get("detail-type"):
        kind = f"\"{event['detail-type']}\" of {event.get('source')}"
    else:
        kind = f"with the fields [{', '.join(sorted(event))}]"
    return ValueError(f"an event that ferry does not know: {kind}")


def asks_nothing(event):
    """Whether an event is only acknowledged: no records, the test that S3 sends when it is set up, and the pings of
    serverless-plugin-warmup and lambda-warmer."""
    if not isinstance(event, dict):
        return False
    test = event.get("Service") == "Amazon S3" and event.get("Event") == "s3:TestEvent"
    return event.get("Records") == [] or test or event.get("source") == "serverless-plugin-warmup" or event.get("warmer") is True


async def serve_batch(records, deliver):
    """Delivers the messages of a queue. Those that failed are named, so that they alone come again; in a FIFO queue
    none may overtake a failed one."""
    failed = []
    for record in records:
        try:
            if failed and record["eventSourceARN"].endswith(".fifo"):
                failed.append(record)
            else:
                await deliver(*of_queue(record))
        except Exception:
            traceback.print_exc()
            failed.append(record)
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


async def serve_records(records, read, deliver):
    """Delivers what comes again as a whole or not at all."""
    failed = []
    for record in records:
        try:
            await deliver(*read(record))
        except Exception as err:
            failed.append(err)
    if len(failed) > 1:
        for err in failed:
            traceback.print_exception(type(err), err, err.__traceback__)
        raise RuntimeError("; ".join(f"{type(err).__name__}: {err}" for err in failed))
    if failed:
        raise failed[0]


async def serve_service(event, deliver):
    """Delivers an event of one of AWS's services."""
    records, source = records_of(event)
    if asks_nothing(event):
        return None
    if source == "aws:sqs":
        return await serve_batch(records, deliver)
    if source in RECORDS:
        return await serve_records(records, RECORDS[source], deliver)
    if not isinstance(event, dict) or event.get("source") != "aws.events" or event.get("detail-type") != "Scheduled Event":
        raise unknown(event)
    await deliver(*scheduled(event))
    return None
