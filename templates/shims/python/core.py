# What every Python shim shares: the user's handler, routing, CORS, events, and an HTTP/1.1 server that
# calls WSGI and ASGI applications. A shim is this file followed by its target's entry.
# It needs Python 3.9 and nothing but the standard library.
import asyncio
import base64
import concurrent.futures
import email.utils
import http
import importlib
import inspect
import io
import json
import os
import re
import signal
import sys
import time
import traceback
import types
import urllib.parse
import uuid

ROOT = os.path.dirname(os.path.abspath(__file__))
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LIMIT = 64 * 1024  # bytes of a request's head, and of one read of a body

with open(os.path.join(ROOT, "ferry_config.json"), encoding="utf-8") as _file:
    CONFIG = json.load(_file)

if not sys.path or sys.path[0] != ROOT:
    sys.path.insert(0, ROOT)
for _stream in (sys.stdout, sys.stderr):
    _stream.reconfigure(line_buffering=True, write_through=True)

# The user's module comes first: when its import fails, Python prints the traceback and ends.
_MODULE, _, _ATTRIBUTE = CONFIG["handler"].partition(":")
MODULE = importlib.import_module(_MODULE)
ON_EVENT = getattr(MODULE, "on_event", None)
POOL = concurrent.futures.ThreadPoolExecutor(max_workers=1024, thread_name_prefix="ferry")


def application():
    """The WSGI or ASGI application, None where the function has no http event."""
    if CONFIG["http"] is None:
        return None
    app = MODULE
    for name in (_ATTRIBUTE or "app").split("."):
        app = getattr(app, name, None)
    if not callable(app):
        sys.exit(f"ferry: {CONFIG['handler']}: the module has no {CONFIG['style'].upper()} callable of that name")
    return app


class Gone(ConnectionResetError):
    """The client has closed the connection."""


class BadRequest(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Reader(asyncio.StreamReader):
    """A stream reader that says at once when the client has gone."""

    def __init__(self):
        super().__init__(limit=LIMIT, loop=asyncio.get_running_loop())
        self.gone = asyncio.Event()

    def feed_eof(self):
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc):
        super().set_exception(exc)
        self.gone.set()


class Request:
    """The head of a request, as it arrived; all parts are bytes, header names in lower case."""

    def __init__(self, head):
        lines = head[:-4].split(b"\r\n")
        parts = lines[0].split(b" ")
        if len(parts) != 3 or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not TOKEN.fullmatch(parts[0]):
            raise BadRequest(400, "malformed request line")
        method, target, self.version = parts
        if not target or re.search(rb"[\x00-\x20\x7f]", target):
            raise BadRequest(400, "malformed request target")
        self.method = method.decode("latin-1")
        if not target.startswith(b"/"):
            target = b"/" + re.sub(rb"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?]*", b"", target).lstrip(b"/")
        self.target = target
        self.path, _, self.query = target.partition(b"?")
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.fullmatch(name) or re.search(rb"[\r\n\0]", value):
                raise BadRequest(400, "malformed header")
            self.headers.append((name.lower(), value.strip(b" \t")))

    def get(self, name):
        """The header's values joined, or None."""
        values = [v for k, v in self.headers if k == name]
        return b", ".join(values).decode("latin-1") if values else None


