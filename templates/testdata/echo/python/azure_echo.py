import base64
import json
import re

import azure.functions as func

from answer import asked

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.function_name("http")
@app.route(route="{*path}", methods=list(func.HttpMethod))
def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Says what arrived, or answers as it is asked to."""
    wanted = asked(req.headers.get("x-answer", ""))
    if wanted:
        return answer(wanted)
    path, query = re.fullmatch(r"\w+://[^/?]*([^?]*)\??(.*)", req.url, re.DOTALL).groups()
    headers = {name.lower(): [value.encode().decode("latin-1")] for name, value in req.headers.items()}
    body = base64.b64encode(req.get_body()).decode()
    return func.HttpResponse(json.dumps({"method": req.method, "path": path, "query": query, "headers": headers, "body": body}))


def answer(wanted):
    if wanted["fail"] in ("before", "during"):  # a response has all of its body
        raise ValueError("thrown on purpose")
    response = func.HttpResponse(b"".join(wanted["pieces"]), status_code=wanted["status"])
    for name, value in wanted["headers"]:
        response.headers.add(name, value)
    return response
