# The start on Azure Functions: the module that its worker for Python reads the functions of, with the name app.


def context_of(invocation, native, **more):
    return context(request_id=invocation, platform="azure", native=native, **more)


async def on_engine(work):
    """Runs on the loop of the application: the worker's own is the worker's."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, ENGINE.running()))


def registered(app):
    """The app with a function for each kind of thing that the manifest binds."""
    level = azure.functions.AuthLevel.FUNCTION if CONFIG.get("private") else azure.functions.AuthLevel.ANONYMOUS
    if CONFIG["http"]:
        app.function_name("http")(app.route(route="{*path}", methods=list(azure.functions.HttpMethod), auth_level=level)(serve_host))
    for n, schedule in enumerate(CONFIG.get("schedules", [])):
        app.function_name(f"schedule{n}")(app.timer_trigger(schedule="0 " + schedule, arg_name="timer")(on_time))
    bus = json.loads(os.environ.get("FERRY_SERVICE_BUS", "{}"))  # what of it is of Service Bus, and what it is called there
    for n, name in enumerate(CONFIG.get("queues", [])):
        if there := bus.get("queues", {}).get(name):
            app.function_name(f"queue{n}")(app.service_bus_queue_trigger(arg_name="message", queue_name=there, connection="FERRY_BUS")(on_bus("queue", name)))
            continue
        app.function_name(f"queue{n}")(app.queue_trigger(arg_name="message", queue_name=name, connection="AzureWebJobsStorage")(on_queue(name)))
    pushed = CONFIG.get("objects")
    for n, name in enumerate(CONFIG.get("topics", [])):
        if there := bus.get("topics", {}).get(name):
            heard = app.service_bus_topic_trigger(arg_name="message", topic_name=there, subscription_name=bus["subscription"], connection="FERRY_BUS")
            app.function_name(f"topic{n}")(heard(on_bus("topic", name)))
        else:
            pushed = True
    if pushed:
        app.function_name("pushed")(app.event_grid_trigger(arg_name="event")(on_grid))
    return app


async def serve_host(req: azure.functions.HttpRequest, context: azure.functions.Context) -> azure.functions.HttpResponse:
    request, client = request_of_host(req)
    digest = os.environ.get("FERRY_DIGEST", "")
    if (request.method, request.path) == ("GET", b"/.ferry/probe") and digest and request.get(b"ferry-digest") == digest:
        return azure.functions.HttpResponse(json.dumps({"digest": digest}), mimetype="application/json")
    answer = Whole(req.get_body())

    async def answered():
        exchange = Exchange(request, client, answer, ctx=context_of(context.invocation_id, req))
        await serve_http(SOURCE.serve, exchange)

    await on_engine(answered())
    return response_of_host(answer)


async def on_time(timer: azure.functions.TimerRequest, context: azure.functions.Context) -> None:
    await deliver(of_time(timer, context.invocation_id), timer, context)


def on_queue(name):
    async def on_message(message: azure.functions.QueueMessage, context: azure.functions.Context) -> None:
        await deliver(of_storage_message(name, message), message, context)

    return on_message


def on_bus(kind, name):
    async def on_message(message: azure.functions.ServiceBusMessage, context: azure.functions.Context) -> None:
        await deliver(of_bus_message(kind, name, message), message, context)

    return on_message


async def on_grid(event: azure.functions.EventGridEvent, context: azure.functions.Context) -> None:
    await deliver(of_grid(event), event, context)


async def deliver(made, native, given):
    event, meta = made
    await on_engine(called(SOURCE.event, event, context_of(given.invocation_id, native, **meta)))


try:
    app = azure_app()
    if app is None:
        SOURCE = opened()
        ENGINE = Engine(SOURCE)
        ENGINE.running()
        app = registered(azure.functions.FunctionApp(http_auth_level=azure.functions.AuthLevel.ANONYMOUS))
except SystemExit as err:  # it would end the worker without a word
    raise RuntimeError(err.code) from None
