# HTTP as Azure's worker for Python hands it over: a request and a response of its library.
import azure.functions


def request_of_host(given):
    """The request and its client, from the url as the host gives it."""
    scheme, host, target = re.fullmatch(r"(\w+)://([^/?#]*)(.*)", given.url, re.DOTALL).groups()
    headers = {name.lower(): value for name, value in given.headers.items()}
    target = target if target.startswith("/") else "/" + target
    pairs = [(bytes_of(name), bytes_of(value)) for name, value in headers.items()]
    if not headers.get("host"):
        pairs.append((b"host", bytes_of(host or "localhost")))
    request = Request(given.method.upper(), target.encode("utf-8", "replace"), b"HTTP/1.1", pairs, "http" if scheme == "http" else "https")
    seen = headers.get("x-forwarded-for", "").split(",")[-1].strip()  # with a port
    return request, (re.sub(r"^\[(.*)\](:\d+)?$|^([^:]+):\d+$", lambda m: m[1] or m[3], seen), 0)


def response_of_host(answer):
    """The answer as the host takes it, with one value for a name but for cookies."""
    headers, cookies = {}, []
    for name, value in ((text_of(k), text_of(v)) for k, v in answer.headers):
        if name == "set-cookie":
            cookies.append(value)
        elif name != "content-length":  # the host counts
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    response = azure.functions.HttpResponse(b"".join(answer.pieces), status_code=answer.status, headers=headers)
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    return response
