import base64
import json


def asked(header):
    """What a request asks its answer to be: JSON in base64, {status, headers, chunks, repeat, fail}."""
    if not header:
        return None
    wanted = {"status": 200, "headers": [], "chunks": [], "repeat": 1, "fail": "", **json.loads(base64.b64decode(header))}
    wanted["pieces"] = [base64.b64decode(chunk) * wanted["repeat"] for chunk in wanted["chunks"]]
    return wanted
