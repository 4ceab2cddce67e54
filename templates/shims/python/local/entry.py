# The entry on the local platform: a server on 127.0.0.1:$PORT.
import signal
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


async def respond(exchange, app, state):
    request = exchange.request
    if INSTANCE and request.get(b"ferry-instance") == INSTANCE:
        if (request.method, request.path) == ("GET", b"/.ferry/probe"):
            digest = os.environ.get("FERRY_DIGEST", "")
            return await exchange.answer_json(200, {"digest": digest, "instance": INSTANCE})
        if (request.method, request.path) == ("POST", b"/.ferry/event"):
            return await serve_event(exchange, context_of(request))
    await serve_http(app, exchange, state)


def give_up(server):
    print(f"ferry: stopped with {len(server.busy)} requests unfinished", file=sys.stderr)
    os._exit(0)


async def main():
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    app = application()
    lifespan = await started(app)
    server = Server(lambda exchange: respond(exchange, app, lifespan.state if lifespan else {}))
    await server.listen("127.0.0.1", int(os.environ["PORT"]))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    loop.call_later(9, give_up, server)
    await server.stop()
    if lifespan:
        await lifespan.shutdown()


asyncio.run(main())
