# CloudEvents as Google's services send them. What only a project has is made up.
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
STORED = {"dev.ferry.object.created.v1": "finalized", "dev.ferry.object.deleted.v1": "deleted"}


def of_google(event, ctx):
    """The event in its structured form."""
    kind = event["type"]
    if kind in STORED:
        return stored(event)
    if kind in ("dev.ferry.topic.message.v1", "dev.ferry.queue.message.v1", "dev.ferry.schedule.v1"):
        return published(event, ctx)
    out = dict(event)
    if isinstance(out.get("data"), bytes):
        out["data_base64"] = base64.b64encode(out.pop("data")).decode()
    return out


def renewed(event, kind, source, subject, data):
    own = {name: event[name] for name in ("specversion", "id", "time") if name in event}
    out = {**own, "type": kind, "source": source, "datacontenttype": "application/json", "data": data}
    return {**out, "subject": subject} if subject else out


def published(event, ctx):
    """A message of Pub/Sub, which is what a schedule sends there as well."""
    data, raw = event.get("data"), ctx.raw_body
    if isinstance(data, str):
        data = data.encode()
    elif not isinstance(data, bytes):
        data = raw if raw and same(raw, data) else json.dumps(data, ensure_ascii=False).encode()
    topic = "projects/local/topics/" + (event["source"].rpartition("/")[2] or "topic")
    message = {
        "data": base64.b64encode(data).decode(),
        "attributes": {name: str(value) for name, value in (ctx.attributes or {}).items()},
        "messageId": event["id"],
        "message_id": event["id"],
        "publishTime": event.get("time"),
        "publish_time": event.get("time"),
    }
    if ctx.group:
        message["orderingKey"] = ctx.group
    inner = {"message": message, "subscription": topic.replace("/topics/", "/subscriptions/")}
    return renewed(event, PUBLISHED, "//pubsub.googleapis.com/" + topic, None, inner)


def same(raw, data):
    try:
        return json.loads(raw) == data
    except ValueError:
        return False


def stored(event):
    """What happened to an object. Google's sizes are text."""
    data, kind = event.get("data") or {}, STORED[event["type"]]
    bucket, key = data["bucket"], data["key"]
    inner = {
        "kind": "storage#object",
        "id": f"{bucket}/{key}",
        "name": key,
        "bucket": bucket,
        "timeCreated": event.get("time"),
        "updated": event.get("time"),
        "size": str(data.get("size", 0)),
        "etag": data.get("etag"),
        "metageneration": "1",
        "storageClass": "STANDARD",
        "generation": data.get("version"),
    }
    inner = {name: value for name, value in inner.items() if value is not None}
    source = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    return renewed(event, f"google.cloud.storage.object.v1.{kind}", source, "objects/" + key, inner)


def of_first_generation(event):
    """The data and the context of an event as Google's first generation gives them to a background function."""
    from functions_framework.event_conversion import cloud_event_to_background_event

    if not event["type"].startswith("google."):
        raise ValueError(f"an event of type {event['type']}, which Google's first generation does not have")
    body = json.dumps(event.get("data"), default=str).encode()
    headers = {f"ce-{name}": str(value) for name, value in event.items() if name not in ("data", "datacontenttype")}
    headers["content-type"] = "application/json"
    return cloud_event_to_background_event(types.SimpleNamespace(headers=headers, get_data=lambda: body))
