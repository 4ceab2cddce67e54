"""An app of Azure's v2 programming model. Its routes are its own."""
import json
import os

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="greet", methods=["GET"])
def greet(req: func.HttpRequest) -> func.HttpResponse:
    message = f"{os.environ.get('GREETING', 'hello')}, {req.params.get('name', 'world')}"
    return func.HttpResponse(json.dumps({"message": message}), mimetype="application/json")
