# The style gcf-event.


class Function(Source):
    """A function of a CloudEvent, as for the functions-framework. It gets an event of Google's where one has the same
    meaning, and any other as it is. One of the first generation gets what the framework makes of that: its data and a context."""

    google = True

    def __init__(self):
        self.app, self.function = framework_app("gcf-event", "cloudevent")

    async def event(self, event, ctx):
        if is_background(self.function):
            return await called(self.function, *of_first_generation(of_google(event, ctx)))
        carrier = Whole(json.dumps(of_google(event, ctx), default=str).encode())
        headers = [(b"host", b"localhost"), (b"content-type", b"application/cloudevents+json")]
        exchange = Exchange(Request("POST", b"/", b"HTTP/1.1", headers), ("127.0.0.1", 0), carrier)
        await serve_framework(self.app, exchange)
        if carrier.status >= 300:  # the framework has logged why
            raise RuntimeError(b"".join(carrier.pieces).decode("utf-8", "replace") or f"the function answered {carrier.status}")


def opened():
    return checked(Function())
