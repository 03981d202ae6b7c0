"""The nodes of expressions of efforts and parameters, and the rules by which they simplify.

An expression is a tree of frozen nodes. Builders (`+ - * /`, `tanh`, `minimum`, ...) evaluate numbers and remove
operations without effect (adding 0, multiplying by 1 or 0, the minimum of x and infinity). So the law of a part without
a limit, say, is the general law with infinity for that parameter. A product with 0 is 0, because efforts are finite.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Union


class Op(Enum):
    """The kind of a node; the value is the name of the numpy function, if there is one."""

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
    """A node of an expression: an operation and its arguments, or a symbol, or a number.

    Attributes
    ----------
    op : Op
        The kind of node.
    args : tuple of Expression
        The arguments; of a `LET` its body, of a `CALL` the arguments of the function `name`.
    name : str
        The name of an effort, a parameter, a `LET` or a `CALL`; else empty.
    value : float
        The value of a number; else 0.
    """

    op: Op
    args: tuple["Expression", ...]
    name: str
    value: float
    _hash: int

    def __init__(self, op: Op, args: tuple["Expression", ...] = (), name: str = "", value: float = 0.0) -> None:
        """Make the node without simplifying; the builders simplify."""
        for field, given in (("op", op), ("args", args), ("name", name), ("value", value)):
            object.__setattr__(self, field, given)
        object.__setattr__(self, "_hash", hash((op, args, name, value)))

    def __hash__(self) -> int:
        """Return the hash, which was computed when the node was made, so that large trees are fast keys."""
        return self._hash

    def __reduce__(self) -> tuple[type["Expression"], tuple[object, ...]]:
        """Make the node anew where it is unpickled: hashes of names differ from process to process."""
        return Expression, (self.op, self.args, self.name, self.value)

    def __add__(self, other: Operand) -> "Expression":
        return add(self, other)

    def __radd__(self, other: Operand) -> "Expression":
        return add(other, self)

    def __sub__(self, other: Operand) -> "Expression":
        return add(self, multiply(-1.0, other))

    def __rsub__(self, other: Operand) -> "Expression":
        return add(other, multiply(-1.0, self))

    def __mul__(self, other: Operand) -> "Expression":
        return multiply(self, other)

    def __rmul__(self, other: Operand) -> "Expression":
        return multiply(other, self)

    def __truediv__(self, other: Operand) -> "Expression":
        return divide(self, other)

    def __rtruediv__(self, other: Operand) -> "Expression":
        return divide(other, self)

    def __neg__(self) -> "Expression":
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
    """Return `body` with a `name` for texts; `body` itself if it is a symbol or number, or has a name already."""
    return Expression(Op.LET, (body,), name) if body.args and body.op is not Op.LET else body


def operand(given: Operand) -> Expression:
    """Return `given` as an expression."""
    return given if isinstance(given, Expression) else number(given)


def constant(given: Operand) -> float | None:
    """Return the value of `given` if it is a number, else None."""
    if isinstance(given, Expression):
        return given.value if given.op is Op.NUMBER else None
    return given


def _flat(op: Op, given: tuple[Operand, ...]) -> tuple[list[Expression], list[float]]:
    """Return the arguments `given` to an associative `op`, with nested ones merged, and the numbers among them."""
    found: list[Expression] = []
    for one in map(operand, given):
        found += one.args if one.op is op else (one,)
    numbers = [one.value for one in found if one.op is Op.NUMBER]
    return [one for one in found if one.op is not Op.NUMBER], numbers


def add(*terms: Operand) -> Expression:
    """Return the sum of `terms`; a number among them comes last."""
    rest, numbers = _flat(Op.ADD, terms)
    total = sum(numbers)
    if math.isinf(total):
        return number(total)
    if total or not rest:
        rest.append(number(total))
    return rest[0] if len(rest) == 1 else Expression(Op.ADD, tuple(rest))


def multiply(*factors: Operand) -> Expression:
    """Return the product of `factors`; a number among them comes first."""
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
    """Return `above` over `below`; for a power of two below, the product with its inverse, which is exact.

    Infinity over an expression is infinity: only parameters above zero divide a limit.
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
    """Return the square root of `x`."""
    return _of_one(Op.SQRT, x)


def absolute(x: Operand) -> Expression:
    """Return |`x`|."""
    return _of_one(Op.ABS, x)


def sign(x: Operand) -> Expression:
    """Return 1 for `x` above zero, -1 below zero, 0 at zero."""
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
    """Return the lesser of `a` and `b`; where they are equal, the derivative is that of `b`."""
    return _extreme(Op.MINIMUM, min, math.inf, a, b)


def maximum(a: Operand, b: Operand) -> Expression:
    """Return the greater of `a` and `b`; where they are equal, the derivative is that of `b`."""
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
