# The style asgi.

ON_EVENT = event_function()


class Application:
    """An ASGI application, with its one startup and shutdown; one that knows no lifespan goes without."""

    interface = "ASGI"

    def __init__(self, app):
        if not is_asynchronous(app) and hasattr(app, "wsgi_app"):
            fault("it is a WSGI application", "write `style: wsgi` for the function in ferry.yaml")
        self.app, self.state = app, {}

    async def run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self.inbox.get, self.outbox.put)
        except Exception as err:
            await self.outbox.put({"type": "unsupported", "error": err})
        else:
            await self.outbox.put({"type": "unsupported"})

    async def start(self):
        self.inbox, self.outbox = asyncio.Queue(), asyncio.Queue()
        self.task = asyncio.ensure_future(self.run())
        await self.inbox.put({"type": "lifespan.startup"})
        message = await self.outbox.get()
        if message["type"] == "lifespan.startup.failed":
            sys.exit(f"ferry: the application's startup failed: {message.get('message', '')}")
        self.running = message["type"] == "lifespan.startup.complete"

    async def serve(self, exchange):
        await self.app(scope_of(exchange, self.state), exchange.receive, exchange.send)

    async def stop(self):
        if self.running:
            await self.inbox.put({"type": "lifespan.shutdown"})
            message = await self.outbox.get()
            if message["type"] == "lifespan.shutdown.failed":
                print(f"ferry: the application's shutdown failed: {message.get('message', '')}", file=sys.stderr)


def scope_of(exchange, state):
    request = exchange.request
    host, _, port = (request.get(b"host") or "localhost").partition(":")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.version[5:].decode(),
        "method": request.method,
        "scheme": request.scheme,
        "path": urllib.parse.unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path,
        "query_string": request.query,
        "root_path": "",
        "headers": list(request.headers),
        "client": exchange.client,
        "server": (host, int(port if port.isdigit() else PORTS[request.scheme])),
        "state": dict(state),
        "extensions": {},
    }
