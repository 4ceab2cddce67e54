# What Google's own functions-framework is for: it calls functions that are written for it.


def framework_app(style, kind):
    """The application that the framework makes of the user's function, of WSGI, or of ASGI for one of functions_framework.aio, and
    that function.
    The framework executes the module itself, for some of its decorators need that."""
    import functions_framework
    from functions_framework.exceptions import FunctionsFrameworkException

    parts = MODULE_NAME.split(".")
    files = [os.path.join(ROOT, top, *parts[:-1], name) for top in ("", "src") for name in (parts[-1] + ".py", os.path.join(parts[-1], "__init__.py"))]
    file = next(filter(os.path.exists, files), files[1])
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
