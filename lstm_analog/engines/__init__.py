"""Engines: frozen records of settings, each of which runs a network under a schedule and returns a trajectory."""

from lstm_analog.engines.base import Engine, Precision, Progress
from lstm_analog.engines.choosing import ENGINES, EngineLike
from lstm_analog.engines.integrate import Integrate, Method
from lstm_analog.engines.ngspice import Ngspice
from lstm_analog.engines.operating import start_efforts
from lstm_analog.engines.rumoca import Rumoca, Solver
from lstm_analog.engines.settle import Settle
from lstm_analog.engines.vacask import Vacask
from lstm_analog.engines.waveform import Waveform

__all__ = [
    "ENGINES",
    "Engine",
    "EngineLike",
    "Integrate",
    "Method",
    "Ngspice",
    "Precision",
    "Progress",
    "Rumoca",
    "Settle",
    "Solver",
    "Vacask",
    "Waveform",
    "start_efforts",
]
