"""The order in which several imperfections act on a machine: that in which they occur in reality."""

from types import MappingProxyType

from lstm_analog.imperfections.ageing import Drift, MeasuredDevices
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
from lstm_analog.imperfections.in_time import AtStep
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
from lstm_analog.imperfections.phase_change import PhaseChangeDrift, PhaseChangeProgramming, PhaseChangeReadNoise
from lstm_analog.imperfections.reading import Flicker, ReadNoise
from lstm_analog.imperfections.temperature import OperatingTemperature
from lstm_analog.imperfections.transistors import (
    CurrentByArea,
    JunctionArea,
    MosThreshold,
    ResistorSpread,
    ThresholdByArea,
)
from lstm_analog.imperfections.tubes import BoreTolerance, EndLoss, HotTubes, OrificeWeights
from lstm_analog.imperfections.valves import Deadband, OrificePorts, Rangeability, RelayGain, RelayLag, SeatLeak
from lstm_analog.imperfections.wires import Tiles, WireResistance

_CHOSEN = (OrificeWeights, OrificePorts, Rangeability, Quantisation)
_MADE = (
    *(MeasuredDevices, PhaseChangeProgramming),
    *(VerifiedProgramming, ProgrammingError, DeviceSpread, ResistorSpread, JunctionArea, MosThreshold, BoreTolerance),
    *(ThresholdByArea, CurrentByArea),
    *(AmplifierOffset, PairOffset, PairGain, MultiplierGain, MultiplierOffset, RelayGain),
)
_BROKEN = (StuckDevices, SeatLeak, HoldLeak, Deadband, Clamp)
_JOINED = (WireResistance, Tiles, ClockFeedthrough, EndLoss)
_AGED = (Drift, PhaseChangeDrift)
_USED = (ViscosityChange, OperatingTemperature, EntrainedAir, HotTubes, RelayLag, PairTemperature)
_IN_TIME = (
    *(ReadNoise, PhaseChangeReadNoise, Flicker, ChannelNoise),
    *(ClockJitter, SupplyRipple, InputConverter, OutputConverter),
    AtStep,
)

ORDER: tuple[type, ...] = (*_CHOSEN, *_MADE, *_BROKEN, *_AGED, *_JOINED, *_USED, *_IN_TIME, InBanks)
"""All kinds of imperfection: choice of parts and values, manufacture, failures, ageing, assembly, operation (liquid,
temperature, air, speed of relays), and what changes in a run. So a programming error is added to a quantised
conductance, wire resistance acts on the devices that work, and tubes as manufactured are warmed. `InBanks` acts at the
place of the imperfection in it, see `place_of`."""

_SHARED = MappingProxyType(
    {ResistorSpread.__name__: DeviceSpread.__name__, VerifiedProgramming.__name__: ProgrammingError.__name__}
)
"""Kinds that draw the random numbers of another for the weights: resistors those of devices, a first attempt at
programming those of the only one."""


def place_of(imperfection: object) -> int:
    """Return the index of an `imperfection` in `ORDER`; kinds that users define come last."""
    kind = type(imperfection.imperfection if isinstance(imperfection, InBanks) else imperfection)
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def cause_of(text: str) -> str:
    """Return the name under which the imperfection that `text` constructs draws random numbers.

    It is the name of its kind, except for kinds that share the numbers of another.
    """
    kind = text.removeprefix(f"{InBanks.__name__}(imperfection=").partition("(")[0]
    return _SHARED.get(kind, kind)
