# WSGI and ASGI over exchanges.
import io

PORTS = {"http": "80", "https": "443"}


class Body(io.RawIOBase):
    """wsgi.input: reads the request's body from the application's thread."""

    def __init__(self, exchange, loop):
        self.exchange, self.loop, self.piece = exchange, loop, b""

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.piece:
            self.piece = asyncio.run_coroutine_threadsafe(self.exchange.read(), self.loop).result()
        size = min(len(buffer), len(self.piece))
        buffer[:size], self.piece = self.piece[:size], self.piece[size:]
        return size


def environ_of(exchange, loop):
    request = exchange.request
    host, _, port = (request.get(b"host") or "localhost").partition(":")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "RAW_URI": request.target.decode("latin-1"),
        "REQUEST_URI": request.target.decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": port or PORTS[request.scheme],
        "SERVER_PROTOCOL": request.version.decode(),
        "REMOTE_ADDR": exchange.client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BufferedReader(Body(exchange, loop), LIMIT),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        if b"_" in name:
            continue  # it would pass for the header with a dash
        key, value = name.decode().upper().replace("-", "_"), value.decode("latin-1")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        glue = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = environ[key] + glue + value if key in environ else value
    return environ


def run_wsgi(app, exchange, loop):
    """Calls a WSGI application on this thread."""

    def send(body, more):
        if not exchange.started:
            if not head:
                raise RuntimeError("the application has not called start_response")
            exchange.head = head[0]
        message = {"type": "http.response.body", "body": body, "more_body": more}
        asyncio.run_coroutine_threadsafe(exchange.send(message), loop).result()

    head = []

    def start_response(status, headers, exc_info=None):
        if exc_info and exchange.started:
            raise exc_info[1].with_traceback(exc_info[2])
        if head and not exc_info:
            raise RuntimeError("start_response was called twice")
        pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers]
        head[:] = [(int(status.split(" ", 1)[0]), pairs)]
        return lambda body: send(body, True)

    result = app(environ_of(exchange, loop), start_response)
    try:
        if isinstance(result, (list, tuple)) and len(result) == 1:
            send(result[0], False)
            return
        for piece in result:
            if piece:
                send(piece, True)
        send(b"", False)
    finally:
        if hasattr(result, "close"):
            result.close()


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


class Lifespan:
    """The one startup and shutdown of an ASGI application; one that knows no lifespan goes without."""

    def __init__(self, app):
        self.app, self.state = app, {}
        self.inbox, self.outbox = asyncio.Queue(), asyncio.Queue()

    async def run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self.app(scope, self.inbox.get, self.outbox.put)
        except Exception as err:
            await self.outbox.put({"type": "unsupported", "error": err})
        else:
            await self.outbox.put({"type": "unsupported"})

    async def startup(self):
        self.task = asyncio.ensure_future(self.run())
        await self.inbox.put({"type": "lifespan.startup"})
        message = await self.outbox.get()
        if message["type"] == "lifespan.startup.failed":
            sys.exit(f"ferry: the application's startup failed: {message.get('message', '')}")
        self.running = message["type"] == "lifespan.startup.complete"

    async def shutdown(self):
        if self.running:
            await self.inbox.put({"type": "lifespan.shutdown"})
            message = await self.outbox.get()
            if message["type"] == "lifespan.shutdown.failed":
                print(f"ferry: the application's shutdown failed: {message.get('message', '')}", file=sys.stderr)


async def started(app):
    """The lifespan of an ASGI application after its startup, None for any other."""
    if app is None or CONFIG["style"] != "asgi":
        return None
    lifespan = Lifespan(app)
    await lifespan.startup()
    return lifespan
