"""The errors of readers of files, each made in one call of the four parts of its message."""

from collections.abc import Iterable

from lstm_analog.errors import FileFormatError, UnsupportedError, explain

SHOWN = 8
"""Number of names to list in a message; others are counted."""

LONGEST_SHOWN = 80
"""Number of characters of a name to show in a message."""


def format_error(what: str, must: str, got: object, do: str) -> FileFormatError:
    """Return the error that `what` in a file `must` be something and is `got`; `do` is the advice."""
    return FileFormatError(explain(what, must=must, got=got, do=do))


def unsupported(what: str, must: str, got: object, do: str) -> UnsupportedError:
    """Return the error that `what`, which is understood, `must` be something and is `got`; `do` is the advice."""
    return UnsupportedError(explain(what, must=must, got=got, do=do))


def listed(names: Iterable[str]) -> str:
    """Return `names` for a message: sorted, printable, the first few."""
    ordered = sorted(names)
    shown = ", ".join(ascii(name[:LONGEST_SHOWN]) for name in ordered[:SHOWN])
    return (shown + (f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else "")) or "none"
