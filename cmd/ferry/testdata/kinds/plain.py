async def app(scope, receive, send):
    pass


def wsgi(environ, start_response):
    return []


def on_event(event, ctx):
    print(f"event {event['type']} {event['id']} {event.data}\n", end="")
