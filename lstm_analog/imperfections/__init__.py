"""What real parts do to a machine: frozen records, applied to a network purely; strength zero is the identity."""

from lstm_analog.imperfections.base import Streams, apply
from lstm_analog.imperfections.devices import ProgrammingError, Quantisation, StuckDevices
from lstm_analog.imperfections.tubes import (
    BoreTolerance,
    EndLoss,
    HotTubes,
    OrificeWeights,
    Tubes,
    ViscosityChange,
)
from lstm_analog.imperfections.valves import Deadband, OrificePorts, Rangeability, RelayGain, SeatLeak
from lstm_analog.imperfections.wires import WireResistance, seen_conductances

__all__ = [
    "BoreTolerance",
    "Deadband",
    "EndLoss",
    "HotTubes",
    "OrificePorts",
    "OrificeWeights",
    "ProgrammingError",
    "Quantisation",
    "Rangeability",
    "RelayGain",
    "SeatLeak",
    "Streams",
    "StuckDevices",
    "Tubes",
    "ViscosityChange",
    "WireResistance",
    "apply",
    "seen_conductances",
]
