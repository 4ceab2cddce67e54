# The Python side of the runtime API: loads _HANDLER as Lambda's own client does, and serves events with it.
import http.client
import importlib
import json
import os
import sys
import time
import traceback

PREFIX = "/2018-06-01/runtime/"


class Failure(Exception):
    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


class Unbuffered:
    """What Lambda's client puts in the place of the standard streams."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        self.stream.write(text)
        self.stream.flush()

    def writelines(self, lines):
        self.stream.writelines(lines)
        self.stream.flush()

    def __getattr__(self, name):
        return getattr(self.stream, name)


class Context:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, int(self._deadline - time.time() * 1000))


def load(name):
    module, dot, attribute = name.rpartition(".")
    if not dot:
        raise Failure("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack")
    try:
        found = importlib.import_module(module.replace("/", "."))
    except ImportError as err:
        traceback.print_exc()
        raise Failure("Runtime.ImportModuleError", f"Unable to import module '{module}': {err}") from err
    except SyntaxError as err:
        raise Failure("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {err}") from err
    if not hasattr(found, attribute):
        raise Failure("Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module}'")
    return getattr(found, attribute)


def described(err):
    kind = err.kind if isinstance(err, Failure) else type(err).__name__
    trace = traceback.format_list(traceback.extract_tb(err.__traceback__)[1:])
    return {"errorMessage": str(err), "errorType": kind, "requestId": "", "stackTrace": trace}


def main():
    sys.stdout, sys.stderr = Unbuffered(sys.stdout), Unbuffered(sys.stderr)
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.append(os.path.join(os.environ["LAMBDA_RUNTIME_DIR"], "sdk"))  # of the managed runtime
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def call(method, path, body=None, headers=None):
        connection.request(method, PREFIX + path, body, headers or {})
        response = connection.getresponse()
        return response.headers, response.read()

    def report(path, err):
        problem = described(err)
        print("[ERROR]", problem["errorType"] + ":", problem["errorMessage"])
        print("".join(problem["stackTrace"]), end="")
        headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": problem["errorType"]}
        call("POST", path, json.dumps(problem), headers)

    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as err:
        report("init/error", err)
        sys.exit(1)
    while True:
        headers, event = call("GET", "invocation/next")
        context = Context(headers)
        path = f"invocation/{context.aws_request_id}/"
        try:
            body = json.dumps(handler(json.loads(event), context), ensure_ascii=False).encode()
        except Exception as err:
            report(path + "error", err)
        else:
            call("POST", path + "response", body, {"Content-Type": "application/json"})


if __name__ == "__main__":
    main()
