import unittest

from app import app


class Notes(unittest.TestCase):
    def setUp(self):
        self.client = app.test_client()

    def test_a_note_is_kept_found_and_deleted(self):
        made = self.client.post("/notes", json={"text": " Buy pears "})
        self.assertEqual((made.status_code, made.json["text"]), (201, "Buy pears"))
        self.assertEqual(self.client.get(made.headers["Location"]).json, made.json)
        self.assertIn(made.json, self.client.get("/notes?q=PEARS").json["notes"])
        self.assertEqual(self.client.delete(made.headers["Location"]).status_code, 204)
        self.assertEqual(self.client.get(made.headers["Location"]).status_code, 404)

    def test_errors_are_json_and_say_what_is_wrong(self):
        answer = self.client.post("/notes", json={"text": ""})
        self.assertEqual((answer.status_code, answer.json), (422, {"error": "text is required"}))
        self.assertEqual(self.client.post("/notes", data="{", content_type="application/json").status_code, 400)


if __name__ == "__main__":
    unittest.main()
