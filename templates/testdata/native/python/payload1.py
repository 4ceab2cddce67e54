"""A handler as for a REST API: it answers with what it reads of its event."""

import base64
import json


def handler(event, context):
    if event["path"] == "/event":
        return {"statusCode": 200, "body": json.dumps(event)}
    body = event["body"]
    seen = {
        "method": event["httpMethod"],
        "path": event["path"],
        "query": event["multiValueQueryStringParameters"],
        "word": event["headers"].get("X-Word"),
        "body": base64.b64decode(body).decode() if body and event["isBase64Encoded"] else body,
        "own": context.invoked_function_arn.startswith("arn:aws:lambda:"),
    }
    many = {"Set-Cookie": ["a=1", "b=2"], "X-Many": ["1", "2"]}
    return {"statusCode": 201, "headers": {"X-One": "1"}, "multiValueHeaders": many, "body": json.dumps(seen)}
