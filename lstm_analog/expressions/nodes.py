"""Expressions of efforts and parameters: what they are made of, and the rules by which they simplify.

An expression is a tree of frozen nodes. Builders (`+ - * /`, `tanh`, `minimum`, ...) fold numbers and drop what changes
nothing (adding 0, multiplying by 1 or 0, the lesser of x and infinity), so the law of a part that lacks something,
such as a limit, is the general law with that parameter replaced. A product with 0 is taken for 0: efforts are finite.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Union


class Op(Enum):
    """What a node does with its arguments; the value is the name of the numpy function where there is one."""

    NUMBER = "number"
    EFFORT = "effort"
    PARAMETER = "parameter"
    LINE = "line"
    LET = "let"
    CALL = "call"
    ADD = "add"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    TANH = "tanh"
    EXP = "exp"
    LOG1P = "log1p"
    SQRT = "sqrt"
    ABS = "absolute"
    SIGN = "sign"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    WHERE = "where"


Operand = Union["Expression", float]


@dataclass(frozen=True, kw_only=True, slots=True, init=False)
class Expression:
    """A node: `op` and its arguments.

    Attributes
    ----------
    op : Op
        What it does.
    args : tuple of Expression
        What it does it with; of a `LET` the one it names, of a `CALL` the arguments of the function `name`.
    name : str
        Of an effort, a parameter, a `LET` or a `CALL`; else empty.
    value : float
        Of a number; else 0.
    """

    op: Op
    args: tuple["Expression", ...]
    name: str
    value: float
    _hash: int

    def __init__(self, op: Op, args: tuple["Expression", ...] = (), name: str = "", value: float = 0.0) -> None:
        """Make the node as it is given: builders simplify, this does not."""
        for field, given in (("op", op), ("args", args), ("name", name), ("value", value)):
            object.__setattr__(self, field, given)
        object.__setattr__(self, "_hash", hash((op, args, name, value)))

    def __hash__(self) -> int:
        """Return the hash that was taken when the node was made, so that large trees are quick keys."""
        return self._hash

    def __add__(self, other: Operand) -> "Expression":
        """Return the sum."""
        return add(self, other)

    def __radd__(self, other: Operand) -> "Expression":
        """Return the sum."""
        return add(other, self)

    def __sub__(self, other: Operand) -> "Expression":
        """Return the difference."""
        return add(self, multiply(-1.0, other))

    def __rsub__(self, other: Operand) -> "Expression":
        """Return the difference."""
        return add(other, multiply(-1.0, self))

    def __mul__(self, other: Operand) -> "Expression":
        """Return the product."""
        return multiply(self, other)

    def __rmul__(self, other: Operand) -> "Expression":
        """Return the product."""
        return multiply(other, self)

    def __truediv__(self, other: Operand) -> "Expression":
        """Return the quotient."""
        return divide(self, other)

    def __rtruediv__(self, other: Operand) -> "Expression":
        """Return the quotient."""
        return divide(other, self)

    def __neg__(self) -> "Expression":
        """Return minus this."""
        return multiply(-1.0, self)


def number(value: float) -> Expression:
    """Return the number `value`."""
    return Expression(Op.NUMBER, value=float(value))


def effort(name: str) -> Expression:
    """Return the effort at the terminal `name`."""
    return Expression(Op.EFFORT, name=name)


def parameter(name: str) -> Expression:
    """Return the parameter `name`."""
    return Expression(Op.PARAMETER, name=name)


LINE = Expression(Op.LINE)
"""1 while the clock line of the part is high, 0 while it is low."""


def let(name: str, body: Expression) -> Expression:
    """Return `body` under a `name` by which texts may refer to it, unless it is a symbol or has a name."""
    return Expression(Op.LET, (body,), name) if body.args and body.op is not Op.LET else body


def operand(given: Operand) -> Expression:
    """Return `given` as an expression."""
    return given if isinstance(given, Expression) else number(given)


def constant(given: Operand) -> float | None:
    """Return the number that `given` is, None if it is none."""
    if isinstance(given, Expression):
        return given.value if given.op is Op.NUMBER else None
    return given


def _flat(op: Op, given: tuple[Operand, ...]) -> tuple[list[Expression], list[float]]:
    """Return the arguments of an associative `op`, those of nested ones in place, numbers apart."""
    found: list[Expression] = []
    for one in map(operand, given):
        found += one.args if one.op is op else (one,)
    numbers = [one.value for one in found if one.op is Op.NUMBER]
    return [one for one in found if one.op is not Op.NUMBER], numbers


def add(*terms: Operand) -> Expression:
    """Return the sum of `terms`, its number last."""
    rest, numbers = _flat(Op.ADD, terms)
    total = sum(numbers)
    if math.isinf(total):
        return number(total)
    if total or not rest:
        rest.append(number(total))
    return rest[0] if len(rest) == 1 else Expression(Op.ADD, tuple(rest))


def multiply(*factors: Operand) -> Expression:
    """Return the product of `factors`, its number first."""
    rest, numbers = _flat(Op.MULTIPLY, factors)
    total = math.prod(numbers)
    if total == 0.0 or not rest:
        return number(total)
    below = [one.args[1] for one in rest if _is_inverse(one)]
    if below and len(below) < len(rest):
        above = multiply(*(one for one in rest if not _is_inverse(one)))
        return multiply(total, divide(above, multiply(*below)))
    if total != 1.0:
        rest.insert(0, number(total))
    return rest[0] if len(rest) == 1 else Expression(Op.MULTIPLY, tuple(rest))


def _is_inverse(factor: Expression) -> bool:
    return factor.op is Op.DIVIDE and constant(factor.args[0]) == 1.0


def divide(above: Operand, below: Operand) -> Expression:
    """Return `above` over `below`; of a number below, the product with its inverse if that is exact.

    An infinite limit over a parameter, which is above zero, stays infinite.
    """
    above, below = operand(above), operand(below)
    known = constant(below)
    if constant(above) in (0.0, math.inf):
        return above
    if known is not None and math.isinf(known):
        return number(0.0)
    top = constant(above)
    if top is not None and top < 0.0:
        return multiply(-1.0, divide(-top, below))
    if _is_inverse(below):
        return multiply(above, below.args[1])
    factors = above.args if above.op is Op.MULTIPLY else (above,)
    if known is None and below in factors:
        place = factors.index(below)
        return multiply(*factors[:place], *factors[place + 1 :])
    if known is not None and math.frexp(known)[0] in (0.5, -0.5):
        return multiply(1.0 / known, above)
    if known is not None and constant(above) is not None:
        return number(above.value / known)
    return Expression(Op.DIVIDE, (above, below))


_FOLDS: Mapping[Op, Callable[[float], float]] = MappingProxyType(
    {
        Op.TANH: math.tanh,
        Op.EXP: math.exp,
        Op.LOG1P: math.log1p,
        Op.SQRT: math.sqrt,
        Op.ABS: abs,
        Op.SIGN: lambda x: float(x > 0) - float(x < 0),
    }
)


def _of_one(op: Op, given: Operand) -> Expression:
    given = operand(given)
    known = constant(given)
    return Expression(op, (given,)) if known is None else number(_FOLDS[op](known))


def tanh(x: Operand) -> Expression:
    """Return tanh(`x`)."""
    return _of_one(Op.TANH, x)


def exp(x: Operand) -> Expression:
    """Return exp(`x`)."""
    return _of_one(Op.EXP, x)


def log1p(x: Operand) -> Expression:
    """Return log(1 + `x`)."""
    return _of_one(Op.LOG1P, x)


def sqrt(x: Operand) -> Expression:
    """Return the root of `x`."""
    return _of_one(Op.SQRT, x)


def absolute(x: Operand) -> Expression:
    """Return |`x`|."""
    return _of_one(Op.ABS, x)


def sign(x: Operand) -> Expression:
    """Return 1 above zero, -1 below, 0 at zero `x`."""
    return _of_one(Op.SIGN, x)


def _extreme(op: Op, choose: Callable[[float, float], float], neutral: float, a: Operand, b: Operand) -> Expression:
    a, b = operand(a), operand(b)
    first, second = constant(a), constant(b)
    if first is not None and second is not None:
        return number(choose(first, second))
    if first == neutral or second == neutral:
        return b if first == neutral else a
    if first == -neutral or second == -neutral:
        return number(-neutral)
    return Expression(op, (a, b))


def minimum(a: Operand, b: Operand) -> Expression:
    """Return the lesser of `a` and `b`; where they are equal, the slope is that of `b`."""
    return _extreme(Op.MINIMUM, min, math.inf, a, b)


def maximum(a: Operand, b: Operand) -> Expression:
    """Return the greater of `a` and `b`; where they are equal, the slope is that of `b`."""
    return _extreme(Op.MAXIMUM, max, -math.inf, a, b)


def where(a: Operand, b: Operand, below: Operand, other: Operand) -> Expression:
    """Return `below` where `a` < `b`, else `other`."""
    a, b, below, other = map(operand, (a, b, below, other))
    first, second = constant(a), constant(b)
    if below == other:
        return below
    if first is not None and second is not None:
        return below if first < second else other
    if second == math.inf or first == -math.inf:
        return below
    return Expression(Op.WHERE, (a, b, below, other))
