"""Stacked differential pairs."""

from dataclasses import dataclass
from functools import cache

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.expressions import LINE, Expression, absolute, effort, let, parameter
from lstm_analog.network.bank import count, freeze, node_array, value_array
from lstm_analog.network.parts.base import SHOT, CardNames, Law, check_bank, check_entries, law
from lstm_analog.network.shapes import CURVES, TWO_SIDED, Shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Factor:
    """One tier of a stack of pairs, s(scale (e_p - e_n) + offset): `scale` per effort unit, `offset` dimensionless."""

    shape: Shape
    p: Indices = node_array()
    n: Indices = node_array()
    scale: Floats = value_array()
    offset: Floats = value_array()

    def __post_init__(self) -> None:
        freeze(self, "factor")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Stacked differential pairs: the flow into `out` is `current` times the product of the tiers' factors.

    A pair splits its tail current as I sigmoid(v/V_T), both sides as I tanh(v/2V_T); a pair upon another multiplies
    (Gilbert 1968). A negative `current` (flow unit) is that of the other side. While `line` is low the tail is off.

    The carriers of a tail that is a transistor arrive one by one, 2 q I; a pair sends each to one side or the other, so
    what flows on each side is again shot noise, and of the sides independent (a Poisson process, split): 2 q I s where
    one side feeds `out`, 2 q I where the difference of both does.
    """

    label: str
    line: int
    factors: tuple[Factor, ...]
    out: Indices = node_array()
    current: Floats = value_array()

    def __post_init__(self) -> None:
        """Check the label, the arrays and that 1 to 3 tiers of equal size are given."""
        check_bank(self)
        check_entries(self.factors, f"{self.label}.factors", Factor)
        sizes = [count(factor) for factor in self.factors]
        if not 1 <= len(sizes) <= 3 or set(sizes) != {count(self)}:
            must = f"be 1 to 3 tiers of {count(self)} pairs"
            raise InvalidShapeError(
                explain(f"{self.label}.factors", must=must, got=sizes, do="give every tier one pair an output")
            )


_SHORT = {"scale": "k", "offset": "o"}


@cache
def _pair(*shapes: Shape) -> Law:
    flow: Expression = LINE * parameter("current")
    carried: Expression = LINE * absolute(parameter("current"))
    for k, shape in enumerate(shapes, start=1):
        control = parameter(f"scale{k}") * (effort(f"p{k}") - effort(f"n{k}")) + parameter(f"offset{k}")
        factor = let(f"s{k}", CURVES[shape](let(f"u{k}", control)))
        flow, carried = flow * factor, carried * (1.0 if shape in TWO_SIDED else factor)
    tiers = range(1, len(shapes) + 1)
    units = {f"{name}{k}": unit for k in tiers for name, unit in (("scale", "per_effort"), ("offset", "1"))}
    ends = (f"{end}{k}" for k in tiers for end in "pn")
    return Law(
        terminals=("out", *ends),
        into={"out": flow},
        units={"current": "flow", **units},
        cards=CardNames(
            device="_".join(["pair", *(shape.value for shape in shapes)]),
            values={"current": "i0", **{f"{name}{k}": f"{short}{k}" for k in tiers for name, short in _SHORT.items()}},
        ),
        noise={("out",): SHOT * carried},
    )


law.register(Pairs, lambda part: _pair(*(factor.shape for factor in part.factors)))
