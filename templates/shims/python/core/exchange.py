# A request and its answer, however they come and go. A carrier makes exchanges; a source serves them with the user's
# application.

import http

PHRASES = {int(status): status.phrase for status in http.HTTPStatus}
PORTS = {"http": "80", "https": "443"}
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
BODILESS = (204, 205, 304)


class Gone(ConnectionResetError):
    """The client has closed the connection."""


class BadRequest(Exception):
    """What came is no request that can be served: the client's fault."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def escaped(text, unfit):
    return re.sub(unfit, lambda match: b"".join(b"%%%02X" % byte for byte in match[0]), text)


def encoded_again(path):
    """A path that an ingress may have decoded: a percent sign that escapes nothing was one of its characters."""
    return re.sub("%(?![0-9A-Fa-f]{2})", "%25", path)


class Request:
    """The head of a request; but for the method and the scheme all parts are bytes, header names in lower case. What
    neither a path nor a query can hold as it is is escaped; all else is as it was sent."""

    def __init__(self, method, target, version, headers, scheme="http"):
        path, mark, query = target.partition(b"?")
        self.path = escaped(path, rb"[^!$-;=@-\[\]_a-z~]+")
        self.query = escaped(query, rb"[^!-~]+")
        self.method, self.target, self.version = method, self.path + mark + self.query, version
        self.headers, self.scheme = headers, scheme

    def get(self, name):
        """The header's values joined, or None."""
        values = [v for k, v in self.headers if k == name]
        return b", ".join(values).decode("latin-1") if values else None


class Exchange:
    """One request and its answer. Every rule of an answer is in begin, write, end and fail, so that no carrier can get it
    wrong. The carrier brings the body with read and read_all, and takes the answer with

        head(status, headers, length)  its head, as it has to go out; without a length the body's end is told otherwise
        write(piece), end(), drain()   its body
        committed                      something is out and cannot be taken back
        abort()                        breaks off what is out
    """

    def __init__(self, request, client, carrier, gone=None, ctx=None):
        self.request, self.client, self.carrier, self.ctx = request, client, carrier, ctx
        self.gone, self.over = gone or asyncio.Event(), asyncio.Event()
        self.begun, self.length, self.sent = False, None, 0
        self.added = []  # headers that an answer has beside the application's own
        self.authorizer = None  # what an API of AWS that asked one has found out

    async def read(self):
        """The next piece of the request's body, b"" at its end."""
        return await self.carrier.read()

    async def read_everything(self):
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def begin(self, status, headers, length=None):
        """Begins the answer, whose body is length long where that is known. What cannot be an answer raises before
        anything is out."""
        if self.begun:
            raise RuntimeError("the response was begun twice")
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f"{status!r} is no status of a response")
        headers = self.added + with_cors(self.request, fit(headers))
        self.bodiless = self.request.method == "HEAD" or status in BODILESS
        given = length_of(headers)
        if self.bodiless:
            self.length = None
            if status in (204, 205):
                headers = [(k, v) for k, v in headers if k != b"content-length"]
            elif length and given is None and status != 304:
                headers.append((b"content-length", b"%d" % length))  # of what a GET would get
        elif None not in (given, length) and given != length:
            raise ValueError(f"the response of {length} bytes has a content-length of {given}")
        else:
            self.length = length if given is None else given
        self.begun, self.sent = True, 0
        self.carrier.head(status, headers, self.length)

    def write(self, body):
        if self.over.is_set():
            raise RuntimeError("the response is complete already")
        if self.gone.is_set():
            raise Gone("the client has gone")
        self.sent += len(body)
        if self.length is not None and self.sent > self.length:
            raise RuntimeError(f"the response is longer than its content-length of {self.length}")
        self.carrier.write(b"" if self.bodiless else body)

    def end(self):
        if self.length is not None and self.sent < self.length:
            raise RuntimeError(f"the response is shorter than its content-length of {self.length}")
        self.carrier.end()
        self.over.set()

    async def drain(self):
        await self.carrier.drain()

    def fail(self, err):
        """What a failure means: before anything is out an answer that says so, within the answer that it breaks off, and
        after it nothing but a line in the log."""
        if self.gone.is_set() and not self.over.is_set():
            return self.carrier.abort()  # to nobody, and of no interest
        if not isinstance(err, BadRequest):
            traceback.print_exception(type(err), err, err.__traceback__)
        if self.over.is_set():
            return None
        if self.carrier.committed:
            return self.carrier.abort()
        self.begun = False
        if isinstance(err, BadRequest):
            return self.answer(err.status, f"bad request: {err}\n")
        return self.answer(500, "internal server error\n")

    def answer(self, status, text="", headers=(), kind=b"text/plain; charset=utf-8"):
        """A whole answer."""
        body = text.encode()
        self.begin(status, [*headers, *([(b"content-type", kind)] if text else [])], len(body))
        self.write(body)
        self.end()

    def answer_json(self, status, value):
        self.answer(status, json.dumps(value), kind=b"application/json")


def fit(headers):
    """The headers as they may go out: names in lower case, values trimmed, and none that is the connection's own."""
    out = []
    for name, value in headers:
        name, value = bytes(name).lower(), bytes(value).strip(b" \t")
        if not TOKEN.fullmatch(name) or re.search(rb"[\r\n\0]", value):
            raise ValueError(f"the response header {name!r} cannot be sent: it holds what no header can, as a line break")
        if name not in HOP:
            out.append((name, value))
    return out


def length_of(headers):
    given = {value for name, value in headers if name == b"content-length"}
    if not given:
        return None
    value = given.pop()
    if given or not re.fullmatch(rb"[0-9]+", value):
        raise ValueError("the response has a content-length that is no length")
    return int(value)


async def serve_http(serve, exchange):
    """Answers with what a source opened, None for a function without HTTP."""
    try:
        if re.search(rb"%(?![0-9A-Fa-f]{2})", exchange.request.path):  # what such a path names differs by who reads it
            raise BadRequest(400, "a percent sign in the path escapes nothing")
        elsewhere = "forward" in CONFIG and await migrated(exchange)
        answer = not elsewhere and answer_of(exchange.request)
        if answer:
            exchange.answer(*answer)
        elif not elsewhere:
            await serve(exchange)
            if not exchange.over.is_set() and not exchange.gone.is_set():
                raise RuntimeError("the application returned without a complete response")
    except (Exception, SystemExit) as err:
        exchange.fail(err)
    await exchange.drain()


class Whole:
    """Carries an exchange whose request is all there and whose answer is collected: nothing is out before it is whole."""

    committed = False

    def __init__(self, body):
        self.body, self.read_all, self.pieces = body, not body, []

    async def read(self):
        body, self.body, self.read_all = self.body, b"", True
        return body

    def head(self, status, headers, length):
        self.status, self.headers, self.pieces = status, headers, []

    def write(self, body):
        self.pieces.append(body)

    def end(self):
        pass

    def abort(self):
        pass

    async def drain(self):
        pass
