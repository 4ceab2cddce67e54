import json

import numpy as np


def app(environ, start_response):
    n = int(environ["QUERY_STRING"] or 3)
    a = np.arange(n * n, dtype=float).reshape(n, n) + np.eye(n) * 10
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"det": round(float(np.linalg.det(a)), 6), "sum": a.sum(), "version": np.__version__}).encode()]
