"""Numbers as SPICE text: written so that they read back to the last bit, read with SPICE's suffixes."""

import re

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, explain

BOUND = 1e300
"""Stands for infinity in a netlist."""

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|mil|[tgkmunpfa])?[a-z]*")
_SUFFIX = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "mil": 25.4e-6,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "a": 1e-18,
}


def number_text(value: float) -> str:
    """Return `value` so that it reads back exactly; infinity becomes `BOUND`.

    >>> number_text(1e-10)
    '1e-10'
    """
    return repr(min(max(float(value), -BOUND), BOUND))


def number_texts(values: Floats) -> list[str]:
    """Return all of `values` (m,) as `number_text` does.

    >>> number_texts(np.array([0.5, np.inf]))
    ['0.5', '1e+300']
    """
    return [repr(value) for value in np.clip(values, -BOUND, BOUND).tolist()]


def parse_number(text: str, parameters: dict[str, float]) -> float:
    """Return the number in `text`: digits with a SPICE suffix, or `{name}` or `'name'` of one of the `parameters`.

    Raises `FileFormatError` for anything else.

    >>> parse_number("4.7k", {})
    4700.0
    >>> parse_number("{r_load}", {"r_load": 5e3})
    5000.0
    """
    if text[:1] + text[-1:] in ("{}", "''") and text[1:-1] in parameters:
        return parameters[text[1:-1]]
    match = _NUMBER.fullmatch(text.lower())
    if match is None:
        do = "write digits with a SPICE suffix, or {name} of a .param above"
        raise FileFormatError(explain("netlist value", must="be a number", got=ascii(text)[:60], do=do))
    value = float(match[1]) * _SUFFIX.get(match[2] or "", 1.0)
    return value if abs(value) < BOUND else value * float("inf")
