"""Read the files in JavaScript, HTML and CSS of which the living page is made."""

from importlib.resources import files


def source(name: str) -> str:
    """Return the text of the file called `name` of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
