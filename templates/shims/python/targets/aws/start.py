# The start on AWS Lambda.
PROBE = {"dev.ferry.probe": True}
CARRIERS = ((is_v2, request_v2, result_v2), (is_v1, request_v1, result_v1))


def carrier_of(event):
    """What carries an event of HTTP, None for any other event."""
    if isinstance(event, dict) and isinstance(event.get("requestContext"), dict):
        for takes, request_of, result_of in CARRIERS:
            if takes(event):
                return request_of, result_of
    return None


async def serve_request(event, native, request_of, result_of):
    """Answers an event of HTTP."""
    body, refused = b"", None
    try:
        body = body_of(event)
    except BadRequest as err:
        refused = err
    request, client = request_of(event, native, body)
    answer = Whole(body)
    exchange = Exchange(request, client, answer, ctx=context_of(native, event))
    exchange.authorizer = event["requestContext"].get("authorizer")
    if refused:
        exchange.fail(refused)
    else:
        await serve_http(SOURCE.serve, exchange)
    return result_of(event, answer)


def context_of(native, event, **meta):
    return context(
        request_id=native.aws_request_id,
        deadline=time.time() + native.get_remaining_time_in_millis() / 1000,
        platform="aws",
        native=types.SimpleNamespace(event=event, context=native),
        **meta,
    )


async def serve(event, native):
    async def deliver(it, meta):
        if SOURCE.event is None:
            raise RuntimeError(f"{CONFIG['handler']}: the module has no on_event")
        return await called(SOURCE.event, it, context_of(native, event, **meta))

    if event == PROBE:
        return {"digest": os.environ.get("FERRY_DIGEST", "")}
    carrier = carrier_of(event)
    if carrier:
        return await serve_request(event, native, *carrier)
    if isinstance(event, dict) and event.get("dev.ferry.event"):
        meta = {"attempt": int(event["attempt"])} if event.get("attempt") is not None else {}
        return await deliver(structured(event["dev.ferry.event"]), meta)
    return await serve_service(event, deliver)


# The loop lives as long as the process and stands still between invocations.
LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
try:
    SOURCE = opened()
    LOOP.run_until_complete(SOURCE.start())
except SystemExit as err:  # as an error it is what the caller gets to read
    raise RuntimeError(err.code) from None


def passes(event, native):
    """Whether an event goes to a handler of Lambda's own as it is: what is not ferry's, and no request that the manifest
    answers in its place, or that comes in payload format 2.0, as function URLs send it, to a handler that takes 1.0."""
    if event == PROBE or isinstance(event, dict) and event.get("dev.ferry.event"):
        return False
    carrier = carrier_of(event)
    if not carrier:
        return True
    other = CONFIG.get("payload") == "1.0" and is_v2(event)
    return not other and answer_of(carrier[0](event, native, b"")[0]) is None


async def elsewhere(event, native, request_of, result_of):
    """The result of a request that the other side of a migration has answered or handed over, None for one that is the
    handler's as it is."""
    body = body_of(event)
    request, client = request_of(event, native, body)
    answer = Whole(body)
    exchange = Exchange(request, client, answer, ctx=context_of(native, event))
    exchange.authorizer = event["requestContext"].get("authorizer")
    if request.get(ENVELOPE) is not None and "accepts" in MIGRATION:
        await serve_http(SOURCE.serve, exchange)
    elif not await migrated(exchange):
        return None
    return result_of(event, answer)


def handler(event, context):
    if SOURCE.native and passes(event, context):
        carrier = carrier_of(event) if "forward" in CONFIG else None
        there = LOOP.run_until_complete(elsewhere(event, context, *carrier)) if carrier else None
        return SOURCE.native(event, context) if there is None else there
    return LOOP.run_until_complete(serve(event, context))
