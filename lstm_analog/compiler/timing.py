"""Clocks: the intervals into which one step of the recurrence is divided."""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Flags, Floats
from lstm_analog.network.quantities import check_positive


class Timing(Enum):
    """How the memories are clocked.

    CLOCKED: master and slave storages; each stage fills its masters, and at the end of the step all slaves copy them.
    GATED_LEAK: one storage a cell, drained and filled for a set time after its gates have settled.
    """

    CLOCKED = "clocked"
    GATED_LEAK = "gated_leak"


CLOCKED = Timing.CLOCKED
"""Master and slave storages; each stage fills its masters, and at the end of the step all slaves copy them."""
GATED_LEAK = Timing.GATED_LEAK
"""One storage a cell, drained and filled for a set time after its gates have settled."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Part of a step: its name, `duration` (s), the clock lines that are `high`, and whether signals settle in it."""

    name: str
    duration: float
    high: frozenset[str]
    settles: bool


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """The clock of a machine: its lines, the reset interval before the first step, and the intervals of every step."""

    lines: tuple[str, ...]
    reset: Interval
    step: tuple[Interval, ...]

    @property
    def step_time(self) -> float:
        """The length of one step in seconds."""
        return sum(interval.duration for interval in self.step)

    def position(self, name: str) -> int:
        """Return the number of the interval `name` within a step, from 0."""
        return [interval.name for interval in self.step].index(name)

    def intervals(self, steps: int) -> tuple[Interval, ...]:
        """Return the intervals of the reset and of `steps` steps, in order."""
        return (self.reset, *(self.step * steps))

    @lru_cache(maxsize=16)  # noqa: B019 (a cycle is a few names and numbers)
    def clock(self, steps: int) -> tuple[tuple[str, ...], Flags, Floats]:
        """Return of `intervals(steps)` the names, which lines are high and the durations (s); read-only.

        Their shapes are (1 + steps n,), (1 + steps n, lines) and (1 + steps n,).
        """
        intervals = self.intervals(steps)
        names, durations = tuple(each.name for each in intervals), np.array([each.duration for each in intervals])
        rows = [[line in interval.high for line in self.lines] for interval in (self.reset, *self.step)]
        flags = np.array(rows, dtype=bool).reshape(len(rows), len(self.lines))
        flags = np.concatenate((flags[:1], np.tile(flags[1:], (steps, 1))))
        for array in (flags, durations):
            array.flags.writeable = False
        return names, flags, durations

    def ends(self, name: str, steps: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the numbers (steps,) of the intervals called `name` in `intervals(steps)`."""
        return 1 + self.position(name) + len(self.step) * np.arange(steps)


def compute_line(stage: int) -> str:
    """Return the clock line on which the masters of `stage` are filled."""
    return f"compute{stage}"


def leak_line(stage: int) -> str:
    """Return the clock line on which the memories of `stage` leak and fill."""
    return f"leak{stage}"


RESET, COPY, READ_OUT = "reset", "copy", "readout"


def cycle(timing: Timing, *, stages: int, time_constant: float, settling: float, gap: float) -> Cycle:
    """Return the clock of a machine of `stages` stages.

    With `timing`, every interval in which signals settle lasts `settling` times `time_constant` (s), the slowest pole;
    between two clock pulses lies a pause of `gap` time constants (non-overlapping clocks). Inputs change between steps.

    Raises
    ------
    InvalidValueError
        If `settling`, `time_constant` or `gap` is not above zero.
    """
    for what, value in (("settling", settling), ("time_constant", time_constant), ("gap", gap)):
        check_positive(what, value, "give time constants" if what == "settling" else "correct the technology")
    # without the last binary digits, so that a netlist says 2e-05 and not 1.9999999999999998e-05
    phase, pause = (float(f"{cycles * time_constant:.12g}") for cycles in (settling, gap))
    computing = frozenset(compute_line(stage) for stage in range(stages))
    reset = Interval(name=RESET, duration=phase, high=computing | {RESET}, settles=True)
    step = _clocked(stages, phase, pause) if timing is CLOCKED else _gated(stages, phase, pause)
    leaks = () if timing is CLOCKED else tuple(leak_line(stage) for stage in range(stages))
    return Cycle(lines=(RESET, COPY, *sorted(computing), *leaks), reset=reset, step=step)


def _interval(name: str, duration: float, *high: str, settles: bool = True) -> Interval:
    return Interval(name=name, duration=duration, high=frozenset(high), settles=settles)


def _pause(name: str, duration: float) -> Interval:
    return _interval(name, duration, settles=False)


def _clocked(stages: int, phase: float, pause: float) -> tuple[Interval, ...]:
    result = [_pause("setup", pause)]
    for stage in range(stages):
        result += [_interval(compute_line(stage), phase, compute_line(stage)), _pause(f"hold{stage}", pause)]
    return (*result, _interval(COPY, phase, COPY), _pause(READ_OUT, pause))


def _gated(stages: int, phase: float, pause: float) -> tuple[Interval, ...]:
    result: list[Interval] = []
    for stage in range(stages):
        result += [
            _interval(f"settle{stage}", phase),
            _interval(leak_line(stage), phase, leak_line(stage), settles=False),
            _pause(f"rest{stage}", pause),
            _interval(compute_line(stage), phase, compute_line(stage)),
            _pause(f"hold{stage}", pause),
        ]
    return (*result, _interval(COPY, phase, COPY), _pause(READ_OUT, pause))
