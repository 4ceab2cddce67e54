# The start on AWS Lambda.


async def serve_request(event, context):
    """Answers an event of payload format 2.0."""
    request, body = request_of(event, context)
    client = (event["requestContext"]["http"].get("sourceIp", ""), 0)
    exchange = Buffered(request, body, client)
    try:
        await serve_http(APP, exchange)
    except Exception:
        traceback.print_exc()
        exchange = Buffered(request, b"", client)  # nothing is out: the failure can still be told
        await exchange.answer(500, "internal server error\n")
    return exchange.result()


async def deliver_to_handler(event, meta, native, context):
    if ON_EVENT is None:
        raise RuntimeError(f"{CONFIG['handler']}: the module has no on_event")
    fields = {"attempt": None, "attributes": None, "group": None, "raw_body": None, **meta}
    return await called(
        ON_EVENT,
        event,
        types.SimpleNamespace(
            request_id=context.aws_request_id,
            deadline=time.time() + context.get_remaining_time_in_millis() / 1000,
            platform="aws",
            native=types.SimpleNamespace(event=native, context=context),
            **fields,
        ),
    )


async def serve(event, context):
    def deliver(it, meta):
        return deliver_to_handler(it, meta, event, context)

    if event == {"dev.ferry.probe": True}:
        return {"digest": os.environ.get("FERRY_DIGEST", "")}
    if isinstance(event, dict) and "http" in (event.get("requestContext") or {}):
        return await serve_request(event, context)
    if isinstance(event, dict) and event.get("dev.ferry.event"):
        meta = {"attempt": int(event["attempt"])} if event.get("attempt") is not None else {}
        return await deliver(structured(event["dev.ferry.event"]), meta)
    return await serve_service(event, deliver)


# The loop lives as long as the process and stands still between invocations.
LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
try:
    APP = application()
    if APP:
        LOOP.run_until_complete(APP.start())
except SystemExit as err:  # as an error it is what the caller gets to read
    raise RuntimeError(err.code) from None


def handler(event, context):
    return LOOP.run_until_complete(serve(event, context))
