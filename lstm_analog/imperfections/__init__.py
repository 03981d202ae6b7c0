"""Imperfections of real parts as frozen records; `apply` returns a new network, strength zero returns the same."""

from lstm_analog.imperfections.ageing import Drift, MeasuredDevices
from lstm_analog.imperfections.applying import IMPERFECTION, Applied, apply, imperfection_of, parsed, reapply, recorded
from lstm_analog.imperfections.base import Streams, alter
from lstm_analog.imperfections.chance import ChannelNoise
from lstm_analog.imperfections.clamping import Clamp
from lstm_analog.imperfections.clocks import ClockJitter, SupplyRipple
from lstm_analog.imperfections.converters import InputConverter, OutputConverter
from lstm_analog.imperfections.devices import (
    DeviceSpread,
    ProgrammingError,
    Quantisation,
    StuckDevices,
    VerifiedProgramming,
)
from lstm_analog.imperfections.in_banks import InBanks
from lstm_analog.imperfections.in_time import AtStep, FedBank, StepPlan, convert, disturb, fluctuate
from lstm_analog.imperfections.liquids import EntrainedAir, ViscosityChange
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
from lstm_analog.imperfections.phase_change import PhaseChangeDrift, PhaseChangeProgramming, PhaseChangeReadNoise
from lstm_analog.imperfections.presets import (
    BENCH_BOARD,
    FLOATING_GATE,
    IDEAL,
    PCM,
    PRESETS,
    RRAM,
    SKY130_MISMATCH,
    WORKSHOP_OIL,
    Preset,
)
from lstm_analog.imperfections.reading import Flicker, ReadNoise
from lstm_analog.imperfections.remembered import changing, read_out, run_schedule
from lstm_analog.imperfections.temperature import OperatingTemperature
from lstm_analog.imperfections.transistors import (
    CurrentByArea,
    JunctionArea,
    MosThreshold,
    ResistorSpread,
    ThresholdByArea,
)
from lstm_analog.imperfections.tubes import BoreTolerance, EndLoss, HotTubes, OrificeWeights, Tubes
from lstm_analog.imperfections.valves import Deadband, OrificePorts, Rangeability, RelayGain, RelayLag, SeatLeak
from lstm_analog.imperfections.wires import Tiles, WireResistance, seen_conductances, tiled_conductances

__all__ = [
    "BENCH_BOARD",
    "FLOATING_GATE",
    "IDEAL",
    "IMPERFECTION",
    "ORDER",
    "PCM",
    "PRESETS",
    "RRAM",
    "SKY130_MISMATCH",
    "WORKSHOP_OIL",
    "AmplifierOffset",
    "Applied",
    "AtStep",
    "BoreTolerance",
    "ChannelNoise",
    "Clamp",
    "ClockFeedthrough",
    "ClockJitter",
    "CurrentByArea",
    "Deadband",
    "DeviceSpread",
    "Drift",
    "EndLoss",
    "EntrainedAir",
    "FedBank",
    "Flicker",
    "HoldLeak",
    "HotTubes",
    "InBanks",
    "InputConverter",
    "JunctionArea",
    "MeasuredDevices",
    "MosThreshold",
    "MultiplierGain",
    "MultiplierOffset",
    "OperatingTemperature",
    "OrificePorts",
    "OrificeWeights",
    "OutputConverter",
    "PairGain",
    "PairOffset",
    "PairTemperature",
    "PhaseChangeDrift",
    "PhaseChangeProgramming",
    "PhaseChangeReadNoise",
    "Preset",
    "ProgrammingError",
    "Quantisation",
    "Rangeability",
    "ReadNoise",
    "RelayGain",
    "RelayLag",
    "ResistorSpread",
    "SeatLeak",
    "StepPlan",
    "Streams",
    "StuckDevices",
    "SupplyRipple",
    "ThresholdByArea",
    "Tiles",
    "Tubes",
    "VerifiedProgramming",
    "ViscosityChange",
    "WireResistance",
    "alter",
    "apply",
    "changing",
    "convert",
    "disturb",
    "fluctuate",
    "imperfection_of",
    "parsed",
    "read_out",
    "reapply",
    "recorded",
    "run_schedule",
    "seen_conductances",
    "tiled_conductances",
]
