"""Linear conductances, switched or not, and dense banks of transconductances."""

from dataclasses import dataclass

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import LINE, effort, parameter
from lstm_analog.network.bank import input_array, matrix_array, node_array, positive_array
from lstm_analog.network.parts.base import THERMAL, CardNames, Law, check_bank, law


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
        check_bank(self)


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
        check_bank(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Transconductors:
    """A dense bank, one signed element a weight: flow into row j is sum_i G_ji e_i; the inputs are not loaded.

    `inputs` (n,), `rows` (m,), `transconductance` (..., m, n) in flow unit per effort unit.
    """

    label: str
    inputs: Indices = input_array()
    rows: Indices = node_array()
    transconductance: Floats = matrix_array()

    def __post_init__(self) -> None:
        check_bank(self)


_DROP = effort("a") - effort("b")
_CONDUCTOR = Law(
    terminals=("a", "b"),
    through={("a", "b"): parameter("conductance") * _DROP},
    units={"conductance": "conductance"},
    noise={("a", "b"): THERMAL * parameter("conductance")},
)
_POSITION = LINE * parameter("closed") + (1.0 - LINE) * parameter("opened")
_SWITCH = Law(
    terminals=("a", "b"),
    through={("a", "b"): _POSITION * _DROP},
    units={"closed": "conductance", "opened": "conductance"},
    cards=CardNames(
        device="clocked_switch",  # "switch" is a primitive of Spectre
        values={"closed": "ron", "opened": "roff"},
        inverse=frozenset({"closed", "opened"}),
    ),
    noise={("a", "b"): THERMAL * _POSITION},
)

law.register(Conductors, lambda _: _CONDUCTOR)
law.register(Switches, lambda _: _SWITCH)
