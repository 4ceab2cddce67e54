"""A function of Google's functions-framework, as it is there."""
import os

import functions_framework


@functions_framework.http
def greet(request):
    if request.path == "/healthz":
        return "ok\n"
    return {"message": f"{os.environ.get('GREETING', 'hello')}, {request.args.get('name', 'world')}"}
