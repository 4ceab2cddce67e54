import json


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/healthz":
        status, body = "200 OK", {"status": "ok"}
    elif not (year := path.rpartition("/")[2]).isdecimal():
        status, body = "400 Bad Request", {"error": "a year is a number"}
    else:
        status, body = "200 OK", {"year": int(year), "visits": 12 * int(year) % 1000}
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
