# Events as on_event gets them.
REQUIRED = ("id", "source", "type")


class CloudEvent(dict):
    """The event's attributes and data by name; data is an attribute too."""

    @property
    def data(self):
        return self.get("data")


def valid(event):
    """The event, where it is a CloudEvent 1.0."""
    if event.get("specversion") != "1.0":
        raise ValueError(f"the CloudEvent has the specversion {event.get('specversion')!r}, which is not 1.0")
    for name in REQUIRED:
        if not isinstance(event.get(name), str) or not event[name]:
            raise ValueError(f"the CloudEvent has no {name}")
    return event


def structured(fields):
    """The event of its JSON form."""
    if not isinstance(fields, dict):
        raise ValueError(f"a CloudEvent is a JSON object, not {type(fields).__name__}")
    event = valid(CloudEvent(fields))
    if "data_base64" in event:
        event["data"] = base64.b64decode(event.pop("data_base64"), validate=True)
    return event


def media_of(kind):
    return kind.split(";")[0].strip().lower()


def data_of(kind, body):
    """The data of a content type: JSON is parsed, text is a str, anything else stays bytes."""
    media = media_of(kind)
    if media == "application/json" or media.endswith("+json"):
        return json.loads(body)
    return body.decode() if media.startswith("text/") else body


def cloud_event(request, body):
    """Reads a CloudEvent in binary or structured mode."""
    kind = request.get(b"content-type") or ""
    if media_of(kind) == "application/cloudevents+json":
        return structured(json.loads(body))
    if media_of(kind).startswith("application/cloudevents"):
        raise ValueError(f"CloudEvents as {media_of(kind)} are not taken: one event for each request, as JSON or in headers")
    event = CloudEvent()
    for name, value in request.headers:
        if name.startswith(b"ce-"):
            event[name[3:].decode()] = urllib.parse.unquote(value.decode("latin-1"))
    valid(event)
    if kind:
        event["datacontenttype"] = kind
    if body:
        event["data"] = data_of(kind, body)
    return event


def text_in(event, ctx):
    """The data as the text that a message is: as it was sent, where that is known. Bytes that are none are an error."""
    data, raw = event.get("data"), ctx.raw_body
    if data is None or isinstance(data, str):
        return data or ""
    if isinstance(data, bytes):
        return data.decode()
    try:
        if raw and json.loads(raw) == data:
            return raw.decode()
    except ValueError:
        pass
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


async def serve_event(handle, exchange, context_of):
    """Delivers an event; context_of makes the handler's context from the raw body."""
    if handle is None:
        return exchange.answer_json(501, {"error": f"{CONFIG['handler']}: the module has no on_event"})
    await answer_delivery(
        exchange, lambda body: cloud_event(exchange.request, body), lambda event, body: called(handle, event, context_of(body))
    )


async def serve_messages(handle, exchange, ctx):
    """Delivers several messages at once, and answers with what the source says of them."""
    await answer_delivery(
        exchange, lambda body: [structured(fields) for fields in json.loads(body)], lambda events, _: handle(events, ctx)
    )


async def answer_delivery(exchange, read, call):
    body = await exchange.read_everything()
    try:
        delivered = read(body)
    except (TypeError, ValueError) as err:
        return exchange.answer_json(400, {"error": str(err)})
    try:
        result = await call(delivered, body)
        text = "" if result is None else json.dumps(result)
    except (Exception, SystemExit) as err:
        traceback.print_exc()
        return exchange.answer_json(500, {"error": traceback.format_exception_only(type(err), err)[-1].strip()})
    exchange.answer(200 if text else 204, text, kind=b"application/json")
