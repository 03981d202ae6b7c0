"""Short descriptions of records: text at a prompt, a table in a notebook. Arrays are shown by dtype and shape."""

from abc import ABC
from dataclasses import fields, is_dataclass
from html import escape

import numpy as np

Rows = tuple[tuple[str, object], ...]
"""Names and values of a table."""

_MOST_CHARACTERS = 96
"""Most characters shown of a value; larger shows more of long values, and breaks lines in narrow windows."""


class Summarised(ABC):  # noqa: B024 - what it tells has a default
    """Base of objects that show themselves as a table of names and values.

    Dataclasses derived from it need `repr=False`.
    """

    def summary(self) -> Rows:
        """Return names and values to show, most important first; of a dataclass the fields that are not None."""
        told = ((entry.name, getattr(self, entry.name)) for entry in fields(self))  # type: ignore[arg-type]
        return tuple((name, value) for name, value in told if value is not None)

    def __repr__(self) -> str:
        rows = [(name, brief(value)) for name, value in self.summary()]
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join([type(self).__name__, *(f"  {name:<{width}}  {value}" for name, value in rows)])

    def _repr_html_(self) -> str:
        """Return the same as a table, for notebooks."""
        rows = (
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(brief(value))}</td></tr>"
            for name, value in self.summary()
        )
        return f"<table><caption>{escape(type(self).__name__)}</caption>{''.join(rows)}</table>"


def brief(value: object) -> str:
    """Return `value` in one short line: arrays by dtype and shape, records by their class.

    >>> brief((np.zeros((2, 3)), np.zeros(3)))
    'float64 (2, 3); float64 (3,)'
    """
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, Summarised):
        text = ", ".join(f"{name} {brief(each)}" for name, each in value.summary())
    elif isinstance(value, tuple) and any(isinstance(item, np.ndarray) or is_dataclass(item) for item in value):
        text = "; ".join(brief(item) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        text = str(getattr(value, "name", None) or getattr(value, "label", None) or value)
    else:
        text = str(value)
    line = " ".join(text.split())
    return line if len(line) <= _MOST_CHARACTERS else f"{line[: _MOST_CHARACTERS - 4]} ..."
