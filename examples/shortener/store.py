"""Links in SQLite, safe for several threads and several processes."""

import contextlib
import sqlite3
import threading

SCHEMA = """
CREATE TABLE IF NOT EXISTS links (
    code    TEXT PRIMARY KEY,
    url     TEXT NOT NULL,
    visits  INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT
"""


class Store:
    def __init__(self, path):
        self.path = path
        self.local = threading.local()
        with self.write() as db:
            db.execute(SCHEMA.replace(" STRICT", "") if sqlite3.sqlite_version_info < (3, 37) else SCHEMA)

    def connection(self):
        """One connection per thread, in WAL mode: readers never wait for the writer."""
        if not hasattr(self.local, "db"):
            db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            self.local.db = db
        return self.local.db

    @contextlib.contextmanager
    def write(self):
        db = self.connection()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    def add(self, code, url):
        """Raises sqlite3.IntegrityError for a code that is taken."""
        with self.write() as db:
            db.execute("INSERT INTO links (code, url) VALUES (?, ?)", (code, url))

    def visit(self, code):
        """Counts a visit and returns the URL, or None."""
        with self.write() as db:
            db.execute("UPDATE links SET visits = visits + 1 WHERE code = ?", (code,))
            row = db.execute("SELECT url FROM links WHERE code = ?", (code,)).fetchone()
        return row and row[0]

    def stats(self, code):
        row = self.connection().execute("SELECT code, url, visits, created FROM links WHERE code = ?", (code,)).fetchone()
        return row and dict(zip(("code", "url", "visits", "created"), row))

    def delete(self, code):
        with self.write() as db:
            return db.execute("DELETE FROM links WHERE code = ?", (code,)).rowcount > 0

    def count(self):
        return self.connection().execute("SELECT count(*) FROM links").fetchone()[0]
