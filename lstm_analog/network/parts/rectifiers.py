"""Conductances that pass flow one way: diodes and check valves."""

from dataclasses import dataclass

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import effort, exp, let, maximum, minimum, parameter
from lstm_analog.network.bank import node_array, positive_array, value_array
from lstm_analog.network.parts.base import SHOT, THERMAL, CardNames, Law, check_bank, check_least, law

_STEEPEST = 40.0
"""Drop over slope beyond which a diode goes on as a straight line: e^40 times its saturation current."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Diodes:
    """Diodes from a to b: flow Is (exp((e_a - e_b)/V) - 1) (Shockley 1949), shot noise of both its currents.

    `saturation` is Is (flow unit), `slope` is V (effort unit), n kT/q of a junction. Beyond 40 V the flow goes on as a
    straight line, which no real diode reaches and which keeps solvers from numbers that they cannot hold.
    """

    label: str
    a: Indices = node_array()
    b: Indices = node_array()
    saturation: Floats = positive_array()
    slope: Floats = positive_array()

    def __post_init__(self) -> None:
        check_bank(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckValves:
    """Check valves from a to b: flow G max(dp - crack, 0) + leak dp of the drop dp, a ball on a spring.

    `conductance` is G and `leak` that of the closed seat (conductance unit), `cracking` the drop at which it opens
    (effort unit). The noise is that of the leak.
    """

    label: str
    a: Indices = node_array()
    b: Indices = node_array()
    conductance: Floats = positive_array()
    cracking: Floats = value_array()
    leak: Floats = positive_array()

    def __post_init__(self) -> None:
        """Check the label, the arrays and that no valve opens against a drop below zero."""
        check_bank(self)
        check_least(self.cracking, f"{self.label}.cracking", "give the drop at which it opens, or 0")


_DROP = effort("a") - effort("b")
_RATIO = let("u", _DROP / parameter("slope"))
_GROWN = let("g", exp(minimum(_RATIO, _STEEPEST)) * (1.0 + maximum(_RATIO - _STEEPEST, 0.0)))
_DIODE = Law(
    terminals=("a", "b"),
    through={("a", "b"): parameter("saturation") * (_GROWN - 1.0)},
    units={"saturation": "flow", "slope": "effort"},
    cards=CardNames(device="junction", values={"saturation": "is", "slope": "nvt"}),
    noise={("a", "b"): SHOT * parameter("saturation") * (_GROWN + 1.0)},
)
_VALVE = Law(
    terminals=("a", "b"),
    through={
        ("a", "b"): parameter("conductance") * maximum(_DROP - parameter("cracking"), 0.0) + parameter("leak") * _DROP
    },
    units={"conductance": "conductance", "cracking": "effort", "leak": "conductance"},
    cards=CardNames(device="check_valve", values={"conductance": "g0", "cracking": "crack", "leak": "gleak"}),
    noise={("a", "b"): THERMAL * parameter("leak")},
)

law.register(Diodes, lambda _: _DIODE)
law.register(CheckValves, lambda _: _VALVE)
