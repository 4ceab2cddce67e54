# The style lambda.


class Handler(Source):
    """A handler(event, context) as for AWS Lambda. Such code keeps state in its module and may have a loop of its own: it
    is called once at a time, always on the same thread. Lambda itself hands its events over as they are."""

    def __init__(self, module):
        self.native = wanted(module, "lambda", "handler", "lambda_handler")
        if is_asynchronous(self.native):
            fault("it is a coroutine function, which AWS Lambda does not await", "make it a plain function that calls asyncio.run")
        self.thread = concurrent.futures.ThreadPoolExecutor(1, initializer=lambda: asyncio.set_event_loop(asyncio.new_event_loop()))

    async def call(self, event, ctx):
        loop = asyncio.get_running_loop()
        given = getattr(ctx.native, "context", None)  # Lambda's own
        return await loop.run_in_executor(self.thread, self.native, event, given or LambdaContext(ctx))

    async def serve(self, exchange):
        body = await exchange.read_everything()
        made = event_v1 if CONFIG.get("payload") == "1.0" else event_v2
        answer_with(exchange, await self.call(made(exchange, body), exchange.ctx))

    async def event(self, event, ctx):
        native = native_of(event, ctx)
        result = await self.call(native, ctx)
        if event["type"] == "dev.ferry.invoke.v1":
            return None if result is None else json.loads(dumped(result))
        failed = result.get("batchItemFailures") if isinstance(result, dict) else None
        if failed and event["type"] == "dev.ferry.queue.message.v1":
            raise RuntimeError("the handler names the message in batchItemFailures")
        return None

    async def batch(self, events, ctx):
        """Several messages of a queue in one call, and which of them the handler says have failed."""
        result = await self.call({"Records": [record_in(event) for event in events]}, ctx)
        failed = result.get("batchItemFailures") if isinstance(result, dict) else None
        return {"batchItemFailures": failed or []}


def opened():
    return checked(Handler(user_module()))
