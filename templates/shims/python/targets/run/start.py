# The start on Cloud Run: a server on 0.0.0.0:$PORT, or where FERRY_HOST says.
import uuid

INSTANCE = os.environ.get("FERRY_INSTANCE", "")


def context_of(request, **more):
    timeout = os.environ.get("FERRY_TIMEOUT_MS")
    return context(
        request_id=request.get(b"x-request-id") or str(uuid.uuid4()),
        deadline=time.time() + int(timeout) / 1000 if timeout else None,
        platform="run",
        native=request,
        **more,
    )


def delivery(request):
    """What ferry says of an event; only a request with the nonce is asked."""
    attempt, attributes = request.get(b"ferry-attempt"), request.get(b"ferry-attributes")
    return {
        "attempt": int(attempt) if attempt else None,
        "attributes": json.loads(attributes) if attributes else None,
        "group": request.get(b"ferry-group"),
    }


async def respond(exchange):
    request = exchange.request
    if INSTANCE and request.get(b"ferry-instance") == INSTANCE:
        if (request.method, request.path) == ("GET", b"/.ferry/probe"):
            digest = os.environ.get("FERRY_DIGEST", "")
            return exchange.answer_json(200, {"digest": digest, "instance": INSTANCE})
        if (request.method, request.path) == ("POST", b"/.ferry/event"):
            return await serve_event(SOURCE.event, exchange, lambda body: context_of(request, raw_body=body, **delivery(request)))
    if is_google_event(request):
        try:
            return await deliver_google(exchange)
        except (Exception, SystemExit) as err:
            return exchange.fail(err)
    exchange.ctx = context_of(request)
    await serve_http(SOURCE.serve, exchange)


SOURCE = opened()


async def main():
    await SOURCE.start()
    await listen(respond, host=os.environ.get("FERRY_HOST", "0.0.0.0"), port=int(os.environ["PORT"]))
    await SOURCE.stop()


asyncio.run(main())
