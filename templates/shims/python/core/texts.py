# Bytes as JSON holds them: what the events of clouds are made of.
TEXT = re.compile(r"(text/|application/(json|javascript|xml|x-www-form-urlencoded)\b|[^;]*\+(json|xml)\b)", re.IGNORECASE)


def bytes_of(text):
    """The bytes of a header that is held as text."""
    return text.encode("utf-8", "replace")


def text_of(value):
    """The text that holds a header's bytes. Bytes that are no UTF-8 cannot be had: what they mean in Latin-1 can."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def as_text(headers, body):
    """A body as text, and whether that is base64: it is text only where that comes out again as the same bytes."""
    headers = dict(headers)
    if not body:
        return "", False
    if TEXT.match(text_of(headers.get(b"content-type", b""))) and not headers.get(b"content-encoding"):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
