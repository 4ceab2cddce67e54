from flask import Flask, Response, jsonify, make_response, redirect, request

app = Flask(__name__)


@app.get("/hello")
def hello():
    return jsonify(name=request.args.get("name"), all=request.args.getlist("n"), header=request.headers.get("x-name"))


@app.post("/echo")
def echo():
    return Response(request.get_data(), content_type="application/octet-stream")


@app.get("/cookies")
def cookies():
    response = make_response("ok")
    response.set_cookie("a", "1")
    response.set_cookie("b", request.cookies.get("seen", ""))
    return response


@app.get("/redirect")
def elsewhere():
    return redirect("/hello?name=you")


@app.get("/stream")
def stream():
    return Response((f"{n}\n" for n in range(3)), content_type="text/plain")


@app.get("/path/<path:rest>")
def path(rest):
    return rest


@app.get("/raise")
def fails():
    raise ValueError("raised on purpose")
