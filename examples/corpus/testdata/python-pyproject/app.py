from importlib.resources import files

import yaml
from flask import Flask, jsonify, render_template

app = Flask(__name__)
notes = yaml.safe_load(files("content").joinpath("notes.yaml").read_text())


@app.get("/")
def index():
    return render_template("notes.html", notes=notes)


@app.get("/notes.json")
def as_json():
    return jsonify(notes=notes, c=yaml.__with_libyaml__)
