"""Operating conditions of a chip of transistor cells: temperature, supply, the lot it comes from, and its bias."""

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

    HELPER: a bipolar transistor feeds the bases. MOS_HELPER: an n-channel follower does. REPLICA: a follower does, and
    the current is that of a copy of a whole product, so that the gains of the pairs above the tails hold whatever beta
    is; a transistor starts it.
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
        The lot that it comes from, by the name of a corner of the process; the typical one if empty.
    slope : float
        The one factor that is set for a lot: the reference current and the rows over those of the design. It makes up
        for pairs whose slope factor is larger by it (`study.lot_slope`).
    """

    temperature: float
    supply: float
    bias: Bias
    corner: str = ""
    slope: float = 1.0

    def __post_init__(self) -> None:
        """Check that temperature, supply and slope can be."""
        if not 0.5 <= self.slope <= 2.0:
            do = "take it from study.lot_slope"
            raise InvalidValueError(explain("slope", must="be 0.5 to 2", got=self.slope, do=do))
        if not -55.0 <= self.temperature <= 150.0:
            must, do = "be -55 to 150 degrees Celsius", "the device models say nothing beyond"
            raise InvalidValueError(explain("temperature", must=must, got=self.temperature, do=do))
        if not 0.0 < self.supply <= 10.0:
            do = "give volts"
            raise InvalidValueError(explain("supply", must="be positive and at most 10 V", got=self.supply, do=do))
