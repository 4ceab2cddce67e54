"""Serves the app as Azure's host does, by Azure's own library: what ferry has no part in."""
import asyncio
import inspect
import os
import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func

from function_app import app


def routes():
    for function in app.get_functions():
        trigger = function.get_trigger().get_dict_repr()
        pattern = "^/api/" + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", trigger["route"]) + "$"
        methods = [str(getattr(m, "value", m)).upper() for m in trigger.get("methods") or ["GET", "POST"]]
        yield re.compile(pattern), methods, function.get_user_function()


ROUTES = list(routes())


class Handler(BaseHTTPRequestHandler):
    def respond(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        for pattern, methods, function in ROUTES:
            params = pattern.match(url.path)
            if params and self.command in methods:
                break
        else:
            return self.send([], 404, b"")
        req = func.HttpRequest(
            method=self.command, url=self.path, headers=dict(self.headers), params=dict(parse_qsl(url.query)), route_params=params.groupdict(), body=body
        )
        answer = function(req)
        if inspect.isawaitable(answer):
            answer = asyncio.run(answer)
        headers = [*answer.headers.items()]
        if not answer.headers.get("content-type"):
            headers.append(("content-type", f"{answer.mimetype}; charset={answer.charset}" if answer.mimetype.startswith("text/") else answer.mimetype))
        self.send(headers, answer.status_code, answer.get_body())

    do_GET = do_POST = do_DELETE = respond

    def send(self, headers, status, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
