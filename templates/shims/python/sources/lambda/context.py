# The context of a call as AWS Lambda gives it. What only an account has is made up, so that it can be printed and parsed.
import decimal
import uuid

REGION = os.environ.get("AWS_REGION") or "local"
FUNCTION = CONFIG.get("function") or "function"
STREAM = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"


def arn(service, name):
    """The ARN of what is none of AWS's; what is keeps its own."""
    return name if name.startswith("arn:") else f"arn:aws:{service}:{REGION}:000000000000:{name}"


class LambdaContext:
    def __init__(self, ctx):
        self.aws_request_id = ctx.request_id
        self.function_name, self.function_version = FUNCTION, "$LATEST"
        self.invoked_function_arn = arn("lambda", f"function:{FUNCTION}")
        self.memory_limit_in_mb = str(CONFIG.get("memory") or 128)
        self.log_group_name, self.log_stream_name = f"/aws/lambda/{FUNCTION}", STREAM
        self.identity = types.SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = self.tenant_id = None
        self._deadline = ctx.deadline or time.time() + (CONFIG.get("timeout") or 900)

    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - time.time()) * 1000))

    def log(self, message):
        print(message, end="")


def dumped(value):
    """The JSON of a result as Lambda's runtime for Python writes it."""
    return json.dumps(value, ensure_ascii=False, default=plain)


def plain(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
