"""The protocol of engines, and the checks of settings that several of them have."""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory

Progress = Callable[[int, int], None]
"""Called with the number done and the number of all: of intervals, or of sequences by external simulators."""

_BEHIND = 1e-6
"""Place of the first of several kept points, as a share of the interval: junctions jump at the clock edge before it."""

_MOST_POINTS = 1_000_000
"""Largest number of kept points of an interval that is accepted; larger: a mistyped number fills the memory."""

_YEAR = 366.0 * 86400.0
"""Longest time limit (s) of an external simulator that is accepted."""


class Precision(Enum):
    """The floating-point format to compute in: double (53 binary digits) or single (24)."""

    DOUBLE = "float64"
    SINGLE = "float32"


def check_time_limit(seconds: float) -> None:
    """Raise `InvalidValueError` unless `seconds` is positive and at most a year."""
    if not 0 < seconds <= _YEAR:
        must = "be positive and at most a year"
        raise InvalidValueError(explain("time_limit", must=must, got=seconds, do="give seconds"))


def check_points(points: float) -> None:
    """Raise `InvalidValueError` unless `points`, those kept of an interval, is a whole number from 1 to a million."""
    if not 1 <= points <= _MOST_POINTS or points != int(points):
        must, do = f"be 1 to {_MOST_POINTS}, whole", "give 1 for the ends of intervals"
        raise InvalidValueError(explain("points", must=must, got=points, do=do))


def check_save(save: object) -> None:
    """Raise `InvalidTypeError` unless `save` is a `Save` or None."""
    if not isinstance(save, Save | None):
        do = "give e.g. Save(groups=('l0_h',)), or keep=... to Machine.run"
        raise InvalidTypeError(explain("save", must="be a Save", got=ascii(save)[:80], do=do))


def kept_times(duration: float, points: int) -> Floats:
    """Return the times (s) in an interval of `duration` (s) at which its `points` are kept, (points,).

    A single point is at the end. The first of several is right behind the start, the others evenly up to the end.
    """
    if points == 1:
        return np.array([duration])
    even = np.linspace(0.0, duration, points)
    even[0] = _BEHIND * duration
    return even


class Engine(Protocol):
    """Runs a network under a schedule; all engines are tested against each other."""

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` over the whole `schedule`, calling `progress` as it goes."""
        ...
