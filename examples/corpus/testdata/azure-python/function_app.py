import json

import azure.functions as func

from orders import bp

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(bp)


@app.route(route="items/{id}", methods=["GET"])
def item(req: func.HttpRequest) -> func.HttpResponse:
    shop = req.params.get("shop", "none")
    return func.HttpResponse(f"item {req.route_params['id']} of {shop}\n", headers={"x-shop": shop})


@app.route(route="teapot")
async def teapot(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({"method": req.method}), status_code=418, mimetype="application/json")
