"""A stand-in for the Python worker of Azure Functions: it imports function_app as the worker does, asks the app of the real
azure.functions for its functions, and hands invocations, which come as JSON over HTTP, to them through its converters.

Source of the interface: Azure/azure-functions-python-worker, azure_functions_worker/loader.py and bindings/meta.py."""
import asyncio
import base64
import inspect
import json
import logging
import os
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, root = int(sys.argv[1]), sys.argv[2]
sys.path[0] = root
packages = os.path.join(root, ".python_packages", "lib", "site-packages")
if os.path.isdir(packages):
    sys.path.insert(0, packages)
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)

functions, failure = {}, ""
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


def start():
    import importlib

    import azure.functions as func

    module = importlib.import_module("function_app")
    apps = [v for v in vars(module).values() if isinstance(v, func.decorators.function_app.FunctionRegister)]
    if not apps:
        return
    if len(apps) > 1:
        raise ValueError("More than one FunctionApp or other top level function app instances are defined.")
    for f in apps[0].get_functions():
        if f.get_function_name() in functions:
            raise ValueError(f"Function {f.get_function_name()} does not have a unique function name.")
        functions[f.get_function_name()] = f


def describe(f):
    bindings = json.loads(f.get_function_json())["bindings"]
    return {"name": f.get_function_name(), "language": "python", "bindings": bindings}


class Context:
    def __init__(self, call, name):
        self.invocation_id, self.function_name = call["id"], name
        self.function_directory, self.trace_context, self.retry_context = root, None, None
        self.thread_local_storage = threading.local()


def decode(kind, call):
    from azure.functions import meta

    data = call["data"]
    if "http" in data:
        h = data["http"]
        value = {
            "method": meta.Datum(h["method"], "string"), "url": meta.Datum(h["url"], "string"),
            "headers": {k: meta.Datum(v, "string") for k, v in h["headers"].items()},
            "query": {k: meta.Datum(v, "string") for k, v in h["query"].items()},
            "params": {k: meta.Datum(v, "string") for k, v in h["params"].items()},
            "body": meta.Datum(base64.b64decode(h.get("body") or ""), "bytes"),
        }
        datum = meta.Datum(value, "http")
    elif "json" in data:
        datum = meta.Datum(data["json"], "json")
    elif "bytes" in data:
        datum = meta.Datum(base64.b64decode(data["bytes"]), "bytes")
    else:
        datum = meta.Datum(data.get("string", ""), "string")
    extra = {k: meta.Datum(v.get("json", v.get("string")), "json" if "json" in v else "string") for k, v in (call.get("metadata") or {}).items()}
    converter = meta.get_binding_registry().get(kind)
    return converter.decode(datum, trigger_metadata=extra)


def encode(result):
    from azure.functions import meta

    if result is None:
        return None
    d = meta.get_binding_registry().get("http").encode(result, expected_type=None)
    if d.type == "string":
        return {"http": {"statusCode": "200", "headers": {"content-type": "text/plain; charset=utf-8"}, "body": base64.b64encode(d.value.encode()).decode()}}
    v = d.value
    cookies = []
    for jar in v["cookies"] or []:
        for name, morsel in jar.items():
            cookies.append({"name": name, "value": morsel.value, **{k: morsel[k] for k in morsel if morsel[k]}})
    return {"http": {
        "statusCode": v["status_code"].value, "headers": {k: h.value for k, h in v["headers"].items()}, "pythonCookies": cookies,
        "body": base64.b64encode(v["body"].value).decode(),
    }}


def invoke(name, call):
    f = functions[name]
    user = f.get_user_function()
    arguments = {call["name"]: decode(f.get_trigger().type, call)}
    if "context" in inspect.signature(user).parameters:
        arguments["context"] = Context(call, name)
    result = user(**arguments)
    if inspect.isawaitable(result):
        async def wait():
            return await result
        result = asyncio.run_coroutine_threadsafe(wait(), loop).result()
    if f.get_trigger().type == "httpTrigger":
        return {"returnValue": encode(result), "outputs": {}}
    return {"returnValue": None, "outputs": {}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.say({"error": failure} if failure else {"functions": [describe(f) for f in functions.values()]})

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            self.say(invoke(self.path[len("/invoke/"):], call))
        except Exception as error:
            traceback.print_exc()
            sys.stderr.flush()
            self.say({"error": f"{type(error).__name__}: {error}"})


try:
    start()
except BaseException as error:
    traceback.print_exc()
    failure = f"{type(error).__name__}: {error}"
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
