# The style wsgi.
import io

ON_EVENT = event_function()


class Application:
    """A WSGI application, called on a thread of its own for each exchange."""

    interface = "WSGI"

    def __init__(self, app):
        refuse_other_styles(app)
        self.app = app

    async def start(self):
        pass

    async def serve(self, exchange):
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(POOL, run_wsgi, self.app, exchange, loop)

    async def stop(self):
        pass


def refuse_other_styles(app):
    """Ends the process where the callable is plainly no WSGI application."""
    if is_asynchronous(app):
        fault("it is an ASGI application", "add `style: asgi` to the function in ferry.yaml")
    if not inspect.isfunction(app) or app.__code__.co_flags & inspect.CO_VARARGS:
        return
    names = app.__code__.co_varnames[: app.__code__.co_argcount]  # its own: a decorator may hide those of another one
    if names[:2] == ("event", "context"):
        fault(
            "it is a handler(event, context) as for AWS Lambda, which ferry does not call yet",
            "give a WSGI or ASGI application for HTTP, and on_event(event, ctx) beside it for events",
        )
    if len(names) == 1:
        fault(f"a function of {names[0]} alone is no WSGI application", "give an application, such as app = Flask(__name__)")


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
