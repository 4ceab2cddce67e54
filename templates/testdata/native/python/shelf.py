"""A service as it is written for an HTTP API of API Gateway, with events of payload 2.0."""
import base64
import json


def answer(status, body, **headers):
    return {"statusCode": status, "headers": {"content-type": "application/json", **headers}, "body": json.dumps(body)}


def items(event):
    query, headers = event.get("queryStringParameters") or {}, event["headers"]
    seen = {"rawPath": event["rawPath"], "rawQueryString": event["rawQueryString"], "n": query.get("n"), "cookies": event.get("cookies")}
    return answer(200, {**seen, "agent": headers.get("x-agent"), "named": "x-absent" in headers})


def made(event):
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"]
    return {"made": json.loads(body)}


def echo(event):
    return {"statusCode": 201, "headers": {"content-type": "application/octet-stream"}, "body": event["body"], "isBase64Encoded": event["isBase64Encoded"]}


ROUTES = {
    "GET /items": items,
    "POST /items": made,
    "POST /echo": echo,
    "GET /cookies": lambda event: {"statusCode": 200, "headers": {"content-type": "text/plain"}, "cookies": ["a=1; Path=/", "b=2"], "body": "ok"},
    "GET /away": lambda event: {"statusCode": 302, "headers": {"location": "/items"}},
    "DELETE /items": lambda event: {"statusCode": 204},
}


def handler(event, context):
    route = ROUTES.get(event["requestContext"]["http"]["method"] + " " + event["rawPath"])
    return route(event) if route else answer(404, {"message": "Not Found"})
