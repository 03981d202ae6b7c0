"""In which order several imperfections act on a machine: that in which they come about."""

from types import MappingProxyType

from lstm_analog.imperfections.devices import DeviceSpread, ProgrammingError, Quantisation, StuckDevices
from lstm_analog.imperfections.liquids import EntrainedAir, OperatingTemperature, ViscosityChange
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
from lstm_analog.imperfections.tiles import Tiles
from lstm_analog.imperfections.transistors import JunctionArea, MosThreshold, ResistorSpread
from lstm_analog.imperfections.tubes import BoreTolerance, EndLoss, HotTubes, OrificeWeights
from lstm_analog.imperfections.valves import Deadband, OrificePorts, Rangeability, RelayGain, RelayLag, SeatLeak
from lstm_analog.imperfections.wires import WireResistance

_CHOSEN = (OrificeWeights, OrificePorts, Rangeability, Quantisation)
_MADE = (
    *(ProgrammingError, DeviceSpread, ResistorSpread, JunctionArea, MosThreshold, BoreTolerance),
    *(AmplifierOffset, PairOffset, PairGain, MultiplierGain, MultiplierOffset, RelayGain),
)
_BROKEN = (StuckDevices, SeatLeak, HoldLeak, Deadband)
_JOINED = (WireResistance, Tiles, ClockFeedthrough, EndLoss)
_USED = (ViscosityChange, OperatingTemperature, EntrainedAir, HotTubes, RelayLag, PairTemperature)

ORDER: tuple[type, ...] = (*_CHOSEN, *_MADE, *_BROKEN, *_JOINED, *_USED)
"""All kinds of imperfection: which parts and values are chosen, how they are made, what fails of them, what joining
them adds, and what they are used with: which liquid, how warm, with how much air; how fast relays are then. So a
programming error falls upon a quantised conductance, a wire sees the devices that work, and all tubes warm as they were
made."""

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
