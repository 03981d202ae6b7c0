"""Switches that shut and open by themselves, when an effort crosses a threshold."""

from dataclasses import dataclass

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.expressions import absolute, effort, parameter
from lstm_analog.network.bank import node_array, positive_array, value_array
from lstm_analog.network.parts.base import THERMAL, CardNames, Guard, Law, check_bank, law


@dataclass(frozen=True, kw_only=True, eq=False)
class ThresholdSwitches:
    """Switches between a and b that close when e_p - e_n rises above `upper`, and open when it falls below `lower`.

    In between they stay as they are (hysteresis): a glow lamp, which strikes at one voltage and goes out at a lower one
    (Anson 1921); a Schmitt trigger with a transistor (Schmitt 1938); a siphon, which starts when the level
    reaches its crest and draws until it takes air at its inlet (tantalus cup; automatic flush, with p = a the tank).
    A nerve cell in its simplest form is a leaky capacitor with one (Lapicque 1907).

    `state` is an unknown, 1 effort unit while the switch is closed and 0 while it is open. It changes at the moment of
    crossing, and no flow enters it. The switch has the conductance `closed` or `opened` (conductance unit).
    """

    label: str
    a: Indices = node_array()
    b: Indices = node_array()
    p: Indices = node_array()
    n: Indices = node_array()
    state: Indices = node_array()
    upper: Floats = value_array()
    lower: Floats = value_array()
    closed: Floats = positive_array()
    opened: Floats = positive_array()

    def __post_init__(self) -> None:
        """Check the label, the arrays, and that `lower` is below `upper` everywhere."""
        check_bank(self)
        if not (self.lower < self.upper).all():
            got, do = "lower at or above upper", "leave a hysteresis, or it would switch without end"
            raise InvalidValueError(explain(f"{self.label}.lower", must="be below upper", got=got, do=do))


_POSITION = parameter("opened") + (parameter("closed") - parameter("opened")) * effort("state")
_THRESHOLD = Law(
    terminals=("a", "b", "p", "n", "state"),
    through={("a", "b"): _POSITION * (effort("a") - effort("b"))},
    switched={"state": Guard(control=effort("p") - effort("n"), upper=parameter("upper"), lower=parameter("lower"))},
    units={"upper": "effort", "lower": "effort", "closed": "conductance", "opened": "conductance"},
    cards=CardNames(
        device="threshold_switch",
        values={"upper": "von", "lower": "voff", "closed": "ron", "opened": "roff"},
        inverse=frozenset({"closed", "opened"}),
    ),
    noise={("a", "b"): THERMAL * absolute(_POSITION)},
)

law.register(ThresholdSwitches, lambda _: _THRESHOLD)
