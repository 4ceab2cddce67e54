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


async def respond(exchange):
    request = exchange.request
    if is_google_event(request):
        try:
            return await deliver_google(exchange)
        except (Exception, SystemExit) as err:
            return exchange.fail(err)
    exchange.ctx = context_of(request)
    return await serve_http(SOURCE.serve, exchange)


@functions_framework.http
def ferry(request):
    loop, digest = ENGINE.running(), os.environ.get("FERRY_DIGEST", "")
    asked, client = request_of_flask(request)
    if (asked.method, asked.path) == ("GET", b"/.ferry/probe") and digest and asked.get(b"ferry-digest") == digest:
        return {"digest": digest}
    flowing, gone = Flowing(request.get_data(), loop), asyncio.Event()
    exchange = Exchange(asked, client, flowing, gone)
    asyncio.run_coroutine_threadsafe(respond(exchange), loop).add_done_callback(lambda done: flowing.queue.put(Flowing.BROKEN))
    return response_of_flask(flowing, gone)
