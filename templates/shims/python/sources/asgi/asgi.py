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
        channel = Channel(exchange)
        await self.app(scope_of(exchange, self.state), channel.receive, channel.send)

    async def stop(self):
        if self.running:
            await self.inbox.put({"type": "lifespan.shutdown"})
            message = await self.outbox.get()
            if message["type"] == "lifespan.shutdown.failed":
                print(f"ferry: the application's shutdown failed: {message.get('message', '')}", file=sys.stderr)


class Channel:
    """An exchange as an application receives and sends it."""

    def __init__(self, exchange):
        self.exchange, self.head, self.asked = exchange, None, False

    async def receive(self):
        exchange = self.exchange
        if not exchange.over.is_set() and not (self.asked and exchange.carrier.read_all):
            self.asked = True
            try:
                body = await exchange.read()
            except (Gone, asyncio.IncompleteReadError):
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": body, "more_body": not exchange.carrier.read_all}
        waits = [asyncio.ensure_future(e.wait()) for e in (exchange.gone, exchange.over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return {"type": "http.disconnect"}

    async def send(self, message):
        exchange, kind = self.exchange, message["type"]
        if exchange.over.is_set():
            raise RuntimeError("the response is complete already")
        if kind == "http.response.start":
            if self.head:
                raise RuntimeError("http.response.start was sent twice")
            self.head = (message["status"], message.get("headers", ()))
        elif kind == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if self.head is None:
                raise RuntimeError("the body came before http.response.start")
            if not exchange.begun:
                exchange.begin(*self.head, None if more else len(body))
            exchange.write(body)
            if not more:
                exchange.end()
            await exchange.drain()


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


def opened():
    return checked(Application(user_module()))
