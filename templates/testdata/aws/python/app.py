import base64
import json
import os
import time

TOKEN = os.environ.get("TOKEN", "")
print("importing")
if os.environ.get("BROKEN"):
    raise ValueError("broken on purpose")


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    out = {
        "token": TOKEN,
        "ip": environ["REMOTE_ADDR"],
        "scheme": environ["wsgi.url_scheme"],
        "host": environ["HTTP_HOST"],
        "path": environ["RAW_URI"].split("?")[0],
        "cookie": environ.get("HTTP_COOKIE", ""),
        "body": environ["wsgi.input"].read().decode(),
        "id": len(environ["HTTP_X_REQUEST_ID"]),
    }
    return [json.dumps(out).encode()]


def on_event(event, ctx):
    data = event.data
    if isinstance(data, bytes):
        data = {"base64": base64.b64encode(data).decode()}
    if ctx.platform == "aws":
        assert 0 < ctx.deadline - time.time() <= 30 and ctx.native.context.aws_request_id == ctx.request_id
    seen = {"event": {**event, "data": data}, "attempt": str(ctx.attempt or ""), "group": ctx.group or "", "attributes": ctx.attributes or {}}
    print("EVENT " + json.dumps(seen))
    if "fail" in json.dumps(data):
        raise ValueError("failed on purpose")
    return {"got": data} if event["type"] == "dev.ferry.invoke.v1" else None
