# The style gcf-http.


class Function(Source):
    """A function of the request, as for the functions-framework."""

    def __init__(self):
        self.app, _ = framework_app("gcf-http", "http")

    async def serve(self, exchange):
        await serve_framework(self.app, exchange)


def opened():
    return checked(Function())
