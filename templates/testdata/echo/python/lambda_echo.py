import base64

from answer import asked


def shown(text):
    return text.encode().decode("latin-1")


def handler(event, context):
    """Says what arrived in payload format 2.0, or answers as it is asked to."""
    wanted = asked(event["headers"].get("x-answer"))
    if not wanted:
        headers = {name: [shown(value)] for name, value in event["headers"].items()}
        if event.get("cookies"):
            headers["cookie"] = [shown("; ".join(event["cookies"]))]
        body = event.get("body") or ""
        body = body if event.get("isBase64Encoded") else base64.b64encode(body.encode()).decode()
        http = event["requestContext"]["http"]
        return {"method": http["method"], "path": event["rawPath"], "query": event["rawQueryString"], "headers": headers, "body": body}
    if wanted["fail"] in ("before", "during"):
        raise ValueError("thrown on purpose")
    headers, cookies = {}, []
    for name, value in wanted["headers"]:
        text = value.encode("latin-1").decode()
        if name == "set-cookie":
            cookies.append(text)
        else:
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    body = base64.b64encode(b"".join(wanted["pieces"])).decode()
    return {"statusCode": wanted["status"], "headers": headers, "cookies": cookies, "body": body, "isBase64Encoded": True}
