from flask import Flask, jsonify

from bird_feeder import feed, seeds

app = Flask(__name__)


@app.get("/feed/<bird>")
def meal(bird):
    return jsonify(meal=feed(bird), seeds=seeds())
