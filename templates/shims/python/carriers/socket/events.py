# CloudEvents over HTTP.


async def serve_event(handle, exchange, context_of):
    """Delivers an event; context_of makes the handler's context from the raw body."""
    if handle is None:
        return exchange.answer_json(501, {"error": f"{CONFIG['handler']}: the module has no on_event"})
    body = await exchange.read_everything()
    try:
        event = cloud_event(exchange.request, body)
    except ValueError as err:
        return exchange.answer_json(400, {"error": str(err)})
    try:
        result = await called(handle, event, context_of(body))
        text = "" if result is None else json.dumps(result)
    except (Exception, SystemExit) as err:
        traceback.print_exc()
        return exchange.answer_json(500, {"error": traceback.format_exception_only(type(err), err)[-1].strip()})
    exchange.answer(200 if text else 204, text, kind=b"application/json")
