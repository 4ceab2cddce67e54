# Which requests reach the application, and what the policy of CORS adds to its answers.


def answer_of(request):
    """The (status, text, headers) that the manifest gives in the handler's place, or None."""
    rule, path, method = CONFIG["http"], request.path.decode("latin-1"), request.method
    if rule is None:
        return 404, "not found: this function has no http event\n", []
    if path == CONFIG["health"] and method in ("GET", "HEAD"):
        return None
    if not re.search(rule["path"], path):
        return 404, "not found\n", []
    asked = request.get(b"access-control-request-method")
    if rule["cors"] and method == "OPTIONS" and asked and request.get(b"origin"):
        return 204, "", preflight(request, rule["cors"], asked)
    if not rule["methods"] or method in rule["methods"]:
        return None
    return 405, "method not allowed\n", [(b"allow", ", ".join(rule["methods"]).encode())]


def allows(cors, origin):
    return bool(origin) and (cors["any"] or origin in cors["origins"])


def preflight(request, cors, asked):
    if not allows(cors, request.get(b"origin")):
        return []
    headers = [(b"access-control-allow-methods", (cors["methods"] or asked).encode("latin-1"))]
    wanted = cors["headers"] or request.get(b"access-control-request-headers")
    if wanted:
        headers.append((b"access-control-allow-headers", wanted.encode("latin-1")))
    if cors["maxAge"] > 0:
        headers.append((b"access-control-max-age", b"%d" % cors["maxAge"]))
    return headers


def with_cors(request, headers):
    """The response's headers and those of the policy that the handler did not set itself."""
    cors = CONFIG["http"] and CONFIG["http"]["cors"]
    if not cors:
        return headers
    anyone, origin = cors["any"] and not cors["credentials"], request.get(b"origin")
    more = [] if anyone else [(b"vary", b"Origin")]
    if allows(cors, origin):
        more.append((b"access-control-allow-origin", b"*" if anyone else origin.encode("latin-1")))
        if cors["credentials"]:
            more.append((b"access-control-allow-credentials", b"true"))
    own = {k for k, _ in headers}
    return headers + [(k, v) for k, v in more if k == b"vary" or k not in own]
