# HTTP as Google's functions-framework hands it over: a request and a response of Flask.
import queue

LOOKAHEAD = 16  # pieces of an answer that may wait for the client


def request_of_flask(request):
    """The request and its client. The target is as it was sent, for every server that the framework runs on says it."""
    environ = request.environ
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or request.full_path
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    scheme = "http" if environ.get("HTTP_X_FORWARDED_PROTO", environ["wsgi.url_scheme"]) == "http" else "https"
    version = environ.get("SERVER_PROTOCOL", "HTTP/1.1").encode()
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip()
    return Request(request.method, target.encode("latin-1"), version, pairs, scheme), (forwarded or request.remote_addr or "", 0)


class Flowing(Whole):
    """Carries an exchange whose request is all there and whose answer goes on as it comes, to the thread that asked for it."""

    END, BROKEN = object(), object()

    def __init__(self, body, loop):
        super().__init__(body)
        self.loop, self.waiting, self.room = loop, 0, asyncio.Event()
        self.queue, self.outgoing = queue.SimpleQueue(), None

    def head(self, status, headers, length):
        if length is not None and not any(name == b"content-length" for name, _ in headers):
            headers = [*headers, (b"content-length", b"%d" % length)]
        self.outgoing = (status, [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])

    def write(self, body):
        if not self.committed:
            self.committed = True
            self.queue.put(self.outgoing)
        if body:
            self.waiting += 1
            self.queue.put(body)

    def end(self):
        self.write(b"")
        self.queue.put(self.END)

    def abort(self):
        self.queue.put(self.BROKEN)

    async def drain(self):
        while self.waiting > LOOKAHEAD:
            self.room.clear()
            await self.room.wait()

    def taken(self):
        self.waiting -= 1
        self.room.set()

    def pieces_to_send(self, gone):
        """The body, on the thread that sends it. When it is given up, the client has gone."""
        try:
            while (piece := self.queue.get()) is not self.END:
                if piece is self.BROKEN:
                    raise ConnectionAbortedError("the answer broke off")
                self.loop.call_soon_threadsafe(self.taken)
                yield piece
        finally:
            self.loop.call_soon_threadsafe(gone.set)


def response_of_flask(flowing, gone):
    """Waits for the head of the answer. Flask adds nothing to it."""
    import flask

    first = flowing.queue.get()
    status, headers = first if isinstance(first, tuple) else (500, [])
    response = flask.Response(flowing.pieces_to_send(gone) if isinstance(first, tuple) else (), status, direct_passthrough=True)
    response.headers.clear()
    response.headers.extend(headers)
    return response
