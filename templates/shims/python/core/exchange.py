# A request and its response, however they come and go. A carrier makes exchanges; a source serves them with the user's
# application.

PORTS = {"http": "80", "https": "443"}


class Gone(ConnectionResetError):
    """The client has closed the connection."""


class Request:
    """The head of a request, as it arrived; but for the method and the scheme all parts are bytes, header names in
    lower case."""

    def __init__(self, method, target, version, headers, scheme="http"):
        self.method, self.target, self.version, self.headers, self.scheme = method, target, version, headers, scheme
        self.path, _, self.query = target.partition(b"?")

    def get(self, name):
        """The header's values joined, or None."""
        values = [v for k, v in self.headers if k == name]
        return b", ".join(values).decode("latin-1") if values else None


class Exchange:
    """One request and its response. receive and send are those of ASGI. A kind of exchange says with read, begin,
    write, end and drain how bytes come and go."""

    def __init__(self, request, client, gone):
        self.request, self.client, self.gone = request, client, gone
        self.over = asyncio.Event()
        self.head = None  # (status, headers), not sent yet
        self.started = self.asked = self.read_all = False

    async def read_everything(self):
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    async def receive(self):
        if not self.read_all and not self.over.is_set():
            try:
                body = await self.read()
            except (Gone, asyncio.IncompleteReadError):
                return {"type": "http.disconnect"}
            self.asked = True
            return {"type": "http.request", "body": body, "more_body": not self.read_all}
        if not self.over.is_set() and not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        waits = [asyncio.ensure_future(e.wait()) for e in (self.gone, self.over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.over.is_set():
            raise RuntimeError("the response is complete already")
        if self.gone.is_set():
            raise Gone("the client has gone")
        if message["type"] == "http.response.start":
            if self.head or self.started:
                raise RuntimeError("http.response.start was sent twice")
            self.head = (message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if not self.started:
                self._start(None if more else len(body))
            self.write(body)
            if not more:
                self.end()
                self.over.set()
            await self.drain()

    def _start(self, known):
        if self.head is None:
            raise RuntimeError("the body came before http.response.start")
        status, headers = self.head
        headers = [(bytes(k).lower(), bytes(v)) for k, v in headers]
        headers = [(k, v) for k, v in headers if k not in (b"transfer-encoding", b"connection", b"keep-alive")]
        for name, value in headers:
            if re.search(rb"[\r\n\0]", name + value) or not name:
                raise ValueError(f"the response header {name!r} holds a line break")
        self.begin(status, with_cors(self.request, headers), known)
        self.started = True

    async def answer(self, status, text="", headers=(), kind=b"text/plain; charset=utf-8"):
        """Sends a whole response."""
        self.head = (status, [*headers, *([(b"content-type", kind)] if text else [])])
        await self.send({"type": "http.response.body", "body": text.encode()})

    async def answer_json(self, status, value):
        await self.answer(status, json.dumps(value), kind=b"application/json")


async def serve_http(app, exchange):
    """Answers with the application that a source opened, None for a function without HTTP."""
    answer = answer_of(exchange.request)
    if answer:
        return await exchange.answer(*answer)
    await app.serve(exchange)
    if not exchange.over.is_set() and not exchange.gone.is_set():
        raise RuntimeError("the application returned without a complete response")
