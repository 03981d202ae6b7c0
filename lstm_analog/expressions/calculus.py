"""Substitute in expressions, differentiate them, and find their symbols and kinks."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import TypeVar

from lstm_analog.expressions.functions import FUNCTIONS
from lstm_analog.expressions.nodes import (
    Expression,
    Op,
    absolute,
    add,
    constant,
    divide,
    exp,
    let,
    log1p,
    maximum,
    minimum,
    multiply,
    number,
    sign,
    sqrt,
    tanh,
    where,
)

_T = TypeVar("_T")
_BUILDERS: Mapping[Op, Callable[..., Expression]] = MappingProxyType(
    {
        Op.ADD: add,
        Op.MULTIPLY: multiply,
        Op.DIVIDE: divide,
        Op.TANH: tanh,
        Op.EXP: exp,
        Op.LOG1P: log1p,
        Op.SQRT: sqrt,
        Op.ABS: absolute,
        Op.SIGN: sign,
        Op.MINIMUM: minimum,
        Op.MAXIMUM: maximum,
        Op.WHERE: where,
    }
)


def _rebuilt(node: Expression, args: tuple[Expression, ...]) -> Expression:
    if node.op is Op.LET:
        return let(node.name, *args)
    if node.op is Op.CALL:
        return FUNCTIONS[node.name](*args)
    return _BUILDERS[node.op](*args) if args else node


def _folded(node: Expression, rule: Callable[[Expression, tuple[_T, ...]], _T], known: Mapping[Expression, _T]) -> _T:
    """Return the result of `rule` for `node` and the results for its arguments; those that are `known` are taken."""
    memo = dict(known)

    def visit(one: Expression) -> _T:
        if one not in memo:
            memo[one] = rule(one, tuple(map(visit, one.args)))
        return memo[one]

    return visit(node)


def substituted(node: Expression, known: Mapping[Expression, Expression]) -> Expression:
    """Return `node` with each node that is a key of `known` replaced by its value, and simplified."""
    return _folded(node, _rebuilt, known)


def without_names(node: Expression) -> Expression:
    """Return `node` with each `let` replaced by its body, and simplified."""

    def rule(one: Expression, args: tuple[Expression, ...]) -> Expression:
        return args[0] if one.op is Op.LET else _rebuilt(one, args)

    return _folded(node, rule, {})


def shared(outputs: Sequence[Expression]) -> tuple[Expression, ...]:
    """Return `outputs` written out, with a `let` around each operation that occurs in them more than once.

    Named functions are replaced by their definitions and other names by what they stand for, so that a text of them,
    in a language with variables, computes everything once.
    """
    plain = [_defined(without_names(one)) for one in outputs]
    uses: dict[Expression, int] = {}

    def count(one: Expression) -> None:
        uses[one] = uses.get(one, 0) + 1
        if uses[one] == 1:
            for arg in one.args:
                count(arg)

    memo: dict[Expression, Expression] = {}

    def name(one: Expression) -> Expression:
        if one not in memo:
            body = Expression(one.op, tuple(map(name, one.args)), one.name, one.value)
            memo[one] = let(f"t{len(memo)}", body) if one.args and uses[one] > 1 else body
        return memo[one]

    for one in plain:
        count(one)
    return tuple(map(name, plain))


def _defined(node: Expression) -> Expression:
    """Return `node` with the definitions of named functions in their place."""

    def rule(one: Expression, args: tuple[Expression, ...]) -> Expression:
        return _defined(FUNCTIONS[one.name].body(*args)) if one.op is Op.CALL else _rebuilt(one, args)

    return _folded(node, rule, {})


def symbols(node: Expression) -> frozenset[Expression]:
    """Return the efforts, the parameters and the clock line that `node` depends on."""

    def rule(one: Expression, args: tuple[frozenset[Expression], ...]) -> frozenset[Expression]:
        return frozenset((one,)) if one.op in (Op.EFFORT, Op.PARAMETER, Op.LINE) else frozenset().union(*args)

    return _folded(node, rule, {})


def lets(node: Expression) -> frozenset[Expression]:
    """Return the `let`s in `node`."""

    def rule(one: Expression, args: tuple[frozenset[Expression], ...]) -> frozenset[Expression]:
        return frozenset((one,) if one.op is Op.LET else ()).union(*args)

    return _folded(node, rule, {})


def kinks(node: Expression) -> tuple[Expression, ...]:
    """Return expressions that are zero where `node` may have no derivative; empty if it is smooth.

    They are the differences of the arguments of minima, maxima and conditions, and the arguments of moduli and signs.
    """

    def rule(one: Expression, args: tuple[dict[Expression, None], ...]) -> dict[Expression, None]:
        return dict.fromkeys(_turns(one)) | dict.fromkeys(chain(*args))

    return tuple(each for each in _folded(node, rule, {}) if constant(each) is None)


def _turns(node: Expression) -> tuple[Expression, ...]:
    if node.op in (Op.MINIMUM, Op.MAXIMUM, Op.WHERE):
        return (node.args[0] - node.args[1],)
    if node.op in (Op.ABS, Op.SIGN):
        return node.args
    return FUNCTIONS[node.name].kinks(*node.args) if node.op is Op.CALL else ()


def derivative(node: Expression, by: Expression) -> Expression:
    """Return the derivative d `node` / d `by`, where `by` is an effort or a parameter.

    Where both arguments of a minimum or maximum are equal it is the derivative of the second; that of sign(x) is 0.
    """

    def rule(one: Expression, slopes: tuple[Expression, ...]) -> Expression:
        return _slope(one, slopes) if one.args else number(float(one == by))

    return _folded(node, rule, {})


def _slope(node: Expression, slopes: tuple[Expression, ...]) -> Expression:
    """Return the derivative of `node` from the derivatives `slopes` of its arguments."""
    args = node.args
    if node.op is Op.LET:
        return slopes[0]
    if node.op is Op.ADD:
        return add(*slopes)
    if node.op is Op.MULTIPLY:
        return add(*(multiply(*args[:k], slope, *args[k + 1 :]) for k, slope in enumerate(slopes) if _counts(slope)))
    if node.op is Op.DIVIDE:
        return slopes[0] / args[1] - node * slopes[1] / args[1]
    if node.op is Op.MINIMUM:
        return where(args[0], args[1], *slopes)
    if node.op is Op.MAXIMUM:
        return where(args[1], args[0], *slopes)
    if node.op is Op.WHERE:
        return where(args[0], args[1], *slopes[2:])
    if node.op is Op.CALL:
        partials = FUNCTIONS[node.name].slopes(*args)
        return add(*(multiply(own, slope) for own, slope in zip(partials, slopes, strict=True) if _counts(slope)))
    return multiply(_SLOPES[node.op](node, args[0]), slopes[0]) if _counts(slopes[0]) else number(0.0)


def _counts(slope: Expression) -> bool:
    return constant(slope) != 0.0


_SLOPES: Mapping[Op, Callable[[Expression, Expression], Expression]] = MappingProxyType(
    {
        Op.TANH: lambda node, x: 1.0 - node * node,
        Op.EXP: lambda node, x: node,
        Op.LOG1P: lambda node, x: 1.0 / (1.0 + x),
        Op.SQRT: lambda node, x: 0.5 / node,
        Op.ABS: lambda node, x: sign(x),
        Op.SIGN: lambda node, x: number(0.0),
    }
)
"""The derivative of each function of one argument x, as a function of its node and x."""
