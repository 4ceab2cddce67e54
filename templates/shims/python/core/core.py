# What every Python shim shares: the user's module and what it takes to open it. A shim is the files of its cells one
# after the other: the secrets of its target, core, its source, its carriers, its target.
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
POOL = concurrent.futures.ThreadPoolExecutor(max_workers=1024, thread_name_prefix="ferry")


def application():
    """The Application that the source makes of the user's callable, None where the function has no http event. What the
    manifest calls for and the module does not have ends the process."""
    if CONFIG["events"] and ON_EVENT is None:
        fault("the manifest binds events, but the module has no on_event", "define on_event(event, ctx) in it")
    if CONFIG["http"] is None:
        return None
    app = MODULE
    for name in (_ATTRIBUTE or "app").split("."):
        app = getattr(app, name, None)
    if not callable(app):
        fault(
            f"the module has no {Application.interface} callable of that name",
            "name it in handler as module:name, such as app:app for the name app in app.py",
        )
    return Application(app)


def event_function():
    """What stands beside an application for events, or None."""
    return getattr(MODULE, "on_event", None)


def fault(what, step):
    """Ends the start with what is wrong with the module, and the next step behind a semicolon."""
    sys.exit(f"ferry: {CONFIG['handler']}: {what}; {step}")


def is_asynchronous(app):
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None))


async def called(function, *args):
    """Calls a coroutine function on the loop and any other on a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    result = await asyncio.get_running_loop().run_in_executor(POOL, function, *args)
    return await result if inspect.isawaitable(result) else result
