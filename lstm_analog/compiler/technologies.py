"""The presets of all technologies, by name."""

from types import MappingProxyType

from lstm_analog.compiler.electrical import (
    BEHAVIOURAL,
    BICMOS,
    CHANNELS,
    OPAMP,
    OPAMP_BENCH,
    OPAMP_IDEAL,
    SKY130,
    SKY130_CHIP,
    SKY130_MOS,
)
from lstm_analog.compiler.hydraulic import GLYCEROL, OIL, WATER
from lstm_analog.doors import named

_ELECTRICAL = (BEHAVIOURAL, OPAMP_IDEAL, OPAMP, OPAMP_BENCH, BICMOS, SKY130, SKY130_MOS, SKY130_CHIP, CHANNELS)
_PRESETS = (*_ELECTRICAL, OIL, WATER, GLYCEROL)
TECHNOLOGIES: MappingProxyType[str, object] = MappingProxyType({each.name.lower(): each for each in _PRESETS})
"""The presets by name, as the command line and `compile` take them."""


def chosen_technology(technology: object) -> object:
    """Return `technology`, or the preset of that name; raises `InvalidValueError` for a name that is none."""
    return named("technology", technology, TECHNOLOGIES) if isinstance(technology, str) else technology
