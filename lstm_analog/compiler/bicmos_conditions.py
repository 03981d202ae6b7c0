"""Operating conditions of a chip of transistor cells: temperature, supply, the corner of its wafer, and its bias."""

from dataclasses import dataclass
from enum import Enum

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain

_BOLTZMANN_OVER_CHARGE = 8.617333262e-5
_ZERO_CELSIUS = 273.15


def thermal_voltage(celsius: float) -> float:
    """Return kT/q (V) at `celsius` degrees (CODATA 2018).

    >>> round(thermal_voltage(27.0), 5)
    0.02586
    """
    return _BOLTZMANN_OVER_CHARGE * (celsius + _ZERO_CELSIUS)


class BiasCell(Enum):
    """The circuit that makes the base voltage of all tails of a cell from its reference current.

    HELPER: a bipolar transistor feeds the bases. MOS_HELPER: an n-channel follower does, which takes no base current
    from the reference. REPLICA: the reference is compared with what leaves a tail with two transistors upon it, as in a
    product, so that the output currents of products hold whatever beta is; the reference itself starts the loop.
    """

    HELPER = "helper"
    MOS_HELPER = "MOS helper"
    REPLICA = "replica"


class Bias(Enum):
    """How the reference current and the rows follow the temperature.

    FIXED: not at all. PTAT: both in proportion to the absolute temperature, as the thermal voltage does.
    """

    FIXED = "fixed"
    PTAT = "ptat"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Operating conditions of a finished chip.

    Attributes
    ----------
    temperature, supply : float
        The temperature of all devices (C), and the supply voltage (V).
    bias : Bias
        How its bias follows the temperature.
    corner : str
        The corner of the process that its wafer is from, by name; the typical one if empty.
    slope : float
        The one factor that is set for all chips of a wafer: reference current and rows over those of the design. It
        makes up for pairs whose slope factor is larger by it (`study.wafer_slope`).
    sheet : float
        The sheet resistance of its wafer over the typical one. Only resistors that are drawn have one.
    """

    temperature: float
    supply: float
    bias: Bias
    corner: str = ""
    slope: float = 1.0
    sheet: float = 1.0

    def __post_init__(self) -> None:
        """Check that temperature, supply, slope and sheet resistance can be."""
        if not 0.5 <= self.sheet <= 2.0:
            do = "give that of the wafer over the typical one"
            raise InvalidValueError(explain("sheet", must="be 0.5 to 2", got=self.sheet, do=do))
        if not 0.5 <= self.slope <= 2.0:
            do = "take it from study.wafer_slope"
            raise InvalidValueError(explain("slope", must="be 0.5 to 2", got=self.slope, do=do))
        if not -55.0 <= self.temperature <= 150.0:
            must, do = "be -55 to 150 degrees Celsius", "the device models say nothing beyond"
            raise InvalidValueError(explain("temperature", must=must, got=self.temperature, do=do))
        if not 0.0 < self.supply <= 10.0:
            do = "give volts"
            raise InvalidValueError(explain("supply", must="be positive and at most 10 V", got=self.supply, do=do))
