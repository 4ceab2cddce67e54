"""An ASGI application. One of FastAPI, Starlette, Django or Quart stands in its place."""
import json
import os
from urllib.parse import parse_qs


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/healthz":
        return await answer(send, "text/plain", b"ok\n")
    name = parse_qs(scope["query_string"].decode()).get("name", ["world"])[0]
    message = f"{os.environ.get('GREETING', 'hello')}, {name}"
    await answer(send, "application/json", json.dumps({"message": message}).encode())


async def answer(send, kind, body):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]})
    await send({"type": "http.response.body", "body": body})
