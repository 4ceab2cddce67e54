# HTTP as Lambda carries it: events and results of payload format 2.0 (function URLs and HTTP APIs).
HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
TEXT = re.compile(r"(text/|application/(json|javascript|xml|x-www-form-urlencoded)\b|[^;]*\+(json|xml)\b)", re.IGNORECASE)
BODILESS = (101, 204, 205, 304)


def percent(match):
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def encoded_path(event):
    """The path with what it cannot hold as it is escaped. A function URL sends paths as they arrived, an HTTP API
    decodes them: this is right for both without knowing which it was."""
    path, stage = event.get("rawPath") or "/", event["requestContext"].get("stage", "$default")
    if stage != "$default" and (path + "/").startswith(f"/{stage}/"):
        path = path[len(stage) + 1 :]
    path = re.sub(r"%(?![0-9A-Fa-f]{2})|[^!$-;=@-\[\]_a-z~]+", percent, path)
    return path if path.startswith("/") else "/" + path


def header_bytes(value):
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def request_of(event, context):
    """The event's request and its body."""
    body = event.get("body") or ""
    body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    headers = {"host": b"localhost", "x-request-id": context.aws_request_id.encode()}
    for name, value in (event.get("headers") or {}).items():
        if name.lower() not in HOP and name.lower() != "expect":
            headers[name.lower()] = header_bytes(value)
    if event.get("cookies"):
        headers["cookie"] = header_bytes("; ".join(event["cookies"]))
    if body or "content-length" in headers:
        headers["content-length"] = b"%d" % len(body)
    target, query = encoded_path(event), re.sub(r"[^!-~]+", percent, event.get("rawQueryString") or "")
    if query:
        target += "?" + query
    scheme = "http" if headers.get("x-forwarded-proto") == b"http" else "https"
    pairs = [(name.encode("latin-1", "replace"), value) for name, value in headers.items()]
    return Request(event["requestContext"]["http"]["method"], target.encode(), b"HTTP/1.1", pairs, scheme), body


class Buffered(Exchange):
    """An exchange whose response is collected for a result."""

    def __init__(self, request, body, client):
        super().__init__(request, client, asyncio.Event())
        self.body, self.read_all, self.pieces = body, not body, []

    async def read(self):
        body, self.body, self.read_all = self.body, b"", True
        return body

    def begin(self, status, headers, known):
        self.status, self.headers = status, headers

    def write(self, body):
        self.pieces.append(body)

    def end(self):
        pass

    async def drain(self):
        pass

    def result(self):
        """The result. A body goes as text only when it is text that comes out again as the same bytes."""
        headers, cookies, body = {}, [], b"".join(self.pieces)
        for name, value in ((k.decode("latin-1"), v.decode("latin-1")) for k, v in self.headers):
            if name == "set-cookie":
                cookies.append(value)
            elif name not in HOP and name != "content-length":
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if self.status in BODILESS or self.request.method == "HEAD":
            body, encoded = "", False
        else:
            body, encoded = as_text(headers, body)
        return {"statusCode": self.status, "headers": headers, "cookies": cookies, "body": body, "isBase64Encoded": encoded}


def as_text(headers, body):
    if TEXT.match(headers.get("content-type", "")) and not headers.get("content-encoding"):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
