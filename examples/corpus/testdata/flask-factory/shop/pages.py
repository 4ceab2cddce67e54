import csv
from importlib import resources
from pathlib import Path

from flask import Blueprint, jsonify, render_template, request

bp = Blueprint("pages", __name__)


@bp.get("/")
def index():
    return render_template("index.html", name=request.args.get("name"))


@bp.get("/prices")
def prices():
    with (Path(__file__).parent / "data" / "prices.csv").open() as file:
        return jsonify(list(csv.DictReader(file)))


@bp.get("/schema")
def schema():
    return resources.files("shop").joinpath("data/schema.sql").read_text()


@bp.post("/echo")
def echo():
    return jsonify(form=request.form, data=request.get_json(silent=True)), 201
