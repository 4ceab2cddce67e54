"""A notes API in Flask."""

import itertools
import os
import threading
import time

from flask import Flask, abort, jsonify, request, url_for
from werkzeug.exceptions import HTTPException

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
LIMIT = int(os.environ.get("MAX_NOTES", "500"))

notes = {}
numbers = itertools.count(1)
lock = threading.Lock()


@app.errorhandler(HTTPException)
def failed(error):
    return jsonify(error=error.description), error.code


@app.get("/healthz")
def healthz():
    return {"status": "ok"}


@app.get("/notes")
def search():
    wanted = request.args.get("q", "").lower()
    with lock:
        return {"notes": [n for n in notes.values() if wanted in n["text"].lower()]}


@app.post("/notes")
def create():
    text = validated(request.get_json())
    with lock:
        if len(notes) >= LIMIT:
            abort(507, f"there are {LIMIT} notes already")
        note = {"id": next(numbers), "text": text, "created": int(time.time())}
        notes[note["id"]] = note
    return note, 201, {"Location": url_for("read", number=note["id"])}


@app.get("/notes/<int:number>")
def read(number):
    return notes.get(number) or abort(404, "no such note")


@app.delete("/notes/<int:number>")
def delete(number):
    with lock:
        if notes.pop(number, None) is None:
            abort(404, "no such note")
    return "", 204


def validated(body):
    text = body.get("text") if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.strip():
        abort(422, "text is required")
    if len(text) > 1000:
        abort(422, "text is longer than 1000 characters")
    return text.strip()
