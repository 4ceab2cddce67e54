# One side of a migration. The old side has the new one answer a share of its requests, and answers by itself where that
# fails; the new side takes what the old one hands over as if the client had sent it.
import hashlib
import hmac
import http.client
import random
import socket
import ssl

# What the deploy says of it: of the old side {from, to, url, percent, wait, secret, final}, of the new one {to, accepts}, of both
# {key}: the header of the key that lets requests in to the new side. The old side has it in FERRY_MIGRATION_KEY.
MIGRATION = json.loads(os.environ.get("FERRY_MIGRATION", "{}"))

ENVELOPE = b"ferry-forwarded"  # has what an ingress in between would change; what has one is never forwarded again
SIDE = b"ferry-side"  # of an answer: who gave it
CHANGED = {b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip", b"forwarded"}
KEY = MIGRATION.get("key", "").encode()
if KEY:
    CHANGED.add(KEY)
ITS_OWN = {b"date", b"server", b"via", b"alt-svc"}  # of an answer: its ingress'
REPEATABLE = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}
WAIT = 0 if MIGRATION.get("final") else MIGRATION.get("wait", 0) / 1000  # seconds for the head of an answer, where this side can still give one
PATIENCE = min(3, WAIT or 3)  # seconds for a connection
KEEPABLE = 6 << 20  # bytes of a body that are kept for another attempt


class Unanswered(Exception):
    """The new side failed, and nothing is lost by answering here."""


async def migrated(exchange):
    """Whether the other side has answered an exchange."""
    request = exchange.request
    if "accepts" in MIGRATION:
        envelope = unsealed(request)
        exchange.added = [(SIDE, MIGRATION["to"].encode())]
        if envelope and envelope.get("probe"):  # who asks whether requests get here: no handler is called
            exchange.begin(204, [])
            exchange.end()
            return True
        if envelope:
            restore(exchange, envelope)
        return False
    if request.get(ENVELOPE) is None and request.get(b"upgrade") is None and random.random() * 100 < MIGRATION.get("percent", 0):
        try:
            await forward(exchange)
            return True
        except Unanswered as err:
            where = request.path.decode("latin-1")
            print(f"ferry: {MIGRATION['to']} did not answer {request.method} {where} ({err}): answered here", file=sys.stderr)
    exchange.added = [(SIDE, MIGRATION.get("from", "").encode())]
    return False


def unsealed(request):
    """What an envelope holds that the old side has sealed, None for any other."""
    try:
        envelope = json.loads(base64.urlsafe_b64decode((request.get(ENVELOPE) or "") + "=="))
        given = hashlib.sha256(envelope["secret"].encode()).hexdigest()
        return envelope if hmac.compare_digest(given, MIGRATION["accepts"]) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def restore(exchange, envelope):
    """Makes the exchange what the old side got."""
    request = exchange.request
    kept = [(name, value) for name, value in request.headers if name not in CHANGED and name != ENVELOPE]
    request.headers = kept + [(name.encode("latin-1"), value.encode("latin-1")) for name, value in envelope["headers"]]
    request.scheme, exchange.client = envelope["scheme"], (envelope["client"], 0)
    exchange.authorizer = envelope.get("authorizer")


async def forward(exchange):
    request, loop = exchange.request, asyncio.get_running_loop()
    whole = is_whole(exchange)
    repeatable = request.method in REPEATABLE and (whole or int(request.get(b"content-length") or KEEPABLE + 1) <= KEEPABLE)
    if whole or repeatable:
        body = await exchange.read_everything()
        exchange.carrier = Again(exchange.carrier, body)
    else:
        body = Pieces(exchange, loop)
    late = loop.time() + WAIT if WAIT and repeatable else None
    for attempt in (1, 2):
        asking = Asking(exchange, body, attempt == 1 and repeatable)
        try:
            answer = await asking.answer_until(late)
            break
        except (OSError, http.client.HTTPException) as err:
            asking.give_up()
            if repeatable and asking.reused:
                continue  # a connection that was kept for too long
            if not MIGRATION.get("final") and (repeatable or not asking.sent):
                raise Unanswered(err) from None
            raise
    # An answer without the mark is not the function's but its ingress'.
    if not MIGRATION.get("final") and repeatable and answer.status >= 400 and answer.getheader("ferry-side") is None:
        asking.connection.close()
        raise Unanswered(f"status {answer.status}")
    await hand_back(exchange, asking, answer)


def is_whole(exchange):
    """Whether all of a body is here: only a connection brings it piece by piece."""
    return exchange.carrier.read_all or isinstance(exchange.carrier, Whole)


class Pieces:
    """A body that is sent while it comes, from the thread that sends it."""

    def __init__(self, exchange, loop):
        self.exchange, self.loop = exchange, loop

    def __iter__(self):
        while piece := asyncio.run_coroutine_threadsafe(self.exchange.read(), self.loop).result():
            yield piece


