"""A URL shortener: WSGI and SQLite from the standard library."""

import json
import os
import secrets
import sqlite3
from urllib.parse import urlsplit

from store import Store

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that is read as something else
store = Store(os.environ.get("DB_PATH", "/tmp/ferry-shortener.db"))


class Refusal(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def app(environ, start_response):
    try:
        status, body, headers = route(environ)
    except Refusal as refusal:
        status, body, headers = refusal.status, {"error": str(refusal)}, []
    payload = b"" if body is None else json.dumps(body).encode()
    if payload:
        headers = [*headers, ("Content-Type", "application/json")]
    start_response(status, headers)
    return [payload]


def route(environ):
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if path == "/healthz":
        store.count()
        return "200 OK", {"status": "ok"}, []
    if path == "/links":
        if method == "POST":
            return shorten(environ)
        return "200 OK", {"links": store.count()}, []
    code, _, rest = path.lstrip("/").partition("/")
    if not code or rest not in ("", "stats"):
        raise Refusal("404 Not Found", "not found")
    if rest == "stats":
        return "200 OK", found(store.stats(code)), []
    if method == "DELETE":
        found(store.delete(code) or None)
        return "204 No Content", None, []
    return "302 Found", None, [("Location", found(store.visit(code))), ("Cache-Control", "no-store")]


def shorten(environ):
    try:
        link = json.loads(environ["wsgi.input"].read(16_384))
        url, code = link["url"], link.get("code")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal("400 Bad Request", 'send {"url": "https://…"}, with a "code" if you like') from None
    if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise Refusal("422 Unprocessable Content", "url is no absolute http or https URL")
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise Refusal("422 Unprocessable Content", "url holds characters that must be escaped")
    if code is not None and not (isinstance(code, str) and code.isascii() and code.isalnum() and len(code) <= 32):
        raise Refusal("422 Unprocessable Content", "code is not up to 32 letters and digits")
    if code in ("links", "healthz"):
        raise Refusal("409 Conflict", "code is taken")
    return "201 Created", saved(code, url), []


def saved(code, url):
    while True:
        candidate = code or "".join(secrets.choice(ALPHABET) for _ in range(7))
        try:
            store.add(candidate, url)
            return {"code": candidate, "url": url, "path": "/" + candidate}
        except sqlite3.IntegrityError:
            if code:
                raise Refusal("409 Conflict", "code is taken") from None


def found(value):
    if value is None:
        raise Refusal("404 Not Found", "no such link")
    return value
