# The style wsgi.


class Application(Source):
    """A WSGI application, with on_event beside it."""

    def __init__(self, module):
        self.event = getattr(module, "on_event", None)
        if CONFIG["http"] is not None:
            self.app = wanted(module, "WSGI", is_wsgi)

    async def serve(self, exchange):
        await serve_wsgi(self.app, exchange)


def opened():
    return checked(Application(user_module()))
