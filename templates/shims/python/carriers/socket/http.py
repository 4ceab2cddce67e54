# HTTP/1.1 on a connection, with a server of its own.
import email.utils
import http
import signal

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


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


def parsed(head):
    """The request of a head, as it came over the connection."""
    lines = head[:-4].split(b"\r\n")
    parts = lines[0].split(b" ")
    if len(parts) != 3 or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0") or not TOKEN.fullmatch(parts[0]):
        raise BadRequest(400, "malformed request line")
    method, target, version = parts
    if not target or re.search(rb"[\x00-\x20\x7f]", target):
        raise BadRequest(400, "malformed request target")
    if not target.startswith(b"/"):
        target = b"/" + re.sub(rb"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?]*", b"", target).lstrip(b"/")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or re.search(rb"[\r\n\0]", value):
            raise BadRequest(400, "malformed header")
        headers.append((name.lower(), value.strip(b" \t")))
    return Request(method.decode("latin-1"), target, version, headers)


def client_of(request, peer):
    forwarded = (request.get(b"x-forwarded-for") or "").split(",")[-1].strip()
    return (forwarded, 0) if forwarded else tuple(peer[:2])


class Wire(Exchange):
    """An exchange on a connection."""

    def __init__(self, server, request, reader, writer):
        super().__init__(request, client_of(request, writer.get_extra_info("peername")), reader.gone)
        self.server, self.reader, self.writer = server, reader, writer
        self.chunking = self.bodiless = False
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

    def begin(self, status, headers, known):
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
        if not any(k == b"date" for k, _ in headers):
            headers.append((b"date", email.utils.formatdate(usegmt=True).encode()))
        # What the client waits to be asked for is never read: the connection cannot go on.
        if not self.keep or self.server.stopping or self.expects:
            self.keep = False
            headers.append((b"connection", b"close"))
        phrase = http.HTTPStatus(status).phrase if status in PHRASES else ""
        head = [b"HTTP/1.1 %d %s" % (status, phrase.encode())]
        head.extend(name + b": " + value for name, value in headers)
        self.pending = b"\r\n".join(head) + b"\r\n\r\n"

    def write(self, body):
        if body and not self.bodiless:
            self.sent += len(body)
            if self.length is not None and self.sent > self.length:
                raise RuntimeError(f"the response is longer than its content-length of {self.length}")
            self.pending += b"%x\r\n%s\r\n" % (len(body), body) if self.chunking else body
        if self.pending:
            self.writer.write(self.pending)
            self.pending = b""

    def end(self):
        if not self.bodiless and self.length is not None and self.sent < self.length:
            raise RuntimeError(f"the response is shorter than its content-length of {self.length}")
        if self.chunking:
            self.writer.write(b"0\r\n\r\n")

    async def drain(self):
        await self.writer.drain()


PHRASES = {int(s) for s in http.HTTPStatus}


async def guarded(work, exchange):
    """Awaits work; where it fails the client gets a plain 500, or a cut connection once headers are out."""
    try:
        await work
        return
    except BadRequest as err:
        failure = (err.status, f"bad request: {err}\n")
    except Exception:
        if exchange.gone.is_set() and not exchange.over.is_set():
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
            exchange = Wire(self, parsed(head), reader, writer)
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


def give_up(server):
    print(f"ferry: stopped with {len(server.busy)} requests unfinished", file=sys.stderr)
    os._exit(0)


async def listen(host, port, respond):
    """Serves exchanges on an address until the process is told to end, and returns when those that run are answered."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    server = Server(respond)
    await server.listen(host, port)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    loop.call_later(9, give_up, server)
    await server.stop()
