# What every Python shim shares: the user's handler, routing, CORS and events. A shim is this file, the
# parts that its target calls for, and its target's entry.
# It needs Python 3.9 and nothing but the standard library.
import asyncio
import base64
import concurrent.futures
import importlib
import inspect
import json
import os
import re
import sys
import time
import traceback
import types
import urllib.parse

ROOT = os.path.dirname(os.path.abspath(__file__))
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LIMIT = 64 * 1024  # bytes of a request's head, and of one read of a body

with open(os.path.join(ROOT, "ferry_config.json"), encoding="utf-8") as _file:
    CONFIG = json.load(_file)

if not sys.path or sys.path[0] != ROOT:
    sys.path.insert(0, ROOT)
for _stream in (sys.stdout, sys.stderr):
    _stream.reconfigure(line_buffering=True, write_through=True)

# The user's module comes first: when its import fails, Python prints the traceback and ends.
_MODULE, _, _ATTRIBUTE = CONFIG["handler"].partition(":")
MODULE = importlib.import_module(_MODULE)
ON_EVENT = getattr(MODULE, "on_event", None)
POOL = concurrent.futures.ThreadPoolExecutor(max_workers=1024, thread_name_prefix="ferry")


def application():
    """The WSGI or ASGI application, None where the function has no http event. What the manifest calls for and the
    module does not have ends the process."""
    if CONFIG["events"] and ON_EVENT is None:
        fault("the manifest binds events, but the module has no on_event", "define on_event(event, ctx) in it")
    if CONFIG["http"] is None:
        return None
    app = MODULE
    for name in (_ATTRIBUTE or "app").split("."):
        app = getattr(app, name, None)
    if not callable(app):
        fault(
            f"the module has no {CONFIG['style'].upper()} callable of that name",
            "name it in handler as module:name, such as app:app for the name app in app.py",
        )
    refuse_other_styles(app)
    return app


def fault(what, step):
    """Ends the start with what is wrong with the module, and the next step behind a semicolon."""
    sys.exit(f"ferry: {CONFIG['handler']}: {what}; {step}")


def refuse_other_styles(app):
    """Ends the process where the callable is plainly not of the function's style."""
    style = CONFIG["style"]
    asynchronous = inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None))
    if style == "wsgi" and asynchronous:
        fault("it is an ASGI application", "add `style: asgi` to the function in ferry.yaml")
    if style == "asgi" and not asynchronous and hasattr(app, "wsgi_app"):
        fault("it is a WSGI application", "write `style: wsgi` for the function in ferry.yaml")
    if style != "wsgi" or not inspect.isfunction(app) or app.__code__.co_flags & inspect.CO_VARARGS:
        return
    names = app.__code__.co_varnames[: app.__code__.co_argcount]  # its own: a decorator may hide those of another one
    if names[:2] == ("event", "context"):
        fault(
            "it is a handler(event, context) as for AWS Lambda, which ferry does not call yet",
            "give a WSGI or ASGI application for HTTP, and on_event(event, ctx) beside it for events",
        )
    if len(names) == 1:
        fault(f"a function of {names[0]} alone is no WSGI application", "give an application, such as app = Flask(__name__)")


def answer_of(request):
    """The (status, text, headers) that the manifest gives in the handler's place, or None."""
    rule, path, method = CONFIG["http"], request.path.decode("latin-1"), request.method
    if rule is None:
        return 404, "not found: this function has no http event\n", []
    if path == CONFIG["health"] and method in ("GET", "HEAD"):
        return None
    if not re.search(rule["path"], path):
        return 404, "not found\n", []
    asked = request.get(b"access-control-request-method")
    if rule["cors"] and method == "OPTIONS" and asked and request.get(b"origin"):
        return 204, "", preflight(request, rule["cors"], asked)
    if not rule["methods"] or method in rule["methods"]:
        return None
    return 405, "method not allowed\n", [(b"allow", ", ".join(rule["methods"]).encode())]


