"""Stands in for Azure's host and its worker: reads the functions of an app and calls them with what Azure's own library
makes of requests and of the data of triggers."""
import asyncio
import http.server
import inspect
import json
import os
import sys
import uuid

from azure.functions import Context
from azure.functions.meta import Datum, get_binding_registry

sys.path.insert(0, os.getcwd())
import ferry_entry  # noqa: E402

FUNCTIONS = {f.get_function_name(): f for f in ferry_entry.app.get_functions()}


class Given(Context):
    invocation_id = str(uuid.uuid4())
    thread_local_storage = trace_context = retry_context = None
    function_name = function_directory = ""


def call(name, kind, datum, metadata):
    function = FUNCTIONS[name]
    trigger = function.get_trigger()
    assert trigger.type == kind, trigger.type
    arguments = {trigger.name: get_binding_registry().get(kind).decode(datum, trigger_metadata=metadata)}
    if "context" in inspect.signature(function.get_user_function()).parameters:
        arguments["context"] = Given()
    result = function.get_user_function()(**arguments)
    return asyncio.run(result) if inspect.isawaitable(result) else result


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if not (self.headers.get("content-length") or "0").isdigit():
            return self.send_error(400)  # as its front end does
        body = self.read_body()
        target = self.requestline.split(" ")[1]
        try:
            if target.startswith("/.host/"):
                asked = json.loads(body)
                metadata = {name: Datum(json.dumps(value), "json") for name, value in asked.get("metadata", {}).items()}
                call(target[7:], asked["kind"], Datum(asked["data"], asked["type"]), metadata)
                status, headers, body = "204", [], b""
            else:
                status, headers, body = self.request_of(target, body)
        except Exception as err:
            print("FAILED", repr(err), flush=True)
            status, headers, body = "500", [], b""
        self.send_response(int(status))
        for name, value in headers:
            self.send_header(name, value.encode().decode("latin-1"))
        if status not in ("204", "304"):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in ("204", "304"):
            self.wfile.write(body)

    def read_body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def request_of(self, target, body):
        headers = {}
        for name, value in self.headers.items():
            name = name.lower()
            headers[name] = headers[name] + "," + value if name in headers else value
        text = {name: Datum(value.encode("latin-1").decode("utf-8", "replace"), "string") for name, value in headers.items()}
        url = f"http://{headers.get('host', 'localhost')}{target}"
        value = {"method": Datum(self.command, "string"), "url": Datum(url, "string"), "headers": text, "query": {}, "params": {}, "body": Datum(body, "bytes")}
        result = call("http", "httpTrigger", Datum(value, "http"), {})
        out = get_binding_registry().get("http").encode(result, expected_type=None).value
        headers = [(name, datum.value) for name, datum in out["headers"].items()]
        for cookie in out["cookies"] or []:
            headers.extend(("Set-Cookie", morsel.OutputString()) for morsel in cookie.values())
        return out["status_code"].value, headers, out["body"].value

    do_TRACE = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do_PATCH = do_GET

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
