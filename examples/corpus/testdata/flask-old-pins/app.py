from flask import Flask, escape, jsonify, render_template_string, request

app = Flask(__name__)


@app.route("/")
def hello():
    return "Hello, %s!" % escape(request.args.get("name", "World"))


@app.route("/page")
def page():
    return render_template_string("<b>{{ x }}</b>", x="<")


@app.route("/json", methods=["POST"])
def echo():
    return jsonify(request.json)
