# CloudEvents as Azure's triggers get them.


def chosen(functions, event):
    """The function of the app that an event is for: the only one with a trigger for such, or the one that names where it
    comes from."""
    kind, name = event["type"], event["source"].rpartition("/")[2].rpartition(":")[2]
    fit = [f for f in functions if kind in TRIGGERED.get(f.kind, {}) and f.settings.get(ELSEWHERE.get((f.kind, kind))) is None]
    if not fit:
        raise ValueError(f"an event of type {kind}, for which no function of the app has a trigger")
    if len(fit) > 1:
        named = ("queueName", "queue_name", "topicName", "topic_name", "path", "name")
        fit = [f for f in fit if name in [str(f.settings.get(n, "")).partition("/")[0] for n in named] or f.name == event.get("subject")]
    if len(fit) != 1:
        raise ValueError(f"an event of {event['source']}, and more than one function of the app, or none, is for it")
    return fit[0]


def given(function, event, ctx):
    """What the function gets of an event."""
    return TRIGGERED[function.kind][event["type"]](event, ctx)


def text_sent(event, ctx):
    data = event.get("data")
    if isinstance(data, (str, bytes)):
        return Datum(data, "string" if isinstance(data, str) else "bytes")
    return Datum(text_in(event, ctx), "string")


def of_storage_queue(event, ctx):
    metadata = {"Id": event["id"], "DequeueCount": ctx.attempt or 1, "PopReceipt": event["id"], "InsertionTime": event.get("time") or ""}
    return decoded("queueTrigger", text_sent(event, ctx), metadata)


def of_service_bus(event, ctx):
    metadata = {
        "MessageId": event["id"],
        "DeliveryCount": ctx.attempt or 1,
        "EnqueuedTimeUtc": event.get("time") or "",
        "UserProperties": ctx.attributes or {},
        "ApplicationProperties": ctx.attributes or {},
    }
    optional = {"SessionId": ctx.group, "ContentType": event.get("datacontenttype"), "Subject": event.get("subject")}
    metadata.update((name, value) for name, value in optional.items() if value)
    return decoded("serviceBusTrigger", text_sent(event, ctx), metadata)


def of_timer(event, ctx):
    status = {"Last": event.get("time"), "Next": None, "LastUpdated": event.get("time")}
    return decoded("timerTrigger", Datum(json.dumps({"IsPastDue": False, "ScheduleStatus": status, "Schedule": {}}), "json"), {})


def of_event_grid(event, ctx):
    fields = {"id": event["id"], "topic": event["source"], "eventTime": event.get("time"), "dataVersion": "1.0"}
    data = event.get("data")
    if event["type"].startswith("dev.ferry.object."):
        created = event["type"] == "dev.ferry.object.created.v1"
        fields["eventType"] = f"Microsoft.Storage.Blob{'Created' if created else 'Deleted'}"
        fields["subject"] = f"/blobServices/default/containers/{data['bucket']}/blobs/{data['key']}"
        data = {"url": place_of(data), "contentLength": data.get("size"), "eTag": data.get("etag"), "blobType": "BlockBlob"}
    else:
        fields["eventType"], fields["subject"] = event["type"], event.get("subject") or event["source"]
    return decoded("eventGridTrigger", Datum(json.dumps({**fields, "data": data}), "json"), {})


def place_of(data):
    return f"ferry://{data['bucket']}/{urllib.parse.quote(data['key'])}"


def of_blob(event, ctx):
    data = event["data"]
    metadata = {"BlobTrigger": f"{data['bucket']}/{data['key']}", "Uri": place_of(data), "Properties": {"ContentLength": data.get("size") or 0}}
    return decoded("blobTrigger", Datum(content_of(data, ctx.platform), "bytes"), metadata)


QUEUED, PUBLISHED = "dev.ferry.queue.message.v1", "dev.ferry.topic.message.v1"
CREATED, DELETED = "dev.ferry.object.created.v1", "dev.ferry.object.deleted.v1"
TRIGGERED = {
    "queueTrigger": {QUEUED: of_storage_queue},
    "serviceBusTrigger": {QUEUED: of_service_bus, PUBLISHED: of_service_bus},
    "eventGridTrigger": {PUBLISHED: of_event_grid, CREATED: of_event_grid, DELETED: of_event_grid},
    "timerTrigger": {"dev.ferry.schedule.v1": of_timer},
    "blobTrigger": {CREATED: of_blob},
}
# A trigger of the Service Bus is for a queue or for a topic: the setting that it has when it is for the other.
ELSEWHERE = {("serviceBusTrigger", QUEUED): "topicName", ("serviceBusTrigger", PUBLISHED): "queueName"}
