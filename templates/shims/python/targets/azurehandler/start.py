# The start as a custom handler of Azure Functions: a server that its host hands requests on to and posts events to.
import uuid

DIGEST = os.environ.get("FERRY_DIGEST", "")
DONE = {"Outputs": {}, "Logs": [], "ReturnValue": None}


def context_of(request, **more):
    timeout = os.environ.get("FERRY_TIMEOUT_MS")
    own = request.get(b"x-azure-functions-invocationid")
    return context(
        request_id=request.get(b"x-request-id") or own or str(uuid.uuid4()),
        deadline=time.time() + int(timeout) / 1000 if timeout else None,
        platform="azure",
        native=request,
        **more,
    )


def invoked_function(request):
    """The function that a request of the host is for, None for one that it only hands on. The host marks what it hands on
    with an id of its own, which nobody outside can take off."""
    own, handed_on = request.get(b"x-azure-functions-invocationid"), request.get(b"x-ms-invocation-id")
    if request.method != "POST" or not own or handed_on or request.get(b"x-forwarded-for"):
        return None
    return request.path.decode("latin-1").strip("/")


async def serve_invocation(exchange, name):
    """Answers for an event: what is not answered with success comes again."""
    request = exchange.request

    async def deliver(posted, _):
        event, meta = posted
        await called(SOURCE.event, event, context_of(request, **meta))
        return DONE

    invocation = request.get(b"x-azure-functions-invocationid")
    await answer_delivery(exchange, lambda body: event_posted(name, json.loads(body), invocation), deliver)


async def respond(exchange):
    request = exchange.request
    name = invoked_function(request)
    if name:
        return await serve_invocation(exchange, name)
    if (request.method, request.path) == ("GET", b"/.ferry/probe") and DIGEST and request.get(b"ferry-digest") == DIGEST:
        return exchange.answer_json(200, {"digest": DIGEST})
    address, port = exchange.client  # of which the host writes the port behind it
    exchange.client = (re.sub(r"^\[(.*)\](:\d+)?$|^([^:]+):\d+$", lambda m: m[1] or m[3], address), port)
    exchange.ctx = context_of(request)
    await serve_http(SOURCE.serve, exchange)


SOURCE = opened()


async def main():
    await SOURCE.start()
    await listen(respond, host=os.environ.get("FERRY_HOST", "127.0.0.1"), port=int(os.environ["PORT"]))
    await SOURCE.stop()


asyncio.run(main())
