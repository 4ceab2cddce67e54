# What a callable is made for: one of another style never goes live.
WORDS = {
    "wsgi": "a WSGI application",
    "asgi": "an ASGI application",
    "lambda": "a handler(event, context) as for AWS Lambda",
    "gcf-http": "a function of the request as for Google Cloud Functions",
    "gcf-event": "a function of a CloudEvent as for Google Cloud Functions",
    "azure": "a FunctionApp as for Azure Functions",
}
ARGUMENTS = {"wsgi": 2, "asgi": 3, "lambda": 2, "gcf-http": 1, "gcf-event": 1}
INFINITE = 1 << 16
EXAMPLES = {
    "wsgi": "give an application, such as app = Flask(__name__)",
    "asgi": "give an application, such as app = FastAPI()",
    "lambda": "define handler(event, context)",
    "gcf-http": "define a function of the request alone",
    "gcf-event": "define a function of the CloudEvent alone",
}

# Their applications are served by themselves alone.
SERVERS = ("aiohttp", "tornado", "streamlit", "gradio")
SERVED = "start it in a program that listens on $PORT, and write that file as handler with `style: server`"


def wanted(module, style, *defaults):
    """What the handler names in the module, or else the first of the defaults, where it is of the style. What is not ends
    the process with the line of ferry.yaml that makes it fit."""
    value = attribute_of(module, *defaults)
    if FACTORY:
        value = made(value)
    elif style in ("wsgi", "asgi") and is_factory(value):
        fault(f"a function that can be called without arguments is not {WORDS[style]}", f"{EXAMPLES[style]}, or write `handler: {CONFIG['handler']}()` in ferry.yaml if it makes one")
    found = style_of(value)
    if server_of(value) and found not in ("wsgi", "asgi"):
        fault(f"it is made with {server_of(value)}, which serves it by itself", SERVED)
    if style == "azure" and found in (None, style) and not is_azure_app(value) or found is None and not callable(value):
        fault(f"the module has no {WORDS[style].split(' ', 1)[1]} of that name", offered(module, style))
    if style == "gcf-event" and is_background(value):
        return value
    if found not in (None, style):
        fault(f"it is {WORDS[found]}", f"{'add' if style == 'wsgi' else 'write'} `style: {found}` to the function in ferry.yaml")
    if style in ARGUMENTS and not takes(value, ARGUMENTS[style]) or style == "wsgi" and is_asynchronous(value):
        kind = "coroutine function" if is_asynchronous(value) else "function"
        fault(f"a {kind} of {', '.join(parameters(value)[0]) or 'nothing'} is not {WORDS[style]}", EXAMPLES[style])
    return value


def server_of(value):
    """Which of SERVERS a value is made with, or a module belongs to; "" is none."""
    name = value.__name__ if isinstance(value, types.ModuleType) else type(value).__module__
    return name.partition(".")[0] if name.partition(".")[0] in SERVERS else ""


def is_background(value):
    """Whether a function takes an event and its context, as Google's first generation calls it."""
    if not inspect.isfunction(value) or not takes(value, 2) or value.__name__ == "lambda_handler":
        return False
    return style_of(value) == "lambda" or style_of(value) is None and not takes(value, 1)


def is_factory(value):
    """Whether a value may make an application: nobody gives an application's own arguments defaults, or none."""
    _, needed, most = parameters(value)
    return inspect.isfunction(value) and needed == 0 and most < INFINITE


def made(factory):
    """What the factory that the handler names makes."""
    if not callable(factory):
        fault("the module has no function of that name", "write `handler: module:name()` with the name of one that makes the application")
    if not takes(factory, 0):
        fault(f"it needs {', '.join(parameters(factory)[0])}, and is called without arguments", "give its arguments defaults, or call it in a module whose name for the application handler names")
    return factory()


def event_function(module):
    """on_event of a module, or None."""
    function = getattr(module, "on_event", None)
    if function is not None and not (callable(function) and takes(function, 2)):
        fault("its on_event does not take an event and a context", "define on_event(event, ctx)")
    return function


