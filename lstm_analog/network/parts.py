"""The part banks: all like parts of a network as one record of arrays.

A bank says what is there; `laws.py` says what it does. Node arrays have shape (m,) and count the network's unknowns,
0 being the datum. Parameters have shape (m,); leading axes (chips) may stand before it. A scalar means m equal parts.
Crossbars and ports, whose flow may be other than linear, stand in `passages`, what has mass or stops in `moving`,
transistor-level cells in `cells`.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats_of_shape, indices
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.bank import Role, count, limit_array, node_array, positive_array, put, settle, value_array
from lstm_analog.network.cells import Cells
from lstm_analog.network.labels import check_label
from lstm_analog.network.moving import Inertances, Spools, Stops
from lstm_analog.network.passages import ALWAYS, Crossbars, Ports
from lstm_analog.network.shapes import Shape

__all__ = [
    "ALWAYS",
    "DATUM",
    "KINDS",
    "Cells",
    "Conductors",
    "Crossbars",
    "Factor",
    "Followers",
    "Inertances",
    "Junctions",
    "OpAmps",
    "Pairs",
    "Part",
    "Ports",
    "Sources",
    "Spools",
    "Stops",
    "Storages",
    "Switches",
    "Term",
    "Transconductors",
]

_UNBOUND: Any = np.inf
_NONE: Any = 0.0

DATUM = 0
"""The unknown that is zero by definition: electrical ground, the reference pressure."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sources:
    """Efforts imposed by the outside: e = the schedule's value, else `effort` (effort unit)."""

    label: str
    nodes: Indices = node_array()
    effort: Floats = value_array()

    def __post_init__(self) -> None:
        """Check the label and the arrays."""
        _settle(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Junctions:
    """Nodes without storage: Kirchhoff's law, sum of flows = 0, determines their effort."""

    label: str
    nodes: Indices = node_array()

    def __post_init__(self) -> None:
        """Check the label and the nodes."""
        _settle(self)


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
        """Check the label and the arrays."""
        _settle(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """One input of followers, (m,), and its gain."""

    inputs: Indices = node_array()
    gain: Floats = value_array()

    def __post_init__(self) -> None:
        """Check the arrays."""
        settle(self, "term")


@dataclass(frozen=True, kw_only=True, eq=False)
class Followers:
    """Buffers that load nothing: e = clip(offset + sum of gain e_input over the `terms`, low, high).

    A voltage follower; a force-balance relay, totalizing where it has several terms: gain of its diaphragms' areas,
    offset of its spring, range of its supply (`reference/hydraulic.md` A3). It follows at once: valid if it is faster
    than its tank, delivers the flow and does not hunt, as the design check asks. Infinite bounds never bind.
    """

    label: str
    terms: tuple[Term, ...]
    nodes: Indices = node_array()
    offset: Floats = value_array()
    low: Floats = limit_array()
    high: Floats = limit_array()

    def __post_init__(self) -> None:
        """Check the label, the arrays and that every term has an input for each follower."""
        _settle(self)
        sizes = [count(term) for term in self.terms]
        if set(sizes) != {count(self)}:
            must, do = f"be terms of {count(self)} inputs, at least one", "give every term one input a follower"
            raise InvalidShapeError(explain(f"{self.label}.terms", must=must, got=sizes, do=do))


@dataclass(frozen=True, kw_only=True, eq=False)
class Conductors:
    """Linear conductances between two nodes: flow from a to b is G (e_a - e_b).

    Ohm 1827; a capillary, G = pi d^4/(128 mu L), Hagen 1839 and Poiseuille 1846: laminar, Re < 2300, and much longer
    than 0.06 Re d, over which the profile forms. The design check looks at both; `Crossbars` can lose at their ends.
    """

    label: str
    a: Indices = node_array()
    b: Indices = node_array()
    conductance: Floats = positive_array()

    def __post_init__(self) -> None:
        """Check the label and the arrays."""
        _settle(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Switches:
    """Conductors of `closed` conductance while the clock `line` is high, of `opened` while it is low.

    A transistor switch; a solenoid valve with its line, `opened` being the leak of its seat (both as in `Conductors`).
    Valid while it is faster than what it fills and displaces little as it shuts, as the design check asks.
    """

    label: str
    line: int
    a: Indices = node_array()
    b: Indices = node_array()
    closed: Floats = positive_array()
    opened: Floats = positive_array()

    def __post_init__(self) -> None:
        """Check the label and the arrays."""
        _settle(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Transconductors:
    """A dense bank, one signed element a weight: flow into row j is sum_i G_ji e_i; the inputs are not loaded.

    `inputs` (n,), `rows` (m,), `transconductance` (..., m, n) in flow unit per effort unit.
    """

    label: str
    inputs: Indices
    rows: Indices
    transconductance: Floats

    def __post_init__(self) -> None:
        """Check the label, the nodes and the shape (..., m, n)."""
        check_label(self.label)
        put(self, "inputs", indices(self.inputs, f"{self.label}.inputs"))
        put(self, "rows", indices(self.rows, f"{self.label}.rows"))
        shape, what = (self.rows.size, self.inputs.size), f"{self.label}.transconductance"
        put(self, "transconductance", floats_of_shape(self.transconductance, what, shape))


@dataclass(frozen=True, kw_only=True, eq=False)
class Factor:
    """One tier of a stack of pairs: s(scale (e_p - e_n) + offset), `scale` per effort unit, `offset` dimensionless."""

    shape: Shape
    p: Indices = node_array()
    n: Indices = node_array()
    scale: Floats = value_array()
    offset: Floats = value_array()

    def __post_init__(self) -> None:
        """Check the arrays."""
        settle(self, "factor")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """Stacked differential pairs: the flow into `out` is `current` times the product of the tiers' factors.

    A pair splits its tail current as I sigmoid(v/V_T), both sides as I tanh(v/2V_T); a pair upon another multiplies
    (Gilbert 1968). A negative `current` (flow unit) takes the other side. While `line` is low the tail is off.
    """

    label: str
    line: int
    factors: tuple[Factor, ...]
    out: Indices = node_array()
    current: Floats = value_array()

    def __post_init__(self) -> None:
        """Check the label, the arrays and that 1 to 3 tiers of equal size are given."""
        _settle(self)
        sizes = [count(factor) for factor in self.factors]
        if not 1 <= len(sizes) <= 3 or set(sizes) != {count(self)}:
            must = f"be 1 to 3 tiers of {count(self)} pairs"
            raise InvalidShapeError(
                explain(f"{self.label}.factors", must=must, got=sizes, do="give every tier one pair an output")
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class OpAmps:
    """One-pole op-amps (Boyle 1974, reduced), the internal `state` x (V) being an unknown of its own.

    `C dx/dt = I tanh(gm (e_plus - e_minus + offset)/I) - G x - K (x - clip(x, -clamp, clamp))`; the output stage feeds
    `(swing tanh(x/swing) - e_out) output_conductance` into `out`. So A0 = gm/G, gain-bandwidth = gm/(2 pi C) in Hz,
    slew = I/C; the clamp keeps x from winding up beyond the rails. The inputs draw no current.

    `common_mode`, 1/CMRR, adds that share of (e_plus + e_minus)/2 to the offset. A finite `output_limit` (flow unit)
    takes the drive away from an output that gives more, as a short-circuit protection does: the clamp also acts on
    swing tanh(x/swing) - e_out beyond ± output_limit/output_conductance. It gives way by I/clamp_conductance.
    """

    label: str
    state: Indices = node_array()
    plus: Indices = node_array()
    minus: Indices = node_array()
    out: Indices = node_array()
    transconductance: Floats = positive_array()
    current_limit: Floats = positive_array()
    conductance: Floats = positive_array()
    capacitance: Floats = positive_array()
    offset: Floats = value_array()
    swing: Floats = positive_array()
    clamp: Floats = positive_array()
    clamp_conductance: Floats = positive_array()
    output_conductance: Floats = positive_array()
    common_mode: Floats = field(default=_NONE, metadata={"role": Role.VALUES})
    output_limit: Floats = field(default=_UNBOUND, metadata={"role": Role.LIMITS})

    def __post_init__(self) -> None:
        """Check the label, the arrays and that the output gives a current."""
        _settle(self)
        if not (self.output_limit > 0).all():
            got, do = float(self.output_limit.min()), "give infinity for none"
            raise InvalidValueError(explain(f"{self.label}.output_limit", must="be positive", got=got, do=do))

    @cached_property
    def unlimited(self) -> bool:
        """Whether every output gives any current."""
        return bool(np.isinf(self.output_limit).all())


Part = (
    Sources
    | Junctions
    | Storages
    | Followers
    | Conductors
    | Switches
    | Transconductors
    | Crossbars
    | Pairs
    | Ports
    | OpAmps
    | Cells
    | Inertances
    | Spools
    | Stops
)

KINDS: tuple[type[Part], ...] = get_args(Part)
"""All kinds of part, for whatever lists them."""


def _settle(part: Part) -> None:
    check_label(part.label)
    settle(part, part.label)
