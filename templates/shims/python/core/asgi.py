# How an ASGI application is called.


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


async def serve_asgi(app, exchange, state):
    channel = Channel(exchange)
    await app(scope_of(exchange, state), channel.receive, channel.send)
