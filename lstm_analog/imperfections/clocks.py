"""What a clock and a supply do over time: edges that jitter, rails that ripple."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import NetworkError, UnsupportedError, explain
from lstm_analog.imperfections.banks import tiled
from lstm_analog.imperfections.base import AboveZero, Streams, alter, strength
from lstm_analog.imperfections.in_time import StepPlan, acted_on, disturb
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Imposed, Schedule
from lstm_analog.network.varying import CHANCE

_LEAST = 0.01
"""Share of its length that an interval keeps at least: clock edges do not overtake each other."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class ClockJitter:
    """Each clock edge is off by a normal error of the standard deviation `seconds`, independent of the others.

    In plumbing: solenoids and pilot valves that switch late or early. Chips differ in the lengths of their intervals,
    so they run one after the other.
    """

    seconds: Annotated[float, strength("clock jitter", "give seconds, 50e-12 for 50 ps")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class SupplyRipple:
    """Rails and references swing by a sine of the amplitude `share` of their own effort and a `frequency` (Hz).

    Rails are all sources that a run does not drive, and that do not stand for chance: the reference of the biases of a
    circuit, the pump's rails of plumbing. All of a chip swing in phase; the phase is even, by chip. In each interval
    they have what the sine has at its end: exact where all settles faster than the sine moves. Several ripples multiply
    each other.
    """

    share: Annotated[float, strength("supply ripple")]
    frequency: Annotated[float, AboveZero("supply ripple frequency", "give hertz, 100 for a rectified mains")]


@alter.register
def _(imperfection: ClockJitter, network: Network, streams: Streams) -> Network:
    return acted_on(tiled(network, streams), imperfection) if imperfection.seconds else network


@alter.register
def _(imperfection: SupplyRipple, network: Network, streams: Streams) -> Network:
    return acted_on(tiled(network, streams), imperfection) if imperfection.share else network


@disturb.register
def _(imperfection: ClockJitter, schedule: Schedule, network: Network, steps: StepPlan, streams: Streams) -> Schedule:
    if streams.chips is not None:
        do = "draw chip after chip, Streams(seed=, first=), as yield_of then does"
        raise UnsupportedError(explain("clock jitter", must="be of one chip at a time", got=streams.chips, do=do))
    late = imperfection.seconds * streams.normal("clock jitter", schedule.durations.shape)
    durations = np.diff(schedule.ends + late, prepend=0.0)
    return replace(schedule, durations=np.maximum(durations, _LEAST * schedule.durations))


@disturb.register
def _(imperfection: SupplyRipple, schedule: Schedule, network: Network, steps: StepPlan, streams: Streams) -> Schedule:
    others = steps.driven.union(network.said(CHANCE))
    rails = [part for part in network.parts if isinstance(part, Sources) and part.label not in others]
    if not rails:
        must, do = "have rails, sources that no run drives", "choose a technology that has"
        raise NetworkError(explain("the network", must=must, got="none", do=do))
    start = scipy.special.ndtr(streams.normal("supply ripple", (1,)))
    swing = 1.0 + imperfection.share * np.sin(2.0 * np.pi * (imperfection.frequency * schedule.ends + start))
    shape = (*(() if streams.chips is None else (streams.chips,)), *(1 for _ in schedule.batch), -1, 1)
    swings = swing.reshape(shape)
    so_far = {entry.label: entry for entry in schedule.imposed}
    for part in rails:
        before = so_far.get(part.label)  # of an earlier ripple
        efforts = _beside(part.effort, schedule) if before is None else before.efforts
        so_far[part.label] = Imposed(label=part.label, efforts=swings * efforts)
    return replace(schedule, imposed=tuple(so_far.values()), chips=schedule.chips or streams.chips or 0)


def _beside(effort: Floats, schedule: Schedule) -> Floats:
    """Return the `effort` (..., sources) of rails with axes for the batch and the intervals of `schedule`."""
    last = effort.ndim - 1
    return np.expand_dims(effort, tuple(range(last, last + len(schedule.batch) + 1)))
