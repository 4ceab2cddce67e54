# Requests as events of payload format 2.0 (as from a function URL) and 1.0 (as from a REST API), and results as answers.
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
AS_TEXT = re.compile(r"(text/|application/(json|javascript|xml)\b)", re.IGNORECASE)  # all else comes as base64


def instant():
    now = time.time()
    moment = time.gmtime(now)
    return time.strftime(f"%d/{MONTHS[moment.tm_mon - 1]}/%Y:%H:%M:%S +0000", moment), int(now * 1000)


def carried(request, body):
    """The body of an event, None where there is none, and whether it is base64."""
    if not body:
        return None, False
    if AS_TEXT.match(request.get(b"content-type") or ""):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def parted(request):
    """The headers and the query of a request, each with all values of a name."""
    headers, query = {}, {}
    for name, value in request.headers:
        headers.setdefault(text_of(name), []).append(text_of(value))
    for name, value in urllib.parse.parse_qsl(request.query.decode(), keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return headers, query


def event_v2(exchange, body):
    request, (headers, query) = exchange.request, parted(exchange.request)
    joined = {name: ("; " if name == "cookie" else ",").join(values) for name, values in headers.items()}
    moment, epoch = instant()
    host = joined.get("host", "localhost")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path.decode(),
        "rawQueryString": request.query.decode(),
        "headers": joined,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": urllib.parse.unquote(request.path.decode()),
                "protocol": request.version.decode(),
                "sourceIp": exchange.client[0],
                "userAgent": joined.get("user-agent", ""),
            },
            "requestId": exchange.ctx.request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": moment,
            "timeEpoch": epoch,
        },
        "isBase64Encoded": False,
    }
    if exchange.authorizer:
        event["requestContext"]["authorizer"] = exchange.authorizer
    if "cookie" in joined:
        event["cookies"] = joined["cookie"].split("; ")
    if query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in query.items()}
    if body:
        event["body"], event["isBase64Encoded"] = carried(request, body)
    return event


def event_v1(exchange, body):
    """A REST API keeps the case that names of headers were sent in; here they are written as HTTP/1.1 has them."""
    request, (headers, query) = exchange.request, parted(exchange.request)
    headers = {name.title(): values for name, values in headers.items()}
    moment, epoch = instant()
    path, (text, encoded) = request.path.decode(), carried(request, body)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": path[1:]} if path != "/" else None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": headers.get("Host", ["localhost"])[-1],
            "httpMethod": request.method,
            **authorized(exchange.authorizer),
            "identity": {"sourceIp": exchange.client[0], "userAgent": headers.get("User-Agent", [None])[-1], **caller_of(exchange.authorizer)},
            "path": path,
            "protocol": request.version.decode(),
            "requestId": exchange.ctx.request_id,
            "requestTime": moment,
            "requestTimeEpoch": epoch,
            "resourceId": "local",
            "resourcePath": "/{proxy+}",
            "stage": "$default",
        },
        "body": text,
        "isBase64Encoded": encoded,
    }


def authorized(given):
    """What an authorizer has found out, as payload 1.0 says it. What came in 1.0 stays as it is."""
    if not given or isinstance(given.get("iam"), dict):
        return {}
    return {"authorizer": next((given[kind] for kind in ("jwt", "lambda") if isinstance(given.get(kind), dict)), given)}


def caller_of(given):
    """Who signed a request, which payload 1.0 says in its identity."""
    iam = (given or {}).get("iam")
    if not isinstance(iam, dict):
        return {}
    cognito = iam.get("cognitoIdentity") or {}
    kind, *through = cognito.get("amr") or [None]
    return {
        "accessKey": iam.get("accessKey"),
        "accountId": iam.get("accountId"),
        "caller": iam.get("callerId"),
        "cognitoAuthenticationProvider": ",".join(through) or None,
        "cognitoAuthenticationType": kind,
        "cognitoIdentityId": cognito.get("identityId"),
        "cognitoIdentityPoolId": cognito.get("identityPoolId"),
        "principalOrgId": iam.get("principalOrgId"),
        "user": iam.get("userId"),
        "userArn": iam.get("userArn"),
    }


def answer_with(exchange, result):
    """Answers with a handler's result. Without a status it is itself the body, but for payload format 1.0."""
    if not isinstance(result, dict) or "statusCode" not in result:
        if CONFIG.get("payload") == "1.0":
            raise ValueError("the handler's result has no statusCode, and payload 1.0 asks for one")
        return whole(exchange, 200, [(b"content-type", b"application/json")], dumped(result).encode())
    body = result.get("body")
    if body is not None and not isinstance(body, str):
        raise ValueError(f"the body of the handler's result is of type {type(body).__name__}, and must be text")
    data = base64.b64decode(body or "", validate=True) if result.get("isBase64Encoded") else (body or "").encode()
    headers = headers_of(result)
    if data and not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/json"))
    headers = [pair for pair in headers if pair[0] != b"content-length" or exchange.request.method == "HEAD"]  # AWS counts
    return whole(exchange, int(result["statusCode"]), headers, data)


def headers_of(result):
    """The headers of a result as pairs. Cookies are payload 2.0's own, lists are 1.0's: a name that stands in both maps
    has all of its values."""
    pairs = []
    if CONFIG.get("payload") == "1.0":
        for name, values in (result.get("multiValueHeaders") or {}).items():
            pairs.extend((name, value) for value in values)
    pairs.extend((result.get("headers") or {}).items())
    if CONFIG.get("payload") != "1.0":
        pairs.extend(("set-cookie", value) for value in result.get("cookies") or [])
    return [(bytes_of(name.lower()), bytes_of(written(value))) for name, value in pairs if value is not None]


def written(value):
    return value if isinstance(value, str) else json.dumps(value)


def whole(exchange, status, headers, body):
    exchange.begin(status, headers, len(body))
    exchange.write(body)
    exchange.end()
