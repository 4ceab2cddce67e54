from flask import Flask


def create_app():
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(SECRET_KEY="dev")
    app.json.sort_keys = True
    from . import pages

    app.register_blueprint(pages.bp)
    return app
