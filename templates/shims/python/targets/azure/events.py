# What Azure's triggers give as CloudEvents.


def of_time(timer, invocation):
    """A schedule. Azure says neither the time that it was due nor an id that is the same in another attempt."""
    now = time.gmtime()
    fields = {"id": invocation, "source": "/ferry/azure/timer", "time": time.strftime("%Y-%m-%dT%H:%M:00Z", now)}
    return CloudEvent(specversion="1.0", type="dev.ferry.schedule.v1", **fields, datacontenttype="application/json", data={}), {}


def of_storage_message(queue, message):
    raw = message.get_body()
    meta = {"attempt": message.dequeue_count, "raw_body": raw}
    if raw.startswith(b"{") and b"specversion" in raw:
        try:
            return structured(json.loads(raw)), meta
        except ValueError:
            pass  # a message that only looks like one
    fields = {"id": message.id, "source": f"/ferry/azure/queue/{queue}", "datacontenttype": "text/plain; charset=utf-8"}
    if message.insertion_time:
        fields["time"] = message.insertion_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return CloudEvent(specversion="1.0", type="dev.ferry.queue.message.v1", **fields, data=data_of(fields["datacontenttype"], raw)), meta


def of_bus_message(kind, name, message):
    """The event of a message of Service Bus, which has a type and properties of its own."""
    raw = message.get_body()
    attributes = {key: str(value) for key, value in (message.application_properties or {}).items()}
    meta = {"attempt": message.delivery_count, "attributes": attributes, "group": message.session_id, "raw_body": raw}
    if raw.startswith(b"{") and b"specversion" in raw:
        try:
            return structured(json.loads(raw)), meta
        except ValueError:
            pass  # a message that only looks like one
    fields = {"id": message.message_id, "source": f"/ferry/azure/{kind}/{name}", "datacontenttype": message.content_type or "text/plain; charset=utf-8"}
    if message.enqueued_time_utc:
        fields["time"] = message.enqueued_time_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return CloudEvent(specversion="1.0", type=f"dev.ferry.{kind}.message.v1", **fields, data=data_of(fields["datacontenttype"], raw)), meta


def of_grid(event):
    """An event of Event Grid: of a blob, or else a message of a topic."""
    data, moment = event.get_json(), event.event_time.strftime("%Y-%m-%dT%H:%M:%SZ") if event.event_time else None
    fields = {"specversion": "1.0", "id": event.id, "source": event.topic or "/ferry/azure/topic", "time": moment, "datacontenttype": "application/json"}
    kind = {"Microsoft.Storage.BlobCreated": "created", "Microsoft.Storage.BlobDeleted": "deleted"}.get(event.event_type)
    if kind is None:
        return CloudEvent(**fields, type="dev.ferry.topic.message.v1", subject=event.subject, data=data), {"raw_body": json.dumps(data).encode()}
    bucket, key = re.fullmatch(r"/blobServices/default/containers/([^/]+)/blobs/(.+)", event.subject).groups()
    item = {"bucket": bucket, "key": key, "size": data.get("contentLength"), "etag": data.get("eTag")}
    item = {name: value for name, value in item.items() if value is not None}
    return CloudEvent(**fields, type=f"dev.ferry.object.{kind}.v1", subject=key, data=item), {}
