# The start on Google Cloud Functions: a function of the functions-framework. The server there forks after it has loaded the
# function, so that the loop begins with the process that serves.
import uuid

import functions_framework

SOURCE = opened()


def begin():
    """Begins in a worker, which an application whose startup fails ends: the server takes the code for a failed boot."""
    try:
        ENGINE.running()
    except Exception:
        traceback.print_exc()
        os._exit(3)


ENGINE = Engine(SOURCE)
os.register_at_fork(after_in_child=begin)


def context_of(request, **more):
    timeout = os.environ.get("CLOUD_RUN_TIMEOUT_SECONDS")
    return context(
        request_id=request.get(b"x-request-id") or str(uuid.uuid4()),
        deadline=time.time() + int(timeout) if timeout else None,
        platform="gcf",
        native=request,
        **more,
    )


def is_ours(request, method, path):
    """Whether ferry itself asks. Who does not know which revision this is, or the word that it was given, is told nothing."""
    said = {b"ferry-digest": os.environ.get("FERRY_DIGEST"), b"ferry-instance": os.environ.get("FERRY_INSTANCE")}
    return (request.method, request.path) == (method, path) and any(value and request.get(name) == value for name, value in said.items())


async def respond(exchange):
    request = exchange.request
    if is_ours(request, "POST", b"/.ferry/event"):
        return await serve_event(SOURCE.event, exchange, lambda body: context_of(request, raw_body=body))
    if is_google_event(request):
        try:
            return await deliver_google(exchange)
        except (Exception, SystemExit) as err:
            return exchange.fail(err)
    exchange.ctx = context_of(request)
    return await serve_http(SOURCE.serve, exchange)


@functions_framework.http
def ferry(request):
    loop = ENGINE.running()
    asked, client = request_of_flask(request)
    if is_ours(asked, "GET", b"/.ferry/probe"):
        return {"digest": os.environ.get("FERRY_DIGEST", ""), "instance": os.environ.get("FERRY_INSTANCE", "")}
    flowing, gone = Flowing(request.get_data(), loop), asyncio.Event()
    exchange = Exchange(asked, client, flowing, gone)
    asyncio.run_coroutine_threadsafe(respond(exchange), loop).add_done_callback(lambda done: flowing.queue.put(Flowing.BROKEN))
    return response_of_flask(flowing, gone)
