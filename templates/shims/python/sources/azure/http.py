# Requests and responses of Azure's library.
import functools

import azure.functions
from azure.functions.meta import Datum, get_binding_registry


def prefix():
    """What all routes begin with, as host.json says."""
    try:
        with open(os.path.join(ROOT, "host.json"), encoding="utf-8") as file:
            extensions = json.load(file).get("extensions") or {}
    except FileNotFoundError:
        extensions = {}
    return (extensions.get("http") or {}).get("routePrefix", "api")


def compiled(route):
    """The pattern of a route and its place among others: what is said exactly goes before what is not."""
    pattern, precedence = "", []
    for segment in filter(None, f"{prefix()}/{route}".split("/")):
        whole = re.fullmatch(r"\{(\*{0,2})(\w+)(:[^?}]+)?(\?)?\}", segment)
        if not whole:
            parts = re.split(r"\{(\w+)[^}]*\}", segment)  # text and names in turn
            pattern += "/" + "".join(f"(?P<{part}>[^/]+)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
            precedence.append(len(parts) > 1)
        elif whole[1]:
            pattern += f"(?:/(?P<{whole[2]}>.*))?"
            precedence.append(4)
        else:
            inner = f"/(?P<{whole[2]}>{CONSTRAINTS.get(whole[3], '[^/]+')})"
            pattern += f"(?:{inner})?" if whole[4] else inner
            precedence.append(2 if whole[3] else 3)
    return re.compile((pattern or "/") + "/?", re.IGNORECASE), precedence


CONSTRAINTS = {":int": "-?[0-9]+", ":long": "-?[0-9]+", ":alpha": "[A-Za-z]+", ":bool": "true|false", ":guid": "[0-9A-Fa-f-]{36}"}


def joined_values(pairs, glue=","):
    out = {}
    for name, value in pairs:
        out[name] = out[name] + glue + value if name in out else value
    return out


def request_of_azure(exchange, body, match):
    request = exchange.request
    headers = joined_values((text_of(k), text_of(v)) for k, v in request.headers)
    query = joined_values(urllib.parse.parse_qsl(request.query.decode(), keep_blank_values=True))
    params = {name: urllib.parse.unquote(value) for name, value in match.groupdict().items() if value is not None}
    value = {
        "method": as_datum(request.method),
        "url": as_datum(f"{request.scheme}://{headers.get('host', 'localhost')}{request.target.decode()}"),
        "headers": {name: as_datum(value) for name, value in headers.items()},
        "query": {name: as_datum(value) for name, value in query.items()},
        "params": {name: as_datum(value) for name, value in params.items()},
        "body": Datum(body, "bytes"),
    }
    return decoded("httpTrigger", Datum(value, "http"), {})


def as_datum(text):
    return Datum(text, "string")


def decoded(kind, datum, metadata):
    """What a function gets for its trigger. Metadata is JSON, as from Azure's host."""
    metadata = {name: Datum(json.dumps(value), "json") for name, value in metadata.items()}
    return get_binding_registry().get(kind).decode(datum, trigger_metadata=metadata)


def answer_of_azure(exchange, result):
    """Answers with what a function returned: a response, or the text of one."""
    if result is None:
        return exchange.answer(204)
    if isinstance(result, str):
        return exchange.answer(200, result)
    if not isinstance(result, azure.functions.HttpResponse):
        raise TypeError(f"the function returned {type(result).__name__}, and not an HttpResponse or text")
    headers = [(name.encode("latin-1"), bytes_of(value)) for name, value in result.headers.items()]
    if "content-type" not in result.headers:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        headers.append((b"content-type", f"{result.mimetype}{charset}".encode()))
    body = result.get_body() or b""
    exchange.begin(result.status_code, headers, len(body))
    exchange.write(body)
    exchange.end()


class AzureContext(azure.functions.Context):
    def __init__(self, name, invocation):
        self._name, self._invocation, self._local = name, invocation, types.SimpleNamespace(invocation_id=invocation)

    @property
    def invocation_id(self):
        return self._invocation

    @property
    def function_name(self):
        return self._name

    @property
    def function_directory(self):
        return ROOT

    @property
    def thread_local_storage(self):
        return self._local

    @property
    def trace_context(self):
        return types.SimpleNamespace(Traceparent="", Tracestate="", Attributes={}, trace_parent="", trace_state="", attributes={})

    @property
    def retry_context(self):
        return None
