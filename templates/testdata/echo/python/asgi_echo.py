import asyncio
import base64
import json

from answer import asked

starts = 0
released = None
PLAIN = {
    b"/special/status": (418, b"short and stout", []),
    b"/special/cookies": (200, b"ok", [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2, 3")]),
    b"/special/multi": (200, b"ok", [(b"x-multi", b"a"), (b"x-multi", b"b")]),
    b"/special/binary": (200, bytes(range(256)), [(b"content-type", b"application/octet-stream")]),
    b"/special/large": (200, b"x" * (5 << 20), []),
    b"/special/empty": (204, b"", []),
    b"/special/unmodified": (304, b"", [(b"etag", b'"v1"')]),
    b"/special/release": (200, b"released", []),
    b"/special/slow": (200, b"slow but whole", []),
}


async def app(scope, receive, send):
    global released
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    path = scope["raw_path"]
    assert scope["state"]["started"] == 1

    async def start(status, headers=()):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def write(body, more=False):
        await send({"type": "http.response.body", "body": body, "more_body": more})

    wanted = asked(dict(scope["headers"]).get(b"x-answer", b"").decode())
    if wanted:
        if wanted["fail"] == "before":
            raise ValueError("thrown on purpose")
        await start(wanted["status"], [(name.encode("latin-1"), value.encode("latin-1")) for name, value in wanted["headers"]])
        for at, piece in enumerate(wanted["pieces"]):
            await asyncio.sleep(0.02 if at else 0)
            await write(piece, wanted["fail"] == "during" or at + 1 < len(wanted["pieces"]))
        if wanted["fail"] == "during":
            await asyncio.sleep(0.02)
        if not wanted["pieces"]:
            await write(b"")
        if wanted["fail"]:
            raise ValueError("thrown on purpose")
        return None
    if path == b"/special/release":
        released.set()
    if path == b"/special/slow":
        print("slow")
        await asyncio.sleep(0.4)
    if path in PLAIN:
        status, body, headers = PLAIN[path]
        await start(status, headers)
        return await write(body)
    if path == b"/special/throw":
        raise ValueError("thrown on purpose")
    if path == b"/special/stream":
        released = asyncio.Event()
        await start(200)
        await write(b"one\n", True)
        await released.wait()
        return await write(b"two\n")
    if path == b"/special/throw-late":
        await start(200)
        await write(b"one\n", True)
        raise ValueError("thrown on purpose")
    if path == b"/special/hang":
        print("hanging")
        while (await receive())["type"] != "http.disconnect":
            pass
        print("aborted")
        return None
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    headers = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
    out = {"method": scope["method"], "path": path.decode("latin-1"), "query": scope["query_string"].decode("latin-1")}
    out.update(headers=headers, body=base64.b64encode(body).decode())
    await start(200, [(b"content-type", b"application/json")])
    await write(json.dumps(out).encode())


async def lifespan(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    scope["state"]["started"] = scope["state"].get("started", 0) + 1
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    print("background done")
    await send({"type": "lifespan.shutdown.complete"})


async def on_event(event, ctx):
    data = json.dumps(event["data"], separators=(",", ":"))
    print(f"event {event['type']} {event['id']} {data} attempt {ctx.attempt}")
    if event["data"].get("fail"):
        raise ValueError("failed on purpose")
