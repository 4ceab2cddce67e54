import json

import azure.functions as func

bp = func.Blueprint()


@bp.route(route="orders", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def order(req: func.HttpRequest) -> func.HttpResponse:
    try:
        asked = req.get_json()
    except ValueError:
        return func.HttpResponse("not JSON\n", status_code=400)
    asked["total"] = asked["count"] * 3
    return func.HttpResponse(json.dumps(asked), status_code=201, mimetype="application/json")
