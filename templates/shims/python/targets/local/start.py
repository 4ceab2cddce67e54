# The start on the local platform: a server on 127.0.0.1:$PORT.
import uuid

INSTANCE = os.environ.get("FERRY_INSTANCE", "")


def context_of(request):
    def context(body):
        timeout = os.environ.get("FERRY_TIMEOUT_MS")
        attempt, attributes = request.get(b"ferry-attempt"), request.get(b"ferry-attributes")
        return types.SimpleNamespace(
            request_id=request.get(b"x-request-id") or str(uuid.uuid4()),
            deadline=time.time() + int(timeout) / 1000 if timeout else None,
            platform="local",
            attempt=int(attempt) if attempt else None,
            attributes=json.loads(attributes) if attributes else None,
            raw_body=body,
            native=request,
        )

    return context


async def respond(exchange, app):
    request = exchange.request
    if INSTANCE and request.get(b"ferry-instance") == INSTANCE:
        if (request.method, request.path) == ("GET", b"/.ferry/probe"):
            digest = os.environ.get("FERRY_DIGEST", "")
            return await exchange.answer_json(200, {"digest": digest, "instance": INSTANCE})
        if (request.method, request.path) == ("POST", b"/.ferry/event"):
            return await serve_event(exchange, context_of(request))
    await serve_http(app, exchange)


async def main():
    app = application()
    if app:
        await app.start()
    await listen("127.0.0.1", int(os.environ["PORT"]), lambda exchange: respond(exchange, app))
    if app:
        await app.stop()


asyncio.run(main())