class Exchange:
    """One request and its response on a connection. receive and send are those of ASGI."""

    def __init__(self, server, request, reader, writer):
        self.server, self.request, self.reader, self.writer = server, request, reader, writer
        self.peer = writer.get_extra_info("peername")
        self.over = asyncio.Event()
        self.head = None  # (status, headers), not sent yet
        self.started = self.chunking = self.bodiless = self.asked = False
        self.pending = b""
        self.sent, self.length = 0, None
        self.keep = request.version == b"HTTP/1.1" and "close" not in (request.get(b"connection") or "").lower()
        self.expects = (request.get(b"expect") or "").lower() == "100-continue"
        self._frame(request)

    def _frame(self, request):
        encoding, length = request.get(b"transfer-encoding"), request.get(b"content-length")
        if encoding is not None and (encoding.lower() != "chunked" or length is not None):
            raise BadRequest(400, "ambiguous body length")
        if length is not None and not re.fullmatch("[0-9]+", length):
            raise BadRequest(400, "malformed content-length")
        self.chunked = encoding is not None
        self.left = int(length or 0)  # of the body, or of the chunk
        self.read_all = not self.chunked and self.left == 0

    async def read(self):
        """The next piece of the body, b"" at its end."""
        if self.read_all:
            return b""
        if self.expects:
            self.expects = False
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.chunked and self.left == 0 and not await self._next_chunk():
            return b""
        data = await self.reader.read(min(self.left, LIMIT))
        if not data:
            raise Gone("the client closed the connection within the body")
        self.left -= len(data)
        if self.left == 0 and self.chunked:
            await self.reader.readexactly(2)
        elif self.left == 0:
            self.read_all = True
        return data

    async def _next_chunk(self):
        line = (await self.reader.readuntil(b"\r\n")).split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]+", line):
            self.keep = False
            raise BadRequest(400, "malformed chunk")
        self.left = int(line, 16)
        if self.left > 0:
            return True
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers
        self.read_all = True
        return False

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
        waits = [asyncio.ensure_future(e.wait()) for e in (self.reader.gone, self.over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.over.is_set():
            raise RuntimeError("the response is complete already")
        if self.reader.gone.is_set():
            raise Gone("the client has gone")
        if message["type"] == "http.response.start":
            if self.head or self.started:
                raise RuntimeError("http.response.start was sent twice")
            self.head = (message["status"], list(message.get("headers", ())))
        elif message["type"] == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if not self.started:
                self._start(None if more else len(body))
            self._write(body)
            if not more:
                self._end()
            await self.writer.drain()

    def _start(self, known):
        if self.head is None:
            raise RuntimeError("the body came before http.response.start")
        status, headers = self.head
        headers = [(bytes(k).lower(), bytes(v)) for k, v in headers]
        headers = [(k, v) for k, v in headers if k not in (b"transfer-encoding", b"connection", b"keep-alive")]
        self.bodiless = self.request.method == "HEAD" or status in (204, 304)
        if status == 204:
            headers = [(k, v) for k, v in headers if k != b"content-length"]
        given = [v for k, v in headers if k == b"content-length"]
        if given:
            self.length = int(given[0])
        elif known is not None and status not in (204, 304) and (known or not self.bodiless):
            headers.append((b"content-length", b"%d" % known))
            self.length = known
        elif not self.bodiless and self.request.version == b"HTTP/1.1":
            headers.append((b"transfer-encoding", b"chunked"))
            self.chunking = True
        elif not self.bodiless:
            self.keep = False
        headers = with_cors(self.request, headers)
        if not any(k == b"date" for k, _ in headers):
            headers.append((b"date", email.utils.formatdate(usegmt=True).encode()))
        # What the client waits to be asked for is never read: the connection cannot go on.
        if not self.keep or self.server.stopping or self.expects:
            self.keep = False
            headers.append((b"connection", b"close"))
        phrase = http.HTTPStatus(status).phrase if status in PHRASES else ""
        head = [b"HTTP/1.1 %d %s" % (status, phrase.encode())]
        for name, value in headers:
            if re.search(rb"[\r\n\0]", name + value) or not name:
                raise ValueError(f"the response header {name!r} holds a line break")
            head.append(name + b": " + value)
        self.started = True
        self.pending = b"\r\n".join(head) + b"\r\n\r\n"

    def _write(self, body):
        if body and not self.bodiless:
            self.sent += len(body)
            if self.length is not None and self.sent > self.length:
                raise RuntimeError(f"the response is longer than its content-length of {self.length}")
            self.pending += b"%x\r\n%s\r\n" % (len(body), body) if self.chunking else body
        self._flush()

    def _end(self):
        if not self.bodiless and self.length is not None and self.sent < self.length:
            raise RuntimeError(f"the response is shorter than its content-length of {self.length}")
        if self.chunking:
            self.writer.write(b"0\r\n\r\n")
        self.over.set()

    def _flush(self):
        if self.pending:
            self.writer.write(self.pending)
            self.pending = b""

    async def answer(self, status, text="", headers=(), kind=b"text/plain; charset=utf-8"):
        """Sends a whole response."""
        self.head = (status, [*headers, *([(b"content-type", kind)] if text else [])])
        await self.send({"type": "http.response.body", "body": text.encode()})

    async def answer_json(self, status, value):
        await self.answer(status, json.dumps(value), kind=b"application/json")


PHRASES = {int(s) for s in http.HTTPStatus}


def answer_of(request):
    """The (status, text, headers) that the manifest gives in the handler's place, or None."""
    rule, path, method = CONFIG["http"], request.path.decode("latin-1"), request.method
    if rule is None:
        return 404, "not found: this function has no http event\n", []
    if path == CONFIG["health"] and method in ("GET", "HEAD"):
        return None
    if not re.search(rule["path"], path):
        return 404, "not found\n", []
    asked = request.get(b"access-control-request-method")
    if rule["cors"] and method == "OPTIONS" and asked and request.get(b"origin"):
        return 204, "", preflight(request, rule["cors"], asked)
    if not rule["methods"] or method in rule["methods"]:
        return None
    return 405, "method not allowed\n", [(b"allow", ", ".join(rule["methods"]).encode())]


def allows(cors, origin):
    return bool(origin) and (cors["any"] or origin in cors["origins"])


def preflight(request, cors, asked):
    if not allows(cors, request.get(b"origin")):
        return []
    headers = [(b"access-control-allow-methods", (cors["methods"] or asked).encode("latin-1"))]
    wanted = cors["headers"] or request.get(b"access-control-request-headers")
    if wanted:
        headers.append((b"access-control-allow-headers", wanted.encode("latin-1")))
    if cors["maxAge"] > 0:
        headers.append((b"access-control-max-age", b"%d" % cors["maxAge"]))
    return headers


def with_cors(request, headers):
    """The response's headers and those of the policy that the handler did not set itself."""
    cors = CONFIG["http"] and CONFIG["http"]["cors"]
    if not cors:
        return headers
    anyone, origin = cors["any"] and not cors["credentials"], request.get(b"origin")
    more = [] if anyone else [(b"vary", b"Origin")]
    if allows(cors, origin):
        more.append((b"access-control-allow-origin", b"*" if anyone else origin.encode("latin-1")))
        if cors["credentials"]:
            more.append((b"access-control-allow-credentials", b"true"))
    own = {k for k, _ in headers}
    return headers + [(k, v) for k, v in more if k == b"vary" or k not in own]


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
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": request.version.decode(),
        "REMOTE_ADDR": client_of(exchange)[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
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
        "scheme": "http",
        "path": urllib.parse.unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path,
        "query_string": request.query,
        "root_path": "",
        "headers": list(request.headers),
        "client": client_of(exchange),
        "server": (host, int(port) if port.isdigit() else 80),
        "state": dict(state),
        "extensions": {},
    }


def client_of(exchange):
    forwarded = (exchange.request.get(b"x-forwarded-for") or "").split(",")[-1].strip()
    return (forwarded, 0) if forwarded else tuple(exchange.peer[:2])


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


class CloudEvent(dict):
    """The event's attributes and data by name; data is an attribute too."""

    @property
    def data(self):
        return self.get("data")


def cloud_event(request, body):
    """Reads a CloudEvent in binary or structured mode. Data follows the content type: JSON is parsed,
    text is a str, anything else stays bytes."""
    kind = request.get(b"content-type") or ""
    if kind.startswith("application/cloudevents+json"):
        event = CloudEvent(json.loads(body))
        if "data_base64" in event:
            event["data"] = base64.b64decode(event.pop("data_base64"))
        return event
    event = CloudEvent()
    for name, value in request.headers:
        if name.startswith(b"ce-"):
            event[name[3:].decode()] = urllib.parse.unquote(value.decode("latin-1"))
    if not event.get("id") or not event.get("type"):
        raise ValueError("the CloudEvent has no ce-id or no ce-type")
    if kind:
        event["datacontenttype"] = kind
    if body:
        media = kind.split(";")[0].strip().lower()
        if media == "application/json" or media.endswith("+json"):
            body = json.loads(body)
        elif media.startswith("text/"):
            body = body.decode()
        event["data"] = body
    return event


async def serve_event(exchange, context):
    """Delivers an event; context makes the handler's ctx from the raw body."""
    if ON_EVENT is None:
        return await exchange.answer_json(501, {"error": f"{CONFIG['handler']}: the module has no on_event"})
    body = await exchange.read_everything()
    try:
        event = cloud_event(exchange.request, body)
    except ValueError as err:
        return await exchange.answer_json(400, {"error": str(err)})
    try:
        result = await called(ON_EVENT, event, context(body))
        text = "" if result is None else json.dumps(result)
    except Exception as err:
        traceback.print_exc()
        return await exchange.answer_json(500, {"error": traceback.format_exception_only(type(err), err)[-1].strip()})
    await exchange.answer(200 if text else 204, text, kind=b"application/json")


async def called(function, *args):
    """Calls a coroutine function on the loop and any other on a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    result = await asyncio.get_running_loop().run_in_executor(POOL, function, *args)
    return await result if inspect.isawaitable(result) else result


async def serve_http(app, exchange, state):
    answer = answer_of(exchange.request)
    if answer:
        return await exchange.answer(*answer)
    if CONFIG["style"] == "asgi":
        await app(scope_of(exchange, state), exchange.receive, exchange.send)
    else:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(POOL, run_wsgi, app, exchange, loop)
    if not exchange.over.is_set() and not exchange.reader.gone.is_set():
        raise RuntimeError("the application returned without a complete response")


async def guarded(work, exchange):
    """Awaits work; where it fails the client gets a plain 500, or a cut connection once headers are out."""
    try:
        await work
        return
    except BadRequest as err:
        failure = (err.status, f"bad request: {err}\n")
    except Exception:
        if exchange.reader.gone.is_set() and not exchange.over.is_set():
            exchange.keep = False
            return
        traceback.print_exc()
        failure = (500, "internal server error\n")
    if not exchange.started:
        await exchange.answer(*failure)
    elif not exchange.over.is_set():
        exchange.keep = False


class Server:
    """Serves HTTP/1.1 connections with respond(exchange) until it is stopped."""

    def __init__(self, respond):
        self.respond = respond
        self.stopping = False
        self.idle, self.busy, self.connections = set(), set(), set()

    async def listen(self, host, port):
        def protocol():
            return asyncio.StreamReaderProtocol(Reader(), self.connection)

        self.listener = await asyncio.get_running_loop().create_server(protocol, host, port, backlog=1024)

    async def stop(self):
        """Takes no more requests and returns when those that run are answered."""
        self.stopping = True
        self.listener.close()
        for writer in list(self.idle):
            writer.close()
        if self.connections:
            await asyncio.wait(self.connections)

    async def connection(self, reader, writer):
        task = asyncio.current_task()
        self.connections.add(task)
        try:
            while not self.stopping and await self.exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.idle.discard(writer)
            self.connections.discard(task)
            writer.close()

    async def exchange(self, reader, writer):
        """Serves one request; False when the connection cannot go on."""
        self.idle.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            exchange = Exchange(self, Request(head), reader, writer)
        except (BadRequest, asyncio.LimitOverrunError) as err:
            status = err.status if isinstance(err, BadRequest) else 431
            writer.write(b"HTTP/1.1 %d\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
            return False
        self.idle.discard(writer)
        self.busy.add(exchange)
        try:
            await guarded(self.respond(exchange), exchange)
            exchange.over.set()
            while exchange.keep and not exchange.read_all and not self.stopping:
                await exchange.read()
        except BadRequest:
            return False
        finally:
            self.busy.discard(exchange)
        return exchange.keep
