# What a callable is made for: one of another style never goes live.


def wanted(module, interface, judge):
    """The application that the handler names, where the judge of the interface has nothing against it."""
    app = attribute_of(module, "app")
    if not callable(app):
        fault(
            f"the module has no {interface} callable of that name",
            "name it in handler as module:name, such as app:app for the name app in app.py",
        )
    judge(app)
    return app


def is_asynchronous(app):
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None))


def is_asgi(app):
    if not is_asynchronous(app) and hasattr(app, "wsgi_app"):
        fault("it is a WSGI application", "write `style: wsgi` for the function in ferry.yaml")


def is_wsgi(app):
    if is_asynchronous(app):
        fault("it is an ASGI application", "add `style: asgi` to the function in ferry.yaml")
    if not inspect.isfunction(app) or app.__code__.co_flags & inspect.CO_VARARGS:
        return
    names = app.__code__.co_varnames[: app.__code__.co_argcount]  # its own: a decorator may hide those of another one
    if names[:2] == ("event", "context"):
        fault(
            "it is a handler(event, context) as for AWS Lambda, which ferry does not call yet",
            "give a WSGI or ASGI application for HTTP, and on_event(event, ctx) beside it for events",
        )
    if len(names) == 1:
        fault(f"a function of {names[0]} alone is no WSGI application", "give an application, such as app = Flask(__name__)")
