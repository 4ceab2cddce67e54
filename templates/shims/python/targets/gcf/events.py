# The events of Google's services as CloudEvents of ferry.


async def deliver_google(exchange):
    """Delivers an event that came over HTTP. What Google retries is answered with a status that is none of success."""
    body = await exchange.read_everything()
    try:
        native = cloud_event(exchange.request, body)
        event, meta = (native, {"raw_body": body}) if SOURCE.google else of_ferry(native, body)
    except (ValueError, KeyError, TypeError) as err:
        return exchange.answer_json(400, {"error": str(err)})
    if SOURCE.event is None:
        return exchange.answer_json(501, {"error": f"{CONFIG['handler']}: the module has no on_event"})
    await called(SOURCE.event, event, context_of(exchange.request, **meta))
    return exchange.answer(204)


def of_ferry(event, body):
    """The event in ferry's own terms where its service is one of those that can be bound; any other is as it came."""
    kind = event["type"]
    if kind == "google.cloud.pubsub.topic.v1.messagePublished":
        return of_pubsub(event)
    if kind in ("google.cloud.storage.object.v1.finalized", "google.cloud.storage.object.v1.deleted"):
        return of_storage(event), {"raw_body": body}
    return event, {"raw_body": body}


def of_pubsub(event):
    message = event["data"]["message"]
    raw, attributes = base64.b64decode(message.get("data") or ""), message.get("attributes") or {}
    kinds = [value for name, value in attributes.items() if re.fullmatch("content-?type", name, re.IGNORECASE)]
    kind = kinds[0] if kinds else "text/plain; charset=utf-8"
    meta = {"attributes": attributes, "raw_body": raw, "group": message.get("orderingKey"), "attempt": event["data"].get("deliveryAttempt")}
    if raw.startswith(b"{") and b"specversion" in raw:
        try:
            return structured(json.loads(raw)), meta
        except ValueError:
            pass  # a message that only looks like one
    source = event["source"].replace("//pubsub.googleapis.com/", "/")
    fields = {"id": message.get("messageId") or event["id"], "source": source, "type": "dev.ferry.topic.message.v1"}
    fields["time"] = message.get("publishTime") or event.get("time")
    return CloudEvent(specversion="1.0", **fields, datacontenttype=kind, data=data_of(kind, raw)), meta


def of_storage(event):
    item = event["data"]
    kind = "created" if event["type"].endswith("finalized") else "deleted"
    data = {"bucket": item["bucket"], "key": item["name"], "etag": item.get("etag"), "version": item.get("generation")}
    if item.get("size") is not None:
        data["size"] = int(item["size"])
    return CloudEvent(
        specversion="1.0",
        id=event["id"],
        source=event["source"],
        type=f"dev.ferry.object.{kind}.v1",
        subject=item["name"],
        time=event.get("time"),
        datacontenttype="application/json",
        data={name: value for name, value in data.items() if value is not None},
    )
