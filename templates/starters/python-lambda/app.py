"""A handler of AWS Lambda. Requests come in payload format 2.0, on every target."""
import os


def handler(event, context):
    if event["requestContext"]["http"]["path"] == "/healthz":
        return {"statusCode": 200, "body": "ok\n"}
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    return {"message": f"{os.environ.get('GREETING', 'hello')}, {name}"}
