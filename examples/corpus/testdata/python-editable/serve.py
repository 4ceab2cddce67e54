import os
from wsgiref.simple_server import WSGIRequestHandler, make_server

from app import app

WSGIRequestHandler.log_request = lambda *args: None
make_server("127.0.0.1", int(os.environ["PORT"]), app).serve_forever()
