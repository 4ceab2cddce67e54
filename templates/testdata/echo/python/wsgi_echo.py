import base64
import json
import threading
import time

from answer import asked

released = threading.Event()


def app(environ, start_response):
    path, _, query = environ["RAW_URI"].partition("?")

    wanted = asked(environ.get("HTTP_X_ANSWER", ""))
    if wanted:
        if wanted["fail"] == "before":
            raise ValueError("thrown on purpose")
        start_response(f"{wanted['status']} Asked", [(name, value) for name, value in wanted["headers"]])
        return Pieces(wanted)

    def plain(status, body, *headers):
        start_response(status, list(headers))
        return [body]

    if path == "/special/status":
        return plain("418 I'm a teapot", b"short and stout")
    if path == "/special/cookies":
        return plain("200 OK", b"ok", ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2, 3"))
    if path == "/special/multi":
        return plain("200 OK", b"ok", ("X-Multi", "a"), ("X-Multi", "b"))
    if path == "/special/binary":
        return plain("200 OK", bytes(range(256)), ("Content-Type", "application/octet-stream"))
    if path == "/special/large":
        return plain("200 OK", b"x" * (5 << 20))
    if path == "/special/empty":
        return plain("204 No Content", b"")
    if path == "/special/unmodified":
        return plain("304 Not Modified", b"", ("ETag", '"v1"'))
    if path == "/special/throw":
        raise ValueError("thrown on purpose")
    if path == "/special/release":
        released.set()
        return plain("200 OK", b"released")
    if path == "/special/slow":
        print("slow")
        time.sleep(0.4)
        return plain("200 OK", b"slow but whole")
    if path in STREAMS:
        start_response("200 OK", [])
        return STREAMS[path]()
    headers = {"content-type": [environ.get("CONTENT_TYPE", "")]}
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            headers[key[5:].lower().replace("_", "-")] = [value]
    body = base64.b64encode(environ["wsgi.input"].read()).decode()
    start_response("200 OK", [("Content-Type", "application/json")])
    out = {"method": environ["REQUEST_METHOD"], "path": path, "query": environ["QUERY_STRING"]}
    return [json.dumps({**out, "headers": headers, "body": body}).encode()]


class Pieces:
    def __init__(self, wanted):
        self.pieces, self.fail = list(wanted["pieces"]), wanted["fail"]

    def __len__(self):
        return 2 if self.fail == "during" else len(self.pieces)

    def __iter__(self):
        for at, piece in enumerate(self.pieces):
            time.sleep(0.02 if at else 0)
            yield piece
        if self.fail == "during":
            time.sleep(0.02)
            raise ValueError("thrown on purpose")

    def close(self):
        if self.fail == "end":
            raise ValueError("thrown on purpose")


def stream():
    released.clear()
    yield b"one\n"
    released.wait(10)
    yield b"two\n"


def throw_late():
    yield b"one\n"
    raise ValueError("thrown on purpose")


def hang():
    try:
        print("hanging")
        while True:
            yield b"x"
            time.sleep(0.01)
    finally:
        print("aborted")


STREAMS = {"/special/stream": stream, "/special/throw-late": throw_late, "/special/hang": hang}


def on_event(event, ctx):
    data = json.dumps(event.data, separators=(",", ":"))
    print(f"event {event['type']} {event['id']} {data} attempt {ctx.attempt}")
    if event.data.get("fail"):
        raise ValueError("failed on purpose")
