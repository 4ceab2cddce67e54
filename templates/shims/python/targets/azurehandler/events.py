# What Azure's host posts to a custom handler for a trigger, as CloudEvents.
import datetime

POSTED = re.compile(r"(schedule|queue|topic)(\d+)")
BLOBS = {"Microsoft.Storage.BlobCreated": "created", "Microsoft.Storage.BlobDeleted": "deleted"}


def text_posted(value):
    """A value as text. The host writes text as JSON within JSON."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        inner = json.loads(value)
    except ValueError:
        return value
    return inner if isinstance(inner, str) else value


def posted_with(given, name):
    """What the host tells of an event beside its data, None for nothing."""
    value = (given.get("Metadata") or {}).get(name)
    text = "" if value is None else text_posted(value)
    return None if text in ("", "null") else text


def moment(text):
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (AttributeError, ValueError):
        return text


def event_posted(name, given, invocation):
    """The event of an invocation of a function by its name, and what else there is to know of it."""
    data = given.get("Data") or {}
    if name == "pushed":
        return of_grid(json.loads(text_posted(data["event"]))) if "event" in data else unknown(name)
    kind, n = found.groups() if (found := POSTED.fullmatch(name)) else unknown(name)
    bound = CONFIG.get(kind + "s", [])
    if int(n) >= len(bound):
        unknown(name)
    if kind == "schedule":  # neither the time that it was due nor an id that is the same in another attempt is told
        fields = {"id": invocation, "source": "/ferry/azure/timer", "time": time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime())}
        return CloudEvent(specversion="1.0", type="dev.ferry.schedule.v1", **fields, datacontenttype="application/json", data={}), {}
    if "message" not in data:
        raise ValueError("the invocation has no message")
    return of_message(kind, bound[int(n)], text_posted(data["message"]).encode(), given)


def unknown(name):
    raise ValueError(f"there is no function {name}")


def of_message(kind, name, raw, given):
    """The event of a message of a queue of Azure Storage, or of Service Bus, which has an id and a type of its own."""
    attempt = posted_with(given, "DequeueCount") or posted_with(given, "DeliveryCount")
    properties = json.loads(posted_with(given, "ApplicationProperties") or "{}")
    meta = {"attempt": int(attempt) if attempt else None, "group": posted_with(given, "SessionId"), "raw_body": raw}
    meta["attributes"] = {key: str(value) for key, value in properties.items()}
    if raw.startswith(b"{") and b"specversion" in raw:
        try:
            return structured(json.loads(raw)), meta
        except ValueError:
            pass  # a message that only looks like one
    media = posted_with(given, "ContentType") or "text/plain; charset=utf-8"
    fields = {"id": posted_with(given, "MessageId") or posted_with(given, "Id"), "source": f"/ferry/azure/{kind}/{name}", "datacontenttype": media}
    fields["time"] = moment(posted_with(given, "EnqueuedTimeUtc") or posted_with(given, "InsertionTime"))
    fields = {key: value for key, value in fields.items() if value}
    return CloudEvent(specversion="1.0", type=f"dev.ferry.{kind}.message.v1", **fields, data=data_of(media, raw)), meta


def of_grid(event):
    """An event of Event Grid: of a blob, or else a message of a topic."""
    data, kind = event.get("data"), BLOBS.get(event.get("eventType"))
    fields = {"specversion": "1.0", "id": event["id"], "source": event.get("topic") or "/ferry/azure/topic", "time": event.get("eventTime")}
    fields["datacontenttype"] = "application/json"
    if kind is None:
        return CloudEvent(**fields, type="dev.ferry.topic.message.v1", subject=event.get("subject"), data=data), {"raw_body": json.dumps(data).encode()}
    found = re.fullmatch(r"/blobServices/default/containers/([^/]+)/blobs/(.+)", event["subject"])
    if not found:
        raise ValueError(f"an event of a blob whose subject is {event['subject']!r}")
    item = {"bucket": found[1], "key": found[2], "size": data.get("contentLength"), "etag": data.get("eTag")}
    item = {name: value for name, value in item.items() if value is not None}
    return CloudEvent(**fields, type=f"dev.ferry.object.{kind}.v1", subject=found[2], data=item), {}
