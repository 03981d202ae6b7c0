"""In which order several imperfections act on a machine: that in which they come about."""

from types import MappingProxyType

from lstm_analog.imperfections.ageing import Drift, MeasuredDevices
from lstm_analog.imperfections.clocks import ClockJitter, SupplyRipple
from lstm_analog.imperfections.converters import InputConverter, OutputConverter
from lstm_analog.imperfections.devices import DeviceSpread, ProgrammingError, Quantisation, StuckDevices
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
from lstm_analog.imperfections.phase_change import (
    PhaseChangeDrift,
    PhaseChangeProgramming,
    PhaseChangeReadNoise,
)
from lstm_analog.imperfections.reading import Flicker, ReadNoise
from lstm_analog.imperfections.temperature import OperatingTemperature
from lstm_analog.imperfections.transistors import JunctionArea, MosThreshold, ResistorSpread
from lstm_analog.imperfections.tubes import BoreTolerance, EndLoss, HotTubes, OrificeWeights
from lstm_analog.imperfections.valves import Deadband, OrificePorts, Rangeability, RelayGain, RelayLag, SeatLeak
from lstm_analog.imperfections.wires import WireResistance

_CHOSEN = (OrificeWeights, OrificePorts, Rangeability, Quantisation)
_MADE = (
    *(MeasuredDevices, PhaseChangeProgramming),
    *(ProgrammingError, DeviceSpread, ResistorSpread, JunctionArea, MosThreshold, BoreTolerance),
    *(AmplifierOffset, PairOffset, PairGain, MultiplierGain, MultiplierOffset, RelayGain),
)
_BROKEN = (StuckDevices, SeatLeak, HoldLeak, Deadband)
_JOINED = (WireResistance, ClockFeedthrough, EndLoss)
_AGED = (Drift, PhaseChangeDrift)
_USED = (ViscosityChange, OperatingTemperature, EntrainedAir, HotTubes, RelayLag, PairTemperature)
_IN_TIME = (
    *(ReadNoise, PhaseChangeReadNoise, Flicker),
    *(ClockJitter, SupplyRipple, InputConverter, OutputConverter),
    AtStep,
)

ORDER: tuple[type, ...] = (*_CHOSEN, *_MADE, *_BROKEN, *_AGED, *_JOINED, *_USED, *_IN_TIME)
"""All kinds of imperfection: which parts and values are chosen, how they are made, what fails of them, how they age,
what joining them adds, what they are used with: which liquid, how warm, with how much air, how fast relays are then;
and what changes while they run. So a programming error falls upon a quantised conductance, a wire sees the devices that
work, and all tubes warm as they were made."""

_SHARED = MappingProxyType({ResistorSpread.__name__: DeviceSpread.__name__})
"""Of the weights; what is around them has numbers of its own."""


def place_of(imperfection: object) -> int:
    """Return the place of an `imperfection` in `ORDER`; kinds of one's own come last."""
    kind = type(imperfection)
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def cause_of(kind: str) -> str:
    """Return the name of what an imperfection of the `kind` of that name draws random numbers for.

    It is the kind, but for those that draw the numbers of another.
    """
    return _SHARED.get(kind, kind)
