"""Labels of groups, parts and clock lines: what may become a name in any netlist or model file.

SPICE ignores case, and some tools run what stands behind a newline or a backquote; a label that could do harm
is refused here, for every label passes this check.
"""

import re
from collections import Counter
from collections.abc import Iterable

from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain

SIGNAL = "signal"
"""The key of the provenance under which a network says what a group means: its label, then a word or two."""
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,62}")


def signals_of(said: tuple[str, ...]) -> dict[str, str]:
    """Return the word of each group, by its label, from what a network has `said` of its signals."""
    return {label: word for label, space, word in (entry.partition(" ") for entry in said) if space}


def repeated(names: Iterable[str]) -> list[str]:
    """Return those of the `names` that stand more than once, sorted.

    >>> repeated(["b", "a", "b"])
    ['b']
    """
    return sorted(name for name, times in Counter(names).items() if times > 1)


def check_label(label: str) -> None:
    """Raise `InvalidValueError` unless `label` is a lower-case letter, then up to 62 of a-z, 0-9 and underscore.

    `InvalidTypeError` if it is no text.
    """
    if not isinstance(label, str):
        raise InvalidTypeError(explain("label", must="be text", got=type(label).__name__, do="give a name"))
    if not _LABEL.fullmatch(label):
        raise InvalidValueError(
            explain(
                "label",
                must="be a lower-case letter followed by at most 62 lower-case letters, digits or underscores",
                got=ascii(label)[:80],
                do="rename it",
            )
        )
