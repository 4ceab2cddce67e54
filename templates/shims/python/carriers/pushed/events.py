# The events of Google's services as CloudEvents of ferry. They come as CloudEvents, or pushed to a path that says what of and
# for whom: /.ferry/events/<queue, topic, object or schedule>/<name>.
import hmac

MESSAGE_PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
STORED = {"OBJECT_FINALIZE": "google.cloud.storage.object.v1.finalized", "OBJECT_DELETE": "google.cloud.storage.object.v1.deleted"}


def pushed_to(request):
    """What a request is pushed as, kind and name; None for one that is not."""
    found = re.fullmatch(rb"/\.ferry/events/(queue|topic|object|schedule)/([^/]+)", request.path)
    return found and (found[1].decode(), urllib.parse.unquote(found[2].decode("latin-1")))


def is_google_event(request):
    """Whether a request brings an event, for a function that is bound to such. Any other is a request as all."""
    if not CONFIG["events"] or request.method != "POST":
        return False
    structured_mode = media_of(request.get(b"content-type") or "") == "application/cloudevents+json"
    return bool(pushed_to(request) or request.get(b"ce-specversion") is not None or structured_mode) and is_admitted(request)


def is_admitted(request):
    """Whether an event comes from who may send them. Google asks who calls a function that is not public; where everybody may
    call, the token of the sender has to be for an audience that nobody else knows."""
    if not CONFIG.get("guarded"):
        return True
    audience = os.environ.get("FERRY_EVENT_AUDIENCE", "")
    try:
        claims = (request.get(b"authorization") or "").split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["aud"]
    except (ValueError, LookupError, TypeError):
        return False
    return audience != "" and hmac.compare_digest(str(said).encode(), audience.encode())


async def deliver_google(exchange):
    """Delivers an event that came over HTTP. What Google retries is answered with a status that is none of success."""
    body = await exchange.read_everything()
    try:
        made = event_of(exchange.request, body)
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        return exchange.answer_json(400, {"error": str(err)})
    if SOURCE.event is None:
        return exchange.answer_json(501, {"error": f"{CONFIG['handler']}: the module has no on_event"})
    if made is not None:
        await called(SOURCE.event, made[0], context_of(exchange.request, **made[1]))
    return exchange.answer(204)


def event_of(request, body):
    """The event of a request and what is known beside it; None for one that is no news."""
    kind, name = pushed_to(request) or ("topic", "")
    if kind == "schedule":
        return of_scheduler(request, name, body)
    native = of_push(json.loads(body), kind, name) if name else cloud_event(request, body)
    if native is None:
        return None
    return (native, {"raw_body": body}) if SOURCE.google else of_ferry(native, body, kind)


def of_push(pushed, kind, name):
    """A pushed message as the CloudEvent that Google makes of it: of a message, or of the news of a bucket. Of an object that
    another one replaced it is no news that it is gone."""
    message = pushed["message"]
    attributes = message.get("attributes") or {}
    common = {"specversion": "1.0", "id": message["messageId"], "time": message.get("publishTime"), "datacontenttype": "application/json"}
    if kind != "object":
        project = (pushed.get("subscription") or "projects/-").split("/")[1]
        return CloudEvent(**common, type=MESSAGE_PUBLISHED, source=f"//pubsub.googleapis.com/projects/{project}/topics/{name}", data=pushed)
    happened = STORED.get(attributes.get("eventType"))
    if happened is None:
        raise ValueError(f"news of a bucket that ferry does not know: {attributes.get('eventType')}")
    if attributes.get("overwrittenByGeneration"):
        return None
    source = f"//storage.googleapis.com/projects/_/buckets/{attributes['bucketId']}"
    item = json.loads(base64.b64decode(message.get("data") or ""))
    return CloudEvent(**common, type=happened, source=source, subject=f"objects/{attributes['objectId']}", data=item)


def of_scheduler(request, name, body):
    """A call of Cloud Scheduler, which says when it was due: another attempt is the same event."""
    due = request.get(b"x-cloudscheduler-scheduletime") or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    job = request.get(b"x-cloudscheduler-jobname") or name
    fields = {"id": f"{job}/{due}", "source": f"/ferry/schedule/{name}", "subject": name, "time": due}
    data = json.loads(body) if body else {}
    return CloudEvent(specversion="1.0", type="dev.ferry.schedule.v1", **fields, datacontenttype="application/json", data=data), {"raw_body": body}


def of_ferry(event, body, kind):
    """The event in ferry's own terms where its service is one of those that can be bound; any other is as it came."""
    if event["type"] == MESSAGE_PUBLISHED:
        return of_pubsub(event, kind)
    if event["type"] in STORED.values():
        return of_storage(event), {"raw_body": body}
    return event, {"raw_body": body}


def of_pubsub(event, kind):
    message = event["data"]["message"]
    raw, attributes = base64.b64decode(message.get("data") or ""), message.get("attributes") or {}
    types = [value for name, value in attributes.items() if re.fullmatch("content-?type", name, re.IGNORECASE)]
    media = types[0] if types else "text/plain; charset=utf-8"
    meta = {"attributes": attributes, "raw_body": raw, "group": message.get("orderingKey"), "attempt": event["data"].get("deliveryAttempt")}
    if raw.startswith(b"{") and b"specversion" in raw:
        try:
            return structured(json.loads(raw)), meta
        except ValueError:
            pass  # a message that only looks like one
    source = event["source"].replace("//pubsub.googleapis.com/", "/")
    fields = {"id": message.get("messageId") or event["id"], "source": source, "type": f"dev.ferry.{kind}.message.v1"}
    fields["time"] = message.get("publishTime") or event.get("time")
    return CloudEvent(specversion="1.0", **fields, datacontenttype=media, data=data_of(media, raw)), meta


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
