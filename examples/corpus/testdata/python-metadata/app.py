import json
import zoneinfo
from datetime import datetime, timezone
from importlib.metadata import entry_points, packages_distributions, version
from importlib.resources import files
from pathlib import Path

import certifi
import markdown
from pygments.lexers import get_lexer_by_name

zoneinfo.reset_tzpath(to=[])
limits = json.loads((Path(__file__).parent / "data" / "limits.json").read_text())
words = files("words").joinpath("list.txt").read_text().split()


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    answer = {
        "markdown": markdown.markdown("a\n\n| b |\n|---|\n| c |", extensions=["tables"]),
        "entry points": sorted(e.name for e in entry_points(group="markdown.extensions")),
        "version": version("pluggy"),
        "of": packages_distributions()["stevedore"],
        "lexer": get_lexer_by_name("python").name,
        "roots": Path(certifi.where()).name,
        "time": datetime(2025, 7, 1, tzinfo=timezone.utc).astimezone(zoneinfo.ZoneInfo("Europe/Berlin")).isoformat(),
        "limits": limits,
        "words": words,
        "path": environ["PATH_INFO"],
    }
    return [json.dumps(answer).encode()]
