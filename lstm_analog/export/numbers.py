"""Write numbers as SPICE text that reads back to the last bit, and read numbers with SPICE's suffixes.

Simulators, and versions of one simulator, read some spellings differently. These are refused with an explanation
(`difference`), measured in ngspice 39 and 45, for the others taken from the reference of LTspice (Analog Devices, 2025)
and the source of Xyce 7 (`N_UTL_ExtendedString.C`). `benchmarks/spellings.py` compares this module with ngspice over
thousands of spellings.

Expressions of numbers and parameters are evaluated in the grammar common to SPICE dialects: + - * / ( ). Anything that
dialects read differently is refused: powers (ngspice takes 2**3**2 for 64 and -2**2 for -4), functions, conditions, a
sign behind an operator (an error in ngspice before a name).
"""

import operator
import re
from collections.abc import Mapping
from math import inf
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import FileFormatError, UnsupportedError, explain

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[\w.]*)|(?P<name>[a-z_]\w*)|(?P<mark>\*\*|[-+*/()])|(?P<other>\S))"
)
_RANKS = MappingProxyType({"+": 1, "-": 1, "*": 2, "/": 2})
_APPLY = MappingProxyType({"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv})


def _evaluate(text: str, parameters: Mapping[str, float]) -> float:
    """Return the value of the lower-case expression `text` with `parameters` by name, or raise `FileFormatError`.

    Operators of equal rank are applied from the left.
    """
    values, waiting, operand = list[float](), list[str](), False
    for token in _TOKEN.finditer(text.rstrip()):
        kind, word = token.lastgroup or "", token[0].strip()
        if kind in ("number", "name") and not operand:
            values.append(_literal(word) if kind == "number" else _known(word, parameters, text))
            operand = True
        elif word in ("+", "-") and not operand and waiting[-1:] in ([], ["("]):
            values.append(0.0)  # a sign: 0 - x
            waiting.append(word)
        elif word == "(" and not operand:
            waiting.append(word)
        elif word in _RANKS and operand:
            _reduce(values, waiting, _RANKS[word])
            waiting.append(word)
            operand = False
        elif word == ")" and operand and "(" in waiting:
            _reduce(values, waiting, 0)
            waiting.pop()
        else:
            raise _strange(text)
    if not operand or "(" in waiting:
        raise _strange(text)
    _reduce(values, waiting, 0)
    return values[0]


def _reduce(values: list[float], waiting: list[str], rank: int) -> None:
    """Apply the `waiting` operators, last first, down to a bracket or to one of lower rank than `rank`."""
    while waiting and waiting[-1] != "(" and _RANKS[waiting[-1]] >= rank:
        b, a, sign = values.pop(), values.pop(), waiting.pop()
        if sign == "/" and b == 0.0:
            raise FileFormatError(explain("expression", must="not divide by zero", got=f"{a:g}/0", do="correct it"))
        values.append(_APPLY[sign](a, b))


def _known(name: str, parameters: Mapping[str, float], text: str) -> float:
    if name not in parameters:
        do = "declare it by a .param above, or write its value"
        got = f"{name} in {text}"
        raise FileFormatError(explain("name in an expression", must="be a parameter", got=ascii(got)[:80], do=do))
    return parameters[name]


def _strange(text: str) -> FileFormatError:
    must, do = "be numbers and names with + - * / ( )", "write its value: dialects differ in powers, functions, signs"
    return FileFormatError(explain("expression", must=must, got=ascii(text)[:80], do=do))


BOUND = 1e300
"""The number that stands for infinity in a netlist."""

_DIGITS = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?")
_NUMBER = re.compile(rf"({_DIGITS.pattern})(?![axed]|mil)(meg|[tgkmunpf])?([a-z]*)")
_SUFFIX = {"t": 1e12, "g": 1e9, "meg": 1e6, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_DIFFERENCES = (
    (re.compile(r"x\d"), "0 on a card of ngspice, hexadecimal in its .param: write it in digits"),
    (re.compile(r"x"), "a factor of 1e6 in Xyce, a unit in ngspice and LTspice: write meg"),
    (re.compile(r"mil"), "a factor of 25.4e-6 on a card of ngspice, of 1e-3 in its .param: write the metres in digits"),
    (re.compile(r"a"), "a unit in ngspice 39, a factor of 1e-18 from ngspice 42 on: write the exponent"),
    (re.compile(r"e"), "an exponent without digits, which ngspice ignores: complete it or leave it out"),
    (re.compile(r"d"), "an exponent on a card of ngspice, a unit or an error in its .param: write e, or leave it out"),
    (
        re.compile(r"[a-z]+[\d.]"),
        "digits that ngspice ignores on a card, decimals in LTspice: write the point, as in 4.7k",
    ),
)
"""Letters behind the digits of a number that simulators read differently, with the explanation."""


def number_text(value: float) -> str:
    """Return `value` as text that reads back exactly; infinity becomes `BOUND`.

    Raises `UnsupportedError` for other numbers as large, which would read back as infinity.

    >>> number_text(1e-10)
    '1e-10'
    """
    number = float(value)
    if BOUND <= abs(number) < inf:
        must, do = f"be below {BOUND:g}, which stands for infinity", "give infinity for no limit, or choose other units"
        raise UnsupportedError(explain("number in a netlist", must=must, got=number, do=do))
    return repr(min(max(number, -BOUND), BOUND))


def number_texts(values: Floats) -> list[str]:
    """Return each of `values` (m,) as `number_text` does; raises as that does.

    >>> number_texts(np.array([0.5, np.inf]))
    ['0.5', '1e+300']
    """
    if (np.abs(values) >= BOUND).any():
        return [number_text(value) for value in values.tolist()]
    return [repr(value) for value in values.tolist()]


def inverse(values: Floats) -> Floats:
    """Return resistances for conductances, `values` of any shape, and back; zero for infinity and infinity for zero.

    Raises `UnsupportedError` for others whose inverse no number can hold.
    """
    with np.errstate(divide="ignore", over="ignore"):
        found = 1.0 / values
    lost = values[np.isinf(found) & (values != 0.0)]
    if lost.size:
        must, do = "have an inverse, for netlists have resistances", "give 0, or choose other units"
        raise UnsupportedError(explain("conductance or resistance", must=must, got=lost[0], do=do))
    return found


def is_number(text: str) -> bool:
    """Return whether the lower-case `text` is digits with a suffix that every simulator reads alike."""
    return _NUMBER.fullmatch(text) is not None


def unit_of(text: str) -> str:
    """Return the letters behind digits and suffix of the number `text`, which simulators ignore."""
    number = _NUMBER.fullmatch(text)
    return number[3] if number else ""


def difference(text: str) -> str:
    """Return how simulators read the lower-case `text` if it is a number on which they differ, else an empty text.

    >>> difference("4k7")[:38]
    'digits that ngspice ignores on a card,'
    """
    digits = _DIGITS.match(text)
    if digits is None:
        return ""
    return next((why for pattern, why in _DIFFERENCES if pattern.match(text, digits.end())), "")


def parse_number(text: str, parameters: Mapping[str, float]) -> float:
    """Return the number in `text`: digits with a SPICE suffix, or an expression of `parameters` in braces or quotes.

    Raises `FileFormatError` for anything else, and for a spelling that simulators read differently.

    >>> parse_number("4.7k", {})
    4700.0
    >>> parse_number("{2*r_load}", {"r_load": 5e3})
    10000.0
    """
    low = text.lower()
    return _evaluate(low[1:-1], parameters) if _is_marked(low) else _literal(low)


def parse_expression(text: str, parameters: Mapping[str, float]) -> float:
    """Return the number in `text` as `parse_number` does with `parameters`; an expression may stand without marks."""
    low = text.lower()
    return parse_number(low, parameters) if _is_marked(low) or is_number(low) else _evaluate(low, parameters)


def _is_marked(text: str) -> bool:
    return text[:1] + text[-1:] in ("{}", "''") and len(text) > 2


def _literal(text: str) -> float:
    number = _NUMBER.fullmatch(text)
    if number is None:
        must, do = "be a number", "write digits with a SPICE suffix, or an expression of .param names above in {}"
        if differs := difference(text):
            must, do = "mean the same to all simulators", f"that is {differs}"
        raise FileFormatError(explain("netlist value", must=must, got=ascii(text)[:60], do=do))
    value = float(number[1]) * (_SUFFIX[number[2]] if number[2] else 1.0)
    return value if abs(value) < BOUND else value * inf
