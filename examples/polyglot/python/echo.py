"""Answers with what arrived. RAW_URI is the target as it was sent; PATH_INFO would be decoded."""

import base64
import json
import os


def app(environ, start_response):
    path, _, query = environ["RAW_URI"].partition("?")
    if path == "/healthz":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok\n"]
    echo = {
        "runtime": "python",
        "method": environ["REQUEST_METHOD"],
        "path": path,
        "query": query,
        "headers": dict(headers_of(environ)),
        "body": base64.b64encode(environ["wsgi.input"].read()).decode(),
        "env": {name: value for name, value in os.environ.items() if name.startswith("POLYGLOT_")},
    }
    cookies = [("Set-Cookie", "runtime=python; Path=/"), ("Set-Cookie", "seen=1; HttpOnly")]
    start_response("200 OK", [("Content-Type", "application/json"), *cookies])
    return [json.dumps(echo).encode()]


def headers_of(environ):
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").lower(), value
        elif name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            yield name.replace("_", "-").lower(), value
