# The start on the local platform: a server at the socket FERRY_SOCKET, else on 127.0.0.1:$PORT, or where FERRY_HOST says.
import faulthandler
import uuid

INSTANCE = os.environ.get("FERRY_INSTANCE", "")
# Where a broker posts events, which can send no header: the path ends with a digest of the nonce.
DELIVERED = b"/.ferry/event/"


def context_of(request, **more):
    timeout = os.environ.get("FERRY_TIMEOUT_MS")
    return context(
        request_id=request.get(b"x-request-id") or str(uuid.uuid4()),
        deadline=time.time() + int(timeout) / 1000 if timeout else None,
        platform=os.environ.get("FERRY_PLATFORM", "local"),
        native=request,
        **more,
    )


def delivery(request):
    """What the platform says of an event; only a request with the nonce is asked."""
    attempt, attributes = request.get(b"ferry-attempt"), request.get(b"ferry-attributes")
    return {
        "attempt": int(attempt) if attempt else None,
        "attributes": json.loads(attributes) if attributes else None,
        "group": request.get(b"ferry-group"),
    }


def delivered(request):
    """Whether a broker posts an event."""
    if not INSTANCE or request.method != "POST" or not request.path.startswith(DELIVERED):
        return False
    from hashlib import sha256  # neither of which any other request needs
    from hmac import compare_digest

    return compare_digest(request.path, DELIVERED + sha256(INSTANCE.encode()).hexdigest().encode())


async def acknowledged(event, ctx):
    """Calls the event handler, whose result is nobody's: a broker takes an answer with a body for a failure."""
    await called(SOURCE.event, event, ctx)


async def respond(exchange):
    request = exchange.request
    if delivered(request):
        return await serve_event(SOURCE.event and acknowledged, exchange, lambda body: context_of(request, raw_body=body))
    if INSTANCE and request.get(b"ferry-instance") == INSTANCE:
        if (request.method, request.path) == ("GET", b"/.ferry/probe"):
            digest = os.environ.get("FERRY_DIGEST", "")
            return exchange.answer_json(200, {"digest": digest, "instance": INSTANCE})
        if (request.method, request.path) == ("POST", b"/.ferry/event"):
            if SOURCE.batch and media_of(request.get(b"content-type") or "") == "application/cloudevents-batch+json":
                return await serve_messages(SOURCE.batch, exchange, context_of(request))
            return await serve_event(SOURCE.event, exchange, lambda body: context_of(request, raw_body=body, **delivery(request)))
    exchange.ctx = context_of(request)
    await serve_http(SOURCE.serve, exchange)


if starts_within := int(os.environ.get("FERRY_START_MS", 0)) / 1000:  # else the log says where it stands
    faulthandler.dump_traceback_later(starts_within * 0.8, repeat=True)
SOURCE = opened()


async def main():
    await SOURCE.start()
    faulthandler.cancel_dump_traceback_later()
    if socket := os.environ.get("FERRY_SOCKET"):
        await listen(respond, path=socket)
    else:
        await listen(respond, host=os.environ.get("FERRY_HOST", "127.0.0.1"), port=int(os.environ["PORT"]))
    await SOURCE.stop()


asyncio.run(main())
