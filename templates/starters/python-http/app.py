import json
import os
from urllib.parse import parse_qs


def app(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        return respond(start_response, "text/plain", "ok\n")
    name = parse_qs(environ["QUERY_STRING"]).get("name", ["world"])[0]
    message = f"{os.environ.get('GREETING', 'hello')}, {name}"
    return respond(start_response, "application/json", json.dumps({"message": message}))


def respond(start_response, content_type, text):
    start_response("200 OK", [("Content-Type", content_type)])
    return [text.encode()]
