# How a WSGI application is called: on a thread of its own for each exchange.
import io


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


async def serve_wsgi(app, exchange):
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(POOL, run_wsgi, app, exchange, loop)


def run_wsgi(app, exchange, loop):
    """Calls a WSGI application on this thread."""
    head = []

    def start_response(status, headers, exc_info=None):
        if exc_info and exchange.begun:
            raise exc_info[1].with_traceback(exc_info[2])
        if head and not exc_info:
            raise RuntimeError("start_response was called twice")
        pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers]
        head[:] = [(int(status.split(" ", 1)[0]), pairs)]
        return lambda body: send([body], None)

    async def put(pieces, length):
        if not exchange.begun:
            if not head:
                raise RuntimeError("the application has not called start_response")
            exchange.begin(*head[0], length)
        for piece in pieces:
            exchange.write(piece)
        if length is not None:
            exchange.end()
        await exchange.drain()

    def send(pieces, length):
        """Sends pieces of the body; with a length they are the whole of it, or what is left."""
        asyncio.run_coroutine_threadsafe(put(pieces, length), loop).result()

    result = app(environ_of(exchange, loop), start_response)
    try:
        if isinstance(result, (list, tuple)) and not exchange.begun:
            return send(result, sum(map(len, result)))
        for piece in result:
            if piece:
                send([piece], None)
        send([], 0)
    finally:
        if hasattr(result, "close"):
            result.close()