def allows(cors, origin):
    return bool(origin) and (cors["any"] or origin in cors["origins"])


def preflight(request, cors, asked):
    if not allows(cors, request.get(b"origin")):
        return []
    headers = [(b"access-control-allow-methods", (cors["methods"] or asked).encode("latin-1"))]
    wanted = cors["headers"] or request.get(b"access-control-request-headers")
    if wanted:
        headers.append((b"access-control-allow-headers", wanted.encode("latin-1")))
    if cors["maxAge"] > 0:
        headers.append((b"access-control-max-age", b"%d" % cors["maxAge"]))
    return headers


def with_cors(request, headers):
    """The response's headers and those of the policy that the handler did not set itself."""
    cors = CONFIG["http"] and CONFIG["http"]["cors"]
    if not cors:
        return headers
    anyone, origin = cors["any"] and not cors["credentials"], request.get(b"origin")
    more = [] if anyone else [(b"vary", b"Origin")]
    if allows(cors, origin):
        more.append((b"access-control-allow-origin", b"*" if anyone else origin.encode("latin-1")))
        if cors["credentials"]:
            more.append((b"access-control-allow-credentials", b"true"))
    own = {k for k, _ in headers}
    return headers + [(k, v) for k, v in more if k == b"vary" or k not in own]


class CloudEvent(dict):
    """The event's attributes and data by name; data is an attribute too."""

    @property
    def data(self):
        return self.get("data")


def cloud_event(request, body):
    """Reads a CloudEvent in binary or structured mode. Data follows the content type: JSON is parsed,
    text is a str, anything else stays bytes."""
    kind = request.get(b"content-type") or ""
    if kind.startswith("application/cloudevents+json"):
        return structured(json.loads(body))
    event = CloudEvent()
    for name, value in request.headers:
        if name.startswith(b"ce-"):
            event[name[3:].decode()] = urllib.parse.unquote(value.decode("latin-1"))
    if not event.get("id") or not event.get("type"):
        raise ValueError("the CloudEvent has no ce-id or no ce-type")
    if kind:
        event["datacontenttype"] = kind
    if body:
        event["data"] = data_of(kind, body)
    return event


def structured(fields):
    event = CloudEvent(fields)
    if "data_base64" in event:
        event["data"] = base64.b64decode(event.pop("data_base64"))
    return event


def data_of(kind, body):
    media = kind.split(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        return json.loads(body)
    return body.decode() if media.startswith("text/") else body


async def serve_event(exchange, context):
    """Delivers an event; context makes the handler's ctx from the raw body."""
    if ON_EVENT is None:
        return await exchange.answer_json(501, {"error": f"{CONFIG['handler']}: the module has no on_event"})
    body = await exchange.read_everything()
    try:
        event = cloud_event(exchange.request, body)
    except ValueError as err:
        return await exchange.answer_json(400, {"error": str(err)})
    try:
        result = await called(ON_EVENT, event, context(body))
        text = "" if result is None else json.dumps(result)
    except Exception as err:
        traceback.print_exc()
        return await exchange.answer_json(500, {"error": traceback.format_exception_only(type(err), err)[-1].strip()})
    await exchange.answer(200 if text else 204, text, kind=b"application/json")


async def called(function, *args):
    """Calls a coroutine function on the loop and any other on a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    result = await asyncio.get_running_loop().run_in_executor(POOL, function, *args)
    return await result if inspect.isawaitable(result) else result


async def serve_http(app, exchange, state):
    answer = answer_of(exchange.request)
    if answer:
        return await exchange.answer(*answer)
    if CONFIG["style"] == "asgi":
        await app(scope_of(exchange, state), exchange.receive, exchange.send)
    else:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(POOL, run_wsgi, app, exchange, loop)
    if not exchange.over.is_set() and not exchange.gone.is_set():
        raise RuntimeError("the application returned without a complete response")
