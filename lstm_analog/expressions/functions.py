"""Named functions: those whose derivative or text must not follow from their definition.

Differentiated by its definition, softplus would have slope 0 at u = 0 by the rule for |u|, not 1/2; and the tail of
softplus(u)/sigmoid(u) loses its digits in a language without log(1 + x). So a named function stays a node of its own in
an expression, and declares its derivatives.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lstm_analog.expressions.nodes import (
    Expression,
    Op,
    Operand,
    absolute,
    constant,
    exp,
    let,
    log1p,
    maximum,
    minimum,
    multiply,
    number,
    operand,
    sign,
    tanh,
    where,
)

_TAIL = -4.0
"""Below this u, softplus(u)/sigmoid(u) is computed by a series in x = exp(u) <= 0.018, whose 11th power is 1e-19."""
_POWERS = range(10, 0, -1)


@dataclass(frozen=True, kw_only=True)
class NamedFunction:
    """A named function; calling it with expressions returns a `CALL` node.

    Attributes
    ----------
    name : str
        Its name in a `CALL`.
    body : callable
        Its definition: the expression of its arguments.
    slopes : callable
        Its derivatives by each argument, as expressions of its arguments.
    kinks : callable
        Expressions of its arguments that are zero where it has no derivative; none if it is smooth.
    known : callable
        A simpler expression for special arguments, such as an infinite limit; None for all others.
    """

    name: str
    body: Callable[..., Expression]
    slopes: Callable[..., tuple[Expression, ...]]
    kinks: Callable[..., tuple[Expression, ...]] = lambda *args: ()
    known: Callable[..., Expression | None] = lambda *args: None

    def __call__(self, *args: Operand) -> Expression:
        """Return the function of `args`, evaluated if all are numbers."""
        given = tuple(map(operand, args))
        known = self.known(*given)
        if known is not None:
            return known
        if all(constant(one) is not None for one in given):
            return self.body(*given)
        return Expression(Op.CALL, given, self.name)


def clip(x: Operand, low: Operand, high: Operand) -> Expression:
    """Return `x` limited to `low` and `high`; where it equals one of them its derivative is that of `x`."""
    return minimum(high, maximum(low, x))


def sigmoid(u: Operand) -> Expression:
    """Return 1/(1 + exp(-`u`)), expressed by tanh, which never overflows."""
    return 0.5 * (1.0 + tanh(multiply(0.5, u)))


def _softplus(u: Expression) -> Expression:
    return maximum(u, 0.0) + log1p(exp(-absolute(u)))


softplus = NamedFunction(name="softplus", body=_softplus, slopes=lambda u: (sigmoid(u),))
"""log(1 + exp(u))."""


def _softplus_ratio(u: Expression) -> Expression:
    """Return the definition; below u = -37 it rounds to 1, and u is held there, because exp(-u) would overflow."""
    held = maximum(u, -37.0)
    return (1.0 + exp(-held)) * softplus(held)


def _softplus_ratio_slope(u: Expression) -> tuple[Expression, ...]:
    """Return the derivative 1 - log(1 + x)/x with x = exp(u), below u = `_TAIL` by the series x/2 - x^2/3 + ..."""
    x, series = exp(minimum(u, _TAIL)), number(0.0)
    for power in _POWERS:
        series = x * ((-1.0) ** (power + 1) / (power + 1) + series)
    return (where(u, _TAIL, series, 1.0 - softplus(u) * exp(-maximum(u, _TAIL))),)


softplus_ratio = NamedFunction(name="softplus_ratio", body=_softplus_ratio, slopes=_softplus_ratio_slope)
"""softplus(u)/sigmoid(u) = (1 + exp(-u)) log(1 + exp(u)): about 1 for very negative u, about u for large u."""


def ratio_without_log1p(u: Expression) -> Expression:
    """Return the body of `softplus_ratio` at `u` for languages without log1p.

    Its tail is the series 1 + x/2 - x^2/6 + ... (-1)^(k+1) x^k/(k (k+1)), x = exp(u). The tail is added as a difference
    without a condition, because no form of condition is common to all SPICE dialects.
    """
    named = f"{u.name}_tail" if u.op is Op.LET else ""

    def series(v: Operand) -> Expression:
        x, total = let(named, exp(v)) if named else exp(v), number(0.0)
        for power in _POWERS:
            total = x * ((-1.0) ** (power + 1) / (power * (power + 1)) + total)
        return total

    held = maximum(u, _TAIL)
    return (1.0 + exp(-held)) * softplus(held) + (series(minimum(u, _TAIL)) - series(_TAIL))


def _beyond_slopes(x: Expression, limit: Expression) -> tuple[Expression, ...]:
    outside = where(limit, absolute(x), 1.0, 0.0)
    return outside, -sign(x) * outside


def _known_beyond(x: Expression, limit: Expression) -> Expression | None:
    return {0.0: x, math.inf: number(0.0), None: None}.get(constant(limit))


beyond = NamedFunction(
    name="beyond",
    body=lambda x, limit: x - clip(x, -limit, limit),
    slopes=_beyond_slopes,
    kinks=lambda x, limit: (x - limit, x + limit),
    known=_known_beyond,
)
"""beyond(x, limit): x - limit above the limit, x + limit below -limit, 0 in between."""

FUNCTIONS: Mapping[str, NamedFunction] = MappingProxyType(
    {each.name: each for each in (softplus, softplus_ratio, beyond)}
)
"""The named functions by the name in a `CALL`."""