def parameters(value):
    """The names of the arguments that a callable takes by position, how many it needs and how many it takes at most. A
    decorator may hide those of another one, and what it does with them nobody knows."""
    try:
        signature = inspect.signature(value, follow_wrapped=False)
    except (TypeError, ValueError):
        return [], 0, INFINITE
    places = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in places)
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in signature.parameters.values()):
        return [p.name for p in places], INFINITE, INFINITE
    most = INFINITE if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()) else len(places)
    return [p.name for p in places], needed, most


def takes(value, count):
    _, needed, most = parameters(value)
    return needed <= count <= most


def is_asynchronous(value):
    return inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(type(value), "__call__", None))


def is_azure(value):
    return any(kind.__module__.startswith("azure.functions") for kind in type(value).__mro__)


def is_azure_app(value):
    return is_azure(value) and hasattr(value, "get_functions")


def style_of(value):
    """The style that a value is made for, None where that cannot be told."""
    if is_azure(value):
        return "azure"
    if not callable(value):
        return None
    registered = style_registered(value)
    if registered:
        return registered
    if is_asynchronous(value) and takes(value, 3):
        return "asgi"
    if hasattr(value, "wsgi_app"):
        return "wsgi"
    names, hidden = parameters(value)[0], parameters(getattr(value, "__wrapped__", None))[0]
    if not names and hidden[:2] == ["event", "context"]:  # which nobody gives a WSGI interface
        return "lambda"
    return style_named(value, [name.lstrip("_") for name in names])


def style_registered(value):
    """The style of what the functions-framework has decorated: a decorated function shows no names of its own."""
    registry = sys.modules.get("functions_framework._function_registry")
    if registry is None or not getattr(value, "__globals__", {}).get("__name__", "").startswith("functions_framework"):
        return None
    return "gcf-event" if registry.REGISTRY_MAP.get(value.__name__) == "cloudevent" else "gcf-http"


def style_named(value, names):
    """The style that the names of arguments tell."""
    first, second = (*names, "", "")[:2]
    if first == "scope" and takes(value, 3):
        return "asgi"
    if takes(value, 2) and (first == "event" and second or second in ("context", "ctx") or getattr(value, "__name__", "") == "lambda_handler"):
        return "lambda"
    if takes(value, 1) and first in ("request", "req"):
        return "gcf-http"
    if takes(value, 1) and not takes(value, 2) and first in ("cloud_event", "cloudevent", "event"):
        return "gcf-event"
    return None


def told(module, value):
    """The style of something that a module has made, None where it is not its own or tells none."""
    try:
        imported = inspect.isclass(value) or inspect.isfunction(value) and value.__module__ != module.__name__
        made_for = None if imported or server_of(value) else style_of(value)
    except Exception:  # a proxy of what there is only within a request
        return None
    return None if made_for == "azure" and not is_azure_app(value) else made_for


def offered(module, style):
    """The line of ferry.yaml that names something else of the module: what is of the style before anything else."""
    found = {}
    for name, value in vars(module).items():
        if not name.startswith("_") and name != "on_event":
            found.setdefault(told(module, value), name)
    found.pop(None, None)
    if style in found:
        return f"write `handler: {MODULE_NAME}:{found[style]}` in ferry.yaml"
    for other, name in found.items():
        return f"{name} is {WORDS[other]}: write `handler: {MODULE_NAME}:{name}` and `style: {other}` in ferry.yaml"
    for server in filter(None, (server_of(value) for value in vars(module).values() if isinstance(value, types.ModuleType))):
        return f"what is written for {server} is served by {server} itself: {SERVED}"
    for name in ("create_app", "make_app"):  # as Flask looks for them
        if style in ("wsgi", "asgi") and is_factory(getattr(module, name, None)):
            return f"write `handler: {MODULE_NAME}:{name}()` in ferry.yaml if {name} makes one"
    return "name it in handler as module:name, such as app:app for the name app in app.py"
