# The style wsgi.


class Application(Source):
    """A WSGI application, with on_event beside it."""

    def __init__(self, module):
        self.event = event_function(module)
        if CONFIG["http"] is not None:
            self.app = wanted(module, "wsgi", "app")

    async def serve(self, exchange):
        await serve_wsgi(self.app, exchange)


def opened():
    return checked(Application(user_module()))
