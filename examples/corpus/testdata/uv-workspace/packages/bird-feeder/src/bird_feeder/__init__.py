from importlib.metadata import version
from importlib.resources import files

from slugify import slugify


def feed(bird):
    return slugify(bird) + " " + version("bird-feeder")


def seeds():
    return files(__name__).joinpath("seeds.txt").read_text().split()
