# HTTP as Lambda carries it: events and results of payload format 2.0 (function URLs and HTTP APIs).
def is_v2(event):
    return "http" in event["requestContext"] and "routeArn" not in event  # which an authorizer is asked with


def body_of(event):
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise BadRequest(400, "the body is not base64, as the event says") from None


def pairs_of(context, headers, body):
    """The headers of a request, from those of its event: pairs of texts."""
    pairs = [(bytes_of(name.lower()), bytes_of(value)) for name, value in headers]
    pairs = [(name, value) for name, value in pairs if name not in HOP and name != b"expect"]
    names = {name for name, _ in pairs}
    if body or b"content-length" in names:
        pairs = [(name, value) for name, value in pairs if name != b"content-length"]
        pairs.append((b"content-length", b"%d" % len(body)))
    own = {b"host": b"localhost", b"x-request-id": context.aws_request_id.encode()}
    return [(name, value) for name, value in own.items() if name not in names] + pairs


def request_v2(event, context, body):
    """The event's request and its client."""
    outer = event["requestContext"]
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    path, stage = event.get("rawPath") or "/", outer.get("stage", "$default")
    if stage != "$default" and (path + "/").startswith(f"/{stage}/"):
        path = path[len(stage) + 1 :]
    path = path if path.startswith("/") else "/" + path
    # A function URL sends paths as they arrived, an HTTP API decodes them: a ? in one was no mark of a query.
    if ".lambda-url." not in str(outer.get("domainName")):
        path = encoded_again(path)
    target, query = path.replace("?", "%3F"), event.get("rawQueryString")
    if query:
        target += "?" + query
    scheme = "http" if headers.get("x-forwarded-proto") == "http" else "https"
    pairs = pairs_of(context, headers.items(), body)
    request = Request(outer["http"]["method"], target.encode("utf-8", "replace"), b"HTTP/1.1", pairs, scheme)
    return request, (outer["http"].get("sourceIp", ""), 0)


def result_v2(event, answer):
    headers, cookies = {}, []
    for name, value in ((text_of(k), text_of(v)) for k, v in answer.headers):
        if name == "set-cookie":
            cookies.append(value)
        elif name != "content-length":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    body, encoded = as_text(answer.headers, b"".join(answer.pieces))
    return {"statusCode": answer.status, "headers": headers, "cookies": cookies, "body": body, "isBase64Encoded": encoded}
