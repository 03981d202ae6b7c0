"""Evaluate expressions of numbers and parameters in a deck, in the grammar common to SPICE dialects: + - * / ( ).

Anything that dialects read differently is refused: powers (ngspice takes 2**3**2 for 64 and -2**2 for -4), functions,
conditions, a sign behind an operator (an error in ngspice before a name).
"""

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from lstm_analog.errors import FileFormatError, explain

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[\w.]*)|(?P<name>[a-z_]\w*)|(?P<mark>\*\*|[-+*/()])|(?P<other>\S))"
)
_RANKS: Mapping[str, int] = MappingProxyType({"+": 1, "-": 1, "*": 2, "/": 2})
_APPLY: Mapping[str, Callable[[float, float], float]] = MappingProxyType(
    {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
)


def evaluate(text: str, parameters: Mapping[str, float], literal: Callable[[str], float]) -> float:
    """Return the value of the lower-case expression `text` with `parameters` by name; `literal` reads its numbers.

    Operators of equal rank are applied from the left. Raises `FileFormatError` for text outside this grammar.
    """
    values, waiting, operand = list[float](), list[str](), False
    for token in _TOKEN.finditer(text.rstrip()):
        kind, word = token.lastgroup or "", token[0].strip()
        if kind in ("number", "name") and not operand:
            values.append(literal(word) if kind == "number" else _known(word, parameters, text))
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
