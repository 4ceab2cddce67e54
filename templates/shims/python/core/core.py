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
import site
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
site.addsitedir(ROOT)  # the .pth files of installed packages, as where they are installed
for _stream in (sys.stdout, sys.stderr):
    _stream.reconfigure(line_buffering=True, write_through=True)

POOL = concurrent.futures.ThreadPoolExecutor(max_workers=1024, thread_name_prefix="ferry")
MODULE_NAME, _, ATTRIBUTE = CONFIG["handler"].removesuffix("()").partition(":")
FACTORY = CONFIG["handler"].endswith("()")  # what the handler names makes the application


class Source:
    """The user's module, opened: serve answers an exchange, event takes a CloudEvent and its context, batch several
    messages at once, native what AWS Lambda hands over as it is. What the module has nothing for is None."""

    serve = event = batch = native = None
    google = False  # events are taken as Google sends them

    async def start(self):
        pass

    async def stop(self):
        pass


def user_module():
    """Imports the user's module. When that fails, Python prints the traceback and ends."""
    return importlib.import_module(MODULE_NAME)


def attribute_of(module, *defaults):
    """What the handler names in the module, or the first of the defaults that is there; None for nothing."""
    for name in [ATTRIBUTE] if ATTRIBUTE else defaults:
        value = module
        for step in name.split("."):
            value = getattr(value, step, None)
        if value is not None:
            return value
    return None


def checked(source):
    """The source, where it has what the manifest calls for; else the process ends."""
    if CONFIG["events"] and source.event is None:
        fault("the manifest binds events, but the module has no on_event", "define on_event(event, ctx) in it")
    return source


def azure_app():
    """The user's own FunctionApp, which Azure's worker takes as it is; None for all other styles."""
    return None


def fault(what, step):
    """Ends the start with what is wrong with the module, and the next step behind a semicolon."""
    sys.exit(f"ferry: {CONFIG['handler']}: {what}; {step}")


async def called(function, *args):
    """Calls a coroutine function on the loop and any other on a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(*args)
    result = await asyncio.get_running_loop().run_in_executor(POOL, function, *args)
    return await result if inspect.isawaitable(result) else result


def context(**fields):
    """What a handler of events learns of its call. A field that a target does not know is None."""
    unknown = dict.fromkeys(("request_id", "deadline", "attempt", "attributes", "group", "raw_body", "native"))
    return types.SimpleNamespace(**{**unknown, **fields})
