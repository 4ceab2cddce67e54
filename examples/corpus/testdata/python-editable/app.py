from flask import Flask

from wording import words

app = Flask(__name__)


@app.get("/<int:n>")
def count(n):
    return words(n)
