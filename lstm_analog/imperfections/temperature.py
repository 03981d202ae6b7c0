"""The temperature of a whole machine, whatever it is built of."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedPartError, explain
from lstm_analog.imperfections.base import TUBES, InRange, Streams, alter, change_fields
from lstm_analog.imperfections.liquids import heated_liquid
from lstm_analog.imperfections.opamps import PairTemperature, warmed_pairs
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Cells, Conductors, Crossbars, Ports, Switches, Transconductors

_ZERO = 273.15
"""0 C in kelvin."""
_NOMINAL = 27.0
"""Temperature (C) for which SPICE takes the values of a deck to hold."""
_CONDUCTANCES: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {Crossbars: TUBES, Transconductors: ("transconductance",), Conductors: ("conductance",)}
    | {Switches: ("closed", "opened")}
)
"""The fields that are conductances of a circuit, by kind of part."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class OperatingTemperature:
    """The whole machine is used at `celsius`.

    Plumbing, whatever temperature its bores were made for: by the laws of its liquid (`Network.filling`) the viscosity
    moves all conductances and the friction of spools, the density the inertances, the flow of orifices and what open
    tanks hold; `check` and `bill_of_materials` judge by them and by the vapour pressure there. Metal keeps its size,
    bulk modulus and the clock are as they were.

    Circuits, whose values hold at `made_for` (C): V_T = kT/q of pairs behind attenuators, as in `PairTemperature`, and
    of channels, whose steepness it sets likewise; resistances times 1 + `per_kelvin` (T - made_for), those of weights,
    loads and switches alike; 1e-4 for 100 ppm/K. Capacitors and op-amps keep their values, channels their rate.
    """

    celsius: Annotated[float, InRange("operating temperature", -_ZERO, 1000.0, "give C")]
    made_for: Annotated[float, InRange("temperature made for", -_ZERO, 1000.0, "give C")] = _NOMINAL
    per_kelvin: float = 0.0

    def __post_init__(self) -> None:
        if not self.factor > 0.0:
            must, do = "leave resistances above zero", "give 1e-4 for 100 ppm/K"
            raise InvalidValueError(explain("per_kelvin", must=must, got=self.per_kelvin, do=do))

    @property
    def factor(self) -> float:
        """What resistances are multiplied by."""
        return 1.0 + self.per_kelvin * (self.celsius - self.made_for)


@alter.register
def _(imperfection: OperatingTemperature, network: Network, streams: Streams) -> Network:
    if network.domain == HYDRAULIC:
        _check_liquid(imperfection)
        return heated_liquid(network, imperfection.celsius)
    if any(isinstance(part, Cells) for part in network.parts):
        must, do = "have a law of temperature", "write the netlist and give the simulator its .temp"
        raise UnsupportedPartError(explain("the parts", must=must, got="transistor cells", do=do))
    pairs = PairTemperature(kelvin=imperfection.celsius + _ZERO, made_for=imperfection.made_for + _ZERO)
    network = warmed_pairs(network, pairs.ratio)
    network = change_fields(network, {Ports: ("scale", "offset")}, lambda value: value * pairs.ratio)
    return change_fields(network, _CONDUCTANCES, lambda value: value / imperfection.factor)


def _check_liquid(imperfection: OperatingTemperature) -> None:
    """Refuse what is said of circuits."""
    if imperfection.per_kelvin or imperfection.made_for != _NOMINAL:
        must, do = "be left out for plumbing", "give celsius alone: the liquid has its own laws"
        got = f"made_for={imperfection.made_for:g}, per_kelvin={imperfection.per_kelvin:g}"
        raise InvalidValueError(explain("made_for and per_kelvin", must=must, got=got, do=do))
