import io
import json
import os
import tempfile
import threading
import unittest

os.environ["DB_PATH"] = os.path.join(tempfile.mkdtemp(), "links.db")

from shortener import app  # noqa: E402


def call(method, path, body=None):
    answer = {}

    def start_response(status, headers):
        answer.update(status=int(status[:3]), headers=dict(headers))

    data = json.dumps(body).encode() if body is not None else b""
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(data)}
    payload = b"".join(app(environ, start_response))
    return answer["status"], json.loads(payload) if payload else None, answer["headers"]


class Shortener(unittest.TestCase):
    def test_a_link_redirects_and_is_counted(self):
        status, link, _ = call("POST", "/links", {"url": "https://example.com/a?b=c"})
        self.assertEqual(status, 201)
        status, _, headers = call("GET", link["path"])
        self.assertEqual((status, headers["Location"]), (302, "https://example.com/a?b=c"))
        self.assertEqual(call("GET", link["path"] + "/stats")[1]["visits"], 1)
        self.assertEqual(call("DELETE", link["path"])[0], 204)
        self.assertEqual(call("GET", link["path"])[0], 404)

    def test_what_is_no_link_is_refused(self):
        for body in ({}, [], 1, {"url": 1}, {"url": "ftp://x"}, {"url": "https://x/\r\nset-cookie: a"}, {"url": "https://x", "code": "a/b"}):
            self.assertIn(call("POST", "/links", body)[0], (400, 422), body)

    def test_a_taken_code_conflicts(self):
        self.assertEqual(call("POST", "/links", {"url": "https://example.com", "code": "mine"})[0], 201)
        self.assertEqual(call("POST", "/links", {"url": "https://example.org", "code": "mine"})[0], 409)

    def test_visits_at_once_are_all_counted(self):
        call("POST", "/links", {"url": "https://example.com", "code": "busy"})
        threads = [threading.Thread(target=lambda: [call("GET", "/busy") for _ in range(25)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(call("GET", "/busy/stats")[1]["visits"], 200)


if __name__ == "__main__":
    unittest.main()
