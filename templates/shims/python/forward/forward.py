# One side of a migration. The old side has the new one answer a share of its requests, and answers by itself where that
# fails; the new side takes what the old one hands over as if the client had sent it.
import hashlib
import hmac
import http.client
import random
import socket
import ssl

# What the deploy says of it: of the old side {from, to, url, percent, secret, final}, of the new one {to, accepts}, of both {key}:
# the header of the key that lets requests in to the new side. The old side has it in FERRY_MIGRATION_KEY.
MIGRATION = json.loads(os.environ.get("FERRY_MIGRATION", "{}"))

ENVELOPE = b"ferry-forwarded"  # has what an ingress in between would change; what has one is never forwarded again
SIDE = b"ferry-side"  # of an answer: who gave it
CHANGED = {b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip", b"forwarded"}
KEY = MIGRATION.get("key", "").encode()
if KEY:
    CHANGED.add(KEY)
ITS_OWN = {b"date", b"server", b"via", b"alt-svc"}  # of an answer: its ingress'
REPEATABLE = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"}
PATIENCE = 3  # seconds for a connection


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


async def forward(exchange):
    request = exchange.request
    repeatable = request.method in REPEATABLE
    body = await exchange.read_everything()
    exchange.carrier = Again(exchange.carrier, body)
    loop = asyncio.get_running_loop()
    for attempt in (1, 2):
        asking = Asking(request, exchange.client, body, attempt == 1 and repeatable)
        try:
            answer = await loop.run_in_executor(POOL, asking.answer)
            break
        except (OSError, http.client.HTTPException) as err:
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

    def __init__(self, request, client, body, keeps):
        self.request, self.body, self.sent, self.keeps = request, body, False, keeps
        self.reused, self.connection = bool(keeps and self.KEPT), None
        envelope = {
            "secret": MIGRATION["secret"],
            "client": client[0] if client else "",
            "scheme": request.scheme,
            "headers": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers if name in CHANGED],
        }
        self.envelope = base64.urlsafe_b64encode(json.dumps(envelope).encode()).rstrip(b"=")

    def answer(self):
        if self.reused:
            try:
                self.connection = self.KEPT.pop()
            except IndexError:
                self.reused = False
        address = urllib.parse.urlsplit(MIGRATION["url"])
        if self.connection is None:
            self.connection = opened_connection(address)
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
        if self.body or request.get(b"content-length") is not None:
            out.putheader("Content-Length", str(len(self.body)))
        out.endheaders(self.body or None)
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
