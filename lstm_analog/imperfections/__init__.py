"""Imperfections of real parts as frozen records; `apply` returns a new network, strength zero returns the same."""

from lstm_analog.imperfections.applying import IMPERFECTION, Applied, apply, parsed, reapply, recorded
from lstm_analog.imperfections.base import Streams, alter
from lstm_analog.imperfections.devices import DeviceSpread, ProgrammingError, Quantisation, StuckDevices
from lstm_analog.imperfections.liquids import EntrainedAir, OperatingTemperature, ViscosityChange
from lstm_analog.imperfections.naming import imperfection_of
from lstm_analog.imperfections.opamps import (
    AmplifierOffset,
    ClockFeedthrough,
    HoldLeak,
    MultiplierGain,
    MultiplierOffset,
    PairGain,
    PairOffset,
    PairTemperature,
)
from lstm_analog.imperfections.order import ORDER
from lstm_analog.imperfections.tiles import Tiles, tiled_conductances
from lstm_analog.imperfections.transistors import JunctionArea, MosThreshold, ResistorSpread
from lstm_analog.imperfections.tubes import (
    BoreTolerance,
    EndLoss,
    HotTubes,
    OrificeWeights,
    Tubes,
)
from lstm_analog.imperfections.valves import Deadband, OrificePorts, Rangeability, RelayGain, RelayLag, SeatLeak
from lstm_analog.imperfections.wires import WireResistance, seen_conductances

__all__ = [
    "IMPERFECTION",
    "ORDER",
    "AmplifierOffset",
    "Applied",
    "BoreTolerance",
    "ClockFeedthrough",
    "Deadband",
    "DeviceSpread",
    "EndLoss",
    "EntrainedAir",
    "HoldLeak",
    "HotTubes",
    "JunctionArea",
    "MosThreshold",
    "MultiplierGain",
    "MultiplierOffset",
    "OperatingTemperature",
    "OrificePorts",
    "OrificeWeights",
    "PairGain",
    "PairOffset",
    "PairTemperature",
    "ProgrammingError",
    "Quantisation",
    "Rangeability",
    "RelayGain",
    "RelayLag",
    "ResistorSpread",
    "SeatLeak",
    "Streams",
    "StuckDevices",
    "Tiles",
    "Tubes",
    "ViscosityChange",
    "WireResistance",
    "alter",
    "apply",
    "imperfection_of",
    "parsed",
    "reapply",
    "recorded",
    "seen_conductances",
    "tiled_conductances",
]
