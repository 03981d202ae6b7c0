"""Engines run a network under a schedule; each is a frozen record of its settings."""

from types import MappingProxyType

from lstm_analog.engines.base import Engine, Progress
from lstm_analog.engines.integrate import Integrate, Method
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.rumoca import Rumoca, Solver, start_efforts
from lstm_analog.engines.settle import Precision, Settle
from lstm_analog.engines.waveform import Waveform

ENGINES: MappingProxyType[str, Engine] = MappingProxyType(
    {"integrate": Integrate(), "waveform": Waveform(), "settle": Settle(), "ngspice": Ngspice()}
)
"""What runs a network, by name, with its presets."""

__all__ = [
    "ENGINES",
    "Engine",
    "Integrate",
    "Method",
    "Ngspice",
    "Precision",
    "Progress",
    "Rumoca",
    "Settle",
    "Solver",
    "Waveform",
    "start_efforts",
]
