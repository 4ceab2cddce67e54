# What Google's own functions-framework is for: it calls functions that are written for it.


def framework_app(style, kind):
    """The application that the framework makes of the user's function, of WSGI, or of ASGI for one of functions_framework.aio, and
    that function.
    The framework executes the module itself, for some of its decorators need that."""
    import functions_framework
    from functions_framework.exceptions import FunctionsFrameworkException

    file = os.path.join(ROOT, *MODULE_NAME.split("."))
    file = file + ".py" if os.path.exists(file + ".py") else os.path.join(file, "__init__.py")
    name = os.path.splitext(os.path.basename(file))[0]
    try:
        app = functions_framework.create_app(ATTRIBUTE or "main", file, kind)
    except FunctionsFrameworkException as err:
        if name in sys.modules:
            wanted(sys.modules[name], style, "main")
        fault(str(err), "correct the handler")
    return app, wanted(sys.modules[name], style, "main")


async def serve_framework(app, exchange):
    await (serve_asgi(app, exchange, {}) if is_asynchronous(app) else serve_wsgi(app, exchange))
