# The style asgi.


class Application(Source):
    """An ASGI application, with its one startup and shutdown; one that knows no lifespan goes without. on_event stands
    beside it."""

    def __init__(self, module):
        self.event, self.app, self.state, self.running = event_function(module), None, {}, False
        if CONFIG["http"] is not None:
            self.app = wanted(module, "asgi", "app")

    async def run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self.inbox.get, self.outbox.put)
        except Exception as err:
            await self.outbox.put({"type": "unsupported", "error": err})
        else:
            await self.outbox.put({"type": "unsupported"})

    async def start(self):
        if self.app is None:
            return
        self.inbox, self.outbox = asyncio.Queue(), asyncio.Queue()
        self.task = asyncio.ensure_future(self.run())
        await self.inbox.put({"type": "lifespan.startup"})
        message = await self.outbox.get()
        if message["type"] == "lifespan.startup.failed":
            sys.exit(f"ferry: the application's startup failed: {message.get('message', '')}")
        self.running = message["type"] == "lifespan.startup.complete"

    async def serve(self, exchange):
        await serve_asgi(self.app, exchange, self.state)

    async def stop(self):
        if self.running:
            await self.inbox.put({"type": "lifespan.shutdown"})
            message = await self.outbox.get()
            if message["type"] == "lifespan.shutdown.failed":
                print(f"ferry: the application's shutdown failed: {message.get('message', '')}", file=sys.stderr)


def opened():
    return checked(Application(user_module()))