class Again:
    """Carries an exchange whose request was read already."""

    def __init__(self, carrier, body):
        self.inner, self.body, self.read_all = carrier, body, not body

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def read(self):
        body, self.body, self.read_all = self.body, b"", True
        return body


class Asking:
    """One attempt to have the new side answer. Connections are kept for requests that may be sent again: whether one is
    still open shows only when it is too late."""

    KEPT = []

    def __init__(self, exchange, body, keeps):
        request, client = exchange.request, exchange.client
        self.request, self.body, self.sent, self.keeps, self.ended = request, body, False, keeps, False
        self.reused, self.connection = bool(keeps and self.KEPT), None
        envelope = {
            "secret": MIGRATION["secret"],
            "client": client[0] if client else "",
            "scheme": request.scheme,
            "headers": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers if name in CHANGED],
        }
        if exchange.authorizer:
            envelope["authorizer"] = exchange.authorizer
        self.envelope = base64.urlsafe_b64encode(json.dumps(envelope).encode()).rstrip(b"=")

    async def answer_until(self, late):
        """The answer, which may take until the loop's time is late, where there is such a time."""
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(POOL, self.answer)
        done, _ = await asyncio.wait([asked], timeout=None if late is None else max(0, late - loop.time()))
        if not done:
            asked.cancel()
            self.give_up()
            raise Unanswered(f"no answer in {WAIT} s")
        return asked.result()

    def give_up(self):
        """Ends what the thread waits for."""
        self.ended = True
        sock = self.connection and self.connection.sock
        if sock:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of TLS would take what the thread reads from
            except OSError:
                pass  # it was closed

    def answer(self):
        if self.reused:
            try:
                self.connection = self.KEPT.pop()
            except IndexError:
                self.reused = False
        address = urllib.parse.urlsplit(MIGRATION["url"])
        if self.connection is None:
            self.connection = opened_connection(address)
        if self.ended:
            raise ConnectionAbortedError("it was given up")
        self.sent = True
        request, out = self.request, self.connection
        out.putrequest(request.method, request.target.decode("latin-1"), skip_host=True, skip_accept_encoding=True)
        out.putheader("Host", address.netloc)
        for name, value in request.headers:
            if name not in (b"host", b"content-length", b"expect", ENVELOPE, KEY) and name not in HOP:
                out.putheader(name, value)
        out.putheader(ENVELOPE, self.envelope)
        if KEY:
            out.putheader(KEY, os.environ["FERRY_MIGRATION_KEY"])
        declared, flows = request.get(b"content-length"), isinstance(self.body, Pieces)
        if flows and declared is None:
            out.putheader("Transfer-Encoding", "chunked")
        elif declared is not None or self.body:
            out.putheader("Content-Length", declared if flows else str(len(self.body)))
        out.endheaders(self.body or None, encode_chunked=flows and declared is None)
        answer = out.getresponse()
        if answer.status == 101:
            raise http.client.HTTPException("it wants another protocol on the connection")
        return answer

    def done(self):
        """Keeps the connection for the next, where that is known to do no harm."""
        if self.connection.sock is not None and len(self.KEPT) < 64:
            self.KEPT.append(self.connection)
        else:
            self.connection.close()


class Final(http.client.HTTPResponse):
    """An answer behind those that are only about it: the library takes all but the first kind of them for the answer."""

    def _read_status(self):
        while True:
            line = super()._read_status()
            if not 102 <= line[1] <= 199:
                return line
            http.client.parse_headers(self.fp)


def opened_connection(address):
    port = address.port or (443 if address.scheme == "https" else 80)
    if address.scheme == "https":
        out = http.client.HTTPSConnection(address.hostname, port, timeout=PATIENCE, context=ssl.create_default_context())
    else:
        out = http.client.HTTPConnection(address.hostname, port, timeout=PATIENCE)
    out.response_class = Final
    out.connect()
    out.sock.settimeout(None)  # an answer takes what it takes
    out.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return out


async def hand_back(exchange, asking, answer):
    """Gives the client what the new side answered."""
    loop = asyncio.get_running_loop()
    pairs = []
    for name, value in answer.getheaders():
        name = name.lower().encode("latin-1")
        twice = CONFIG["forward"].get("cors") and name.startswith(b"access-control-")
        if name not in ITS_OWN and name != SIDE and not twice:
            pairs.append((name, value.encode("latin-1")))
    exchange.added = [(SIDE, MIGRATION["to"].encode())]
    exchange.begin(answer.status, pairs)
    while piece := await loop.run_in_executor(POOL, answer.read1, LIMIT):
        exchange.write(piece)
        await exchange.drain()
    exchange.end()
    answer.close()  # one without a body leaves the connection busy until then
    asking.done()
