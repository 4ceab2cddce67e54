from importlib.metadata import version
from pathlib import Path

from slugify import slugify


def words(n):
    unit = (Path(__file__).parent / "unit.txt").read_text().strip()
    return f"{slugify(f'{n} Ä')} {unit} {version('wording')}"
