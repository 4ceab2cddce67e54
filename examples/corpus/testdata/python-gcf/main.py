import functions_framework
from markupsafe import escape


@functions_framework.http
def hello_http(request):
    data = request.get_json(silent=True)
    if data and "name" in data:
        name = data["name"]
    else:
        name = request.args.get("name", "World")
    return f"Hello {escape(name)}!"
