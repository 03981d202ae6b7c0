"""Parts that set an unknown: sources, junctions, storages, and followers."""

import math
from dataclasses import dataclass
from functools import cache

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.expressions import Expression, clip, effort, parameter
from lstm_analog.network.bank import count, freeze, limit_array, node_array, positive_array, value_array
from lstm_analog.network.parts.base import CardNames, Law, check_bank, check_entries, law


@dataclass(frozen=True, kw_only=True, eq=False)
class Sources:
    """Imposed efforts: e is the value in the schedule, or `effort` (effort unit) if the schedule names none."""

    label: str
    nodes: Indices = node_array()
    effort: Floats = value_array()

    def __post_init__(self) -> None:
        check_bank(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Junctions:
    """Nodes without storage, whose effort follows from Kirchhoff's law: the sum of the flows into each is 0."""

    label: str
    nodes: Indices = node_array()

    def __post_init__(self) -> None:
        check_bank(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Storages:
    """Stores to the datum: C de/dt = sum of flows; `capacitance` C (capacitance unit).

    A capacitor. An open tank of vertical walls, A/(rho g) by hydrostatics, valid between dry and full; a piston on a
    spring, A^2/k by Hooke's law, valid between its stops; a chamber's walls and liquid, V/beta. `Stops` are the ends.
    """

    label: str
    nodes: Indices = node_array()
    capacitance: Floats = positive_array()

    def __post_init__(self) -> None:
        check_bank(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """One addend in the sums of m followers: the nodes `inputs` (m,) and their `gain` (..., m), dimensionless."""

    inputs: Indices = node_array()
    gain: Floats = value_array()

    def __post_init__(self) -> None:
        freeze(self, "term")


@dataclass(frozen=True, kw_only=True, eq=False)
class Followers:
    """Buffers that draw no flow at their inputs: e = clip(offset + sum of gain e_input over the `terms`, low, high).

    A voltage follower; a force-balance relay, totalizing where it has several terms: gain of its diaphragms' areas,
    offset of its spring, range of its supply (docs/hydraulics.md#relays). It follows at once: valid if it is faster
    than its tank, delivers the flow and does not hunt, as the design check asks. Infinite bounds never bind.
    """

    label: str
    terms: tuple[Term, ...]
    nodes: Indices = node_array()
    offset: Floats = value_array()
    low: Floats = limit_array()
    high: Floats = limit_array()

    def __post_init__(self) -> None:
        """Check the label, the arrays, that low is not above high, and that every term has an input for each."""
        check_bank(self)
        if not ((self.low <= self.high) & (self.low < math.inf) & (self.high > -math.inf)).all():
            must, got = "leave a range", "low above high, or no finite effort between"
            raise InvalidValueError(explain(f"{self.label}.low and high", must=must, got=got, do="give low <= high"))
        check_entries(self.terms, f"{self.label}.terms", Term)
        sizes = [count(term) for term in self.terms]
        if set(sizes) != {count(self)}:
            must, do = f"be terms of {count(self)} inputs, at least one", "give every term one input a follower"
            raise InvalidShapeError(explain(f"{self.label}.terms", must=must, got=sizes, do=do))


@cache
def _follower(terms: int) -> Law:
    total: Expression = parameter("offset")
    for k in range(1, terms + 1):
        total = total + parameter(f"gain{k}") * effort(f"inputs{k}")
    return Law(
        terminals=("nodes", *(f"inputs{k}" for k in range(1, terms + 1))),
        sets={"nodes": clip(total, parameter("low"), parameter("high"))},
        units={"offset": "effort", "low": "effort", "high": "effort", **{f"gain{k}": "1" for k in range(1, terms + 1)}},
        neutral={"low": -math.inf, "high": math.inf},
        cards=CardNames(device=f"follower_{terms}", pins={"nodes": "out"}),
    )


law.register(Followers, lambda part: _follower(len(part.terms)))
