"""What every engine is: a frozen record of its settings that runs a network under a schedule."""

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
"""Told how many intervals are done, and of how many."""

_BEHIND = 1e-6
"""Place of the first of several points, as a share of the interval: just behind the edge, where junctions jump."""

_MOST_POINTS = 1_000_000
"""Largest number of points of an interval that may be asked for; more is refused, for want of memory."""

_YEAR = 366.0 * 86400.0
"""Longest time limit (s) of a simulator that is accepted."""


class Precision(Enum):
    """The floating-point numbers to compute in: double (53 binary digits) or single (24)."""

    DOUBLE = "float64"
    SINGLE = "float32"


def check_time_limit(seconds: float) -> None:
    """Raise `InvalidValueError` unless `seconds` can be waited for."""
    if not 0 < seconds <= _YEAR:
        must = "be positive and at most a year"
        raise InvalidValueError(explain("time_limit", must=must, got=seconds, do="give seconds"))


def check_points(points: float) -> None:
    """Raise `InvalidValueError` unless as many `points` can be kept of an interval."""
    if not 1 <= points <= _MOST_POINTS or points != int(points):
        must, do = f"be 1 to {_MOST_POINTS}, whole", "give 1 for the ends of intervals"
        raise InvalidValueError(explain("points", must=must, got=points, do=do))


def check_save(save: object) -> None:
    """Raise `InvalidTypeError` unless `save` is what an engine may be told to keep, or None."""
    if not isinstance(save, Save | None):
        do = "give e.g. Save(groups=('l0_h',)), or keep=... to Machine.run"
        raise InvalidTypeError(explain("save", must="be a Save", got=ascii(save)[:80], do=do))


def moments(duration: float, points: int) -> Floats:
    """Return when in an interval of `duration` (s) `points` are kept, in s: at its end, or evenly from its start."""
    if points == 1:
        return np.array([duration])
    even = np.linspace(0.0, duration, points)
    even[0] = _BEHIND * duration
    return even


class Engine(Protocol):
    """Runs a network; all engines answer the same question and are tested against each other."""

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` over the whole `schedule`, telling `progress` as it goes."""
        ...
