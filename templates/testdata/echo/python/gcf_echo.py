import base64

import flask
import functions_framework

from answer import asked


@functions_framework.http
def echo(request):
    """Says what arrived, or answers as it is asked to."""
    wanted = asked(request.headers.get("x-answer", ""))
    if wanted:
        return answer(wanted)
    path, _, query = request.environ["RAW_URI"].partition("?")
    headers = {"content-type": [request.environ.get("CONTENT_TYPE", "")]}
    for name, value in request.headers.items():
        headers.setdefault(name.lower(), []).append(value)
    if headers["content-type"][0]:
        headers["content-type"] = headers["content-type"][:1]
    body = base64.b64encode(request.get_data(cache=False)).decode()
    return {"method": request.method, "path": path, "query": query, "headers": headers, "body": body}


def answer(wanted):
    if wanted["fail"] == "before":
        raise ValueError("thrown on purpose")

    def pieces():
        yield from wanted["pieces"]
        if wanted["fail"] == "during":
            raise ValueError("thrown on purpose")

    streamed = wanted["fail"] == "during" or len(wanted["pieces"]) > 1
    response = flask.Response(pieces() if streamed else b"".join(wanted["pieces"]), status=wanted["status"])
    response.headers.clear()
    for name, value in wanted["headers"]:
        response.headers.add(name, value)
    if wanted["fail"] == "end":
        response.call_on_close(fail)
    return response


def fail():
    raise ValueError("thrown on purpose")
