# HTTP as Lambda carries it in payload format 1.0 (REST APIs, HTTP APIs that ask for it) and from load balancers.


def is_v1(event):
    # Neither what an authorizer is asked with nor what a WebSocket is opened with, which nobody here could answer.
    return "httpMethod" in event and "methodArn" not in event and "connectionId" not in event["requestContext"]


def is_of_balancer(event):
    return "elb" in event["requestContext"]


def every(event, many, one):
    """The pairs of a map of lists, or else of its map of single values: which of them is there is a setting of the
    ingress, and where both are the lists have more."""
    if event.get(many) is not None:
        return [(name, value) for name, values in event[many].items() for value in values or []]
    return list((event.get(one) or {}).items())


def query_of(event):
    """The query string. A load balancer leaves it as it was sent, a REST API decodes it."""
    pairs = every(event, "multiValueQueryStringParameters", "queryStringParameters")
    if not is_of_balancer(event):
        pairs = [[urllib.parse.quote(part, safe="!$'()*,-./:;?@_~", errors="replace") for part in pair] for pair in pairs]
    return "&".join(f"{name}={value}" for name, value in pairs)


def path_of(event):
    """The path as it was sent. That of an HTTP API begins with its stage, that of a REST API never does."""
    path, stage = event.get("path") or "/", event["requestContext"].get("stage", "$default")
    if event.get("version") == "1.0":
        path = encoded_again(path)
        if stage != "$default" and (path + "/").startswith(f"/{stage}/"):
            path = path[len(stage) + 1 :]
    return (path if path.startswith("/") else "/" + path).replace("?", "%3F")


def request_v1(event, context, body):
    """The event's request and its client."""
    pairs = pairs_of(context, every(event, "multiValueHeaders", "headers"), body)
    target, query = path_of(event), query_of(event)
    if query:
        target += "?" + query
    headers = dict(pairs)
    scheme = "http" if headers.get(b"x-forwarded-proto") == b"http" else "https"
    request = Request(event["httpMethod"], target.encode("utf-8", "replace"), b"HTTP/1.1", pairs, scheme)
    if is_of_balancer(event):  # which adds whom it saw at the end
        client = text_of(headers.get(b"x-forwarded-for", b"")).split(",")[-1].strip()
    else:
        client = (event["requestContext"].get("identity") or {}).get("sourceIp") or ""
    return request, (client, 0)


def result_v1(event, answer):
    """The result. A name is in one of the two maps of headers alone: an ingress that reads both would send it twice."""
    headers = {}
    for name, value in answer.headers:
        if name != b"content-length":
            headers.setdefault(text_of(name), []).append(text_of(value))
    body, encoded = as_text(answer.headers, b"".join(answer.pieces))
    result = {"statusCode": answer.status, "body": body, "isBase64Encoded": encoded}
    if is_of_balancer(event):
        result["statusDescription"] = f"{answer.status} {PHRASES.get(answer.status, 'Unknown')}"
        if event.get("multiValueHeaders") is None:
            return {**result, "headers": single(headers)}
    return {**result, "multiValueHeaders": headers}


def single(headers):
    """The headers of a load balancer that takes one value for a name: only cookies cannot be joined, and it sends names
    in the case that they have here."""
    out = {name: ", ".join(values) for name, values in headers.items() if name != "set-cookie"}
    cases = cased("set-cookie")
    for value in headers.get("set-cookie", []):
        out[next(cases)] = value
    return out


def cased(name):
    """All ways to write a name, by the case of its letters."""
    letters = [n for n, letter in enumerate(name) if letter.isalpha()]
    for mask in range(1 << len(letters)):
        upper = {at for bit, at in enumerate(letters) if mask >> bit & 1}
        yield "".join(letter.upper() if n in upper else letter for n, letter in enumerate(name))
