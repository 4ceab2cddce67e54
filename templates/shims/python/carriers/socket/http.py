# HTTP/1.1 on a connection, with a server of its own.
import email.utils
import signal

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
    return (forwarded, 0) if forwarded else tuple(peer[:2]) or ("127.0.0.1", 0)  # a socket in a folder has no peers


class Wire:
    """Carries an exchange on a connection."""

    def __init__(self, request, reader, writer, stopping):
        self.request, self.reader, self.writer, self.stopping = request, reader, writer, stopping
        self.committed = self.chunking = False
        self.pending = b""
        self.keep = request.version == b"HTTP/1.1" and "close" not in (request.get(b"connection") or "").lower()
        self.expects = (request.get(b"expect") or "").lower() == "100-continue"
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

    def head(self, status, headers, length):
        framing, self.chunking, lasts = framed(self.request, status, headers, length)
        # What the client waits to be asked for is never read: the connection cannot go on.
        self.keep = self.keep and lasts and not self.expects and not self.stopping()
        if not self.keep:
            framing.append((b"connection", b"close"))
        lines = [b"HTTP/1.1 %d %s" % (status, PHRASES.get(status, "").encode())]
        lines.extend(name + b": " + value for name, value in headers + framing)
        self.pending = b"\r\n".join(lines) + b"\r\n\r\n"

    def write(self, body):
        if body:
            self.pending += b"%x\r\n%s\r\n" % (len(body), body) if self.chunking else body
        self._flush()

    def end(self):
        if self.chunking:
            self.pending += b"0\r\n\r\n"
        self._flush()

    def _flush(self):
        if self.pending:
            self.committed = True
            self.writer.write(self.pending)
            self.pending = b""

    def abort(self):
        self.keep = False

    async def drain(self):
        await self.writer.drain()


def framed(request, status, headers, length):
    """The headers that frame an answer, whether its body goes in chunks, and whether the connection outlasts it."""
    names, more = {name for name, _ in headers}, []
    if b"date" not in names:
        more.append((b"date", email.utils.formatdate(usegmt=True).encode()))
    if status in (204, 304) or request.method == "HEAD":
        return more, False, True
    if status == 205:
        length = 0
    if length is not None:
        if b"content-length" not in names:
            more.append((b"content-length", b"%d" % length))
        return more, False, True
    if request.version == b"HTTP/1.1":
        return [*more, (b"transfer-encoding", b"chunked")], True, True
    return more, False, False


class Server:
    """Serves HTTP/1.1 connections with respond(exchange) until it is stopped."""

    def __init__(self, respond):
        self.respond = respond
        self.stopping = False
        self.idle, self.busy, self.connections = set(), set(), set()

    async def listen(self, where):
        def protocol():
            return asyncio.StreamReaderProtocol(Reader(), self.connection)

        loop = asyncio.get_running_loop()
        create = loop.create_unix_server if "path" in where else loop.create_server
        self.listener = await create(protocol, **where, backlog=4096)

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
            request = parsed(head)
            wire = Wire(request, reader, writer, lambda: self.stopping)
        except (BadRequest, asyncio.LimitOverrunError) as err:
            status = err.status if isinstance(err, BadRequest) else 431
            writer.write(b"HTTP/1.1 %d\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
            return False
        self.idle.discard(writer)
        self.busy.add(wire)
        exchange = Exchange(request, client_of(request, writer.get_extra_info("peername")), wire, reader.gone)
        try:
            await self.respond(exchange)
            exchange.over.set()
            while wire.keep and not wire.read_all and not self.stopping:
                await wire.read()
        except BadRequest:
            return False
        finally:
            self.busy.discard(wire)
        return wire.keep


def give_up(server):
    print(f"ferry: stopped with {len(server.busy)} requests unfinished", file=sys.stderr)
    os._exit(0)


async def listen(respond, **where):
    """Serves exchanges at a host and port, or a path, until the process is told to end, and returns when those that run are answered."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    server = Server(respond)
    await server.listen(where)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    loop.call_later(9, give_up, server)
    await server.stop()
