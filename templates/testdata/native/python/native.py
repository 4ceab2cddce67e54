import json

calls = 0


def handler(event, context):
    global calls
    calls += 1
    print("NATIVE " + json.dumps(event))
    if event is None or "requestContext" not in event:
        return records(event)
    path = event["rawPath"] if event.get("version") == "2.0" else event["path"]
    answers = {
        "/plain": {"only": "a value"},
        "/cookies": {"statusCode": 201, "cookies": ["a=1; Path=/", "b=2"], "headers": {"X-N": 1, "X-T": True}, "body": "made"},
        "/lists": {"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}, "headers": {"content-type": "text/plain"}, "body": "listed"},
        "/bytes": {"statusCode": "200", "headers": {"content-type": "image/png"}, "body": "AP8=", "isBase64Encoded": True},
        "/empty": {"statusCode": 204},
        "/bad": {"statusCode": 200, "body": {"no": "text"}},
        "/context": {
            "statusCode": 200,
            "body": f"{context.function_name} {context.function_version} {context.memory_limit_in_mb} "
            f"{context.invoked_function_arn.split(':')[6]} {len(context.aws_request_id)} {0 < context.get_remaining_time_in_millis() <= 30000}",
        },
    }
    if path == "/raise":
        raise ValueError("raised on purpose")
    if path in answers:
        return answers[path]
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}


def records(event):
    if isinstance(event, dict) and "Records" in event:
        record = event["Records"][0]
        if record.get("body") == "fail":
            raise ValueError("failed on purpose")
        failed = [record for record in event["Records"] if record.get("body", "").startswith("name")]
        if failed:
            return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}
        return None
    return {"got": event}
