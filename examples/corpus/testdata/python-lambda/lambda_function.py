import json
import os

import humanize


def lambda_handler(event, context):
    http = event["requestContext"]["http"]
    if http["method"] == "DELETE":
        return {"statusCode": 204}
    if http["path"] == "/plain":
        return {"plain": True}
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps({"path": event["rawPath"], "query": event.get("queryStringParameters"), "body": event.get("body"), "n": humanize.intword(1200000), "encoded": event["isBase64Encoded"]}),
    }
