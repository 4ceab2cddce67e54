# CloudEvents over HTTP.


def cloud_event(request, body):
    """Reads a CloudEvent in binary or structured mode. Data follows the content type: JSON is parsed,
    text is a str, anything else stays bytes."""
    kind = request.get(b"content-type") or ""
    if kind.startswith("application/cloudevents+json"):
        return structured(json.loads(body))
    event = CloudEvent()
    for name, value in request.headers:
        if name.startswith(b"ce-"):
            event[name[3:].decode()] = urllib.parse.unquote(value.decode("latin-1"))
    if not event.get("id") or not event.get("type"):
        raise ValueError("the CloudEvent has no ce-id or no ce-type")
    if kind:
        event["datacontenttype"] = kind
    if body:
        event["data"] = data_of(kind, body)
    return event


async def serve_event(exchange, context):
    """Delivers an event; context makes the handler's ctx from the raw body."""
    if ON_EVENT is None:
        return await exchange.answer_json(501, {"error": f"{CONFIG['handler']}: the module has no on_event"})
    body = await exchange.read_everything()
    try:
        event = cloud_event(exchange.request, body)
    except ValueError as err:
        return await exchange.answer_json(400, {"error": str(err)})
    try:
        result = await called(ON_EVENT, event, context(body))
        text = "" if result is None else json.dumps(result)
    except Exception as err:
        traceback.print_exc()
        return await exchange.answer_json(500, {"error": traceback.format_exception_only(type(err), err)[-1].strip()})
    await exchange.answer(200 if text else 204, text, kind=b"application/json")
