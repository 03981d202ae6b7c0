"""Compute latency and throughput of a machine from its clock.

Within a step the stages work one after the other. Each has its own interval, in which it reads the values held by the
stage below, and then holds its own result; at the end of the step all slaves copy at once. So a stage never reads a
changing value, a step takes as long as all its stages together, and the next step begins when the slaves have copied.
During the reset before the first step all clocked stages are open, so its inputs reach them then. A pass that needs the
whole sequence begins when the one before has ended.
"""

from dataclasses import dataclass
from math import inf
from typing import Annotated

from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.timing import COPY, compute_line
from lstm_analog.doors import checked_record
from lstm_analog.imperfections.base import InRange

_Steps = Annotated[int, InRange("steps", 0, inf, "give those of a sequence")]


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """The times of the stage called `label` (s since the start of the step): its `start`, and `ready` when it holds."""

    label: str
    start: float
    ready: float


@dataclass(frozen=True, kw_only=True)
class PassTime:
    """The clock of one pass: the times of its `stages`, in order, and the length of the `reset` before them (s).

    A `step` takes so long (s); in it slaves copy from `copying` to `copied`, in seconds since its start. A pass that is
    a head which reads the final state makes one step a sequence, `once`.
    """

    stages: tuple[StageTime, ...]
    reset: float
    copying: float
    copied: float
    step: float
    once: bool

    def duration(self, steps: int) -> float:
        """Return the time (s) for a sequence of `steps` steps, reset included."""
        return self.reset + (min(steps, 1) if self.once else steps) * self.step


@checked_record
@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The clocks of all passes, in order."""

    passes: tuple[PassTime, ...]

    @property
    def throughput(self) -> float:
        """Steps per second, without the reset; with several passes, if they run one after the other.

        That is the limit of long sequences, so what is done once a sequence does not count, unless there is no more.
        """
        return 1.0 / sum(each.step for each in self.passes if not each.once or len(self.passes) == 1)

    def latency(self, steps: _Steps) -> float:
        """Return the time from the first input of a sequence of `steps` steps to the first output, in seconds.

        With one pass that is the reset plus the time until its last stage holds; with several, all but the last run
        over the whole sequence first. Raises `InvalidValueError` for a negative number of steps.
        """
        whole, last = sum(each.duration(steps) for each in self.passes[:-1]), self.passes[-1]
        return whole + last.reset + last.stages[-1].ready

    def duration(self, steps: _Steps) -> float:
        """Return the time for a sequence of `steps` steps, resets included, in seconds.

        Raises `InvalidValueError` for a negative number of steps.
        """
        return sum(each.duration(steps) for each in self.passes)


def pipeline(passes: tuple[Compiled, ...]) -> Pipeline:
    """Return the times at which the stages of `passes` work."""
    return Pipeline(passes=tuple(map(_pass, passes)))


def _pass(compiled: Compiled) -> PassTime:
    ends = dict[str, float]()
    starts = dict[str, float]()
    now = 0.0
    for interval in compiled.cycle.step:
        starts[interval.name] = now
        now += interval.duration
        ends[interval.name] = now
    labels = [f"layer {number}" for number in dict.fromkeys(place.layer for place in compiled.layout.layers)]
    labels += [] if compiled.layout.head is None else ["head"]
    stages = tuple(  # the first interval of a stage is `settle<n>` if it leaks, else `compute<n>`
        StageTime(label=label, start=starts.get(f"settle{n}", starts[compute_line(n)]), ready=ends[compute_line(n)])
        for n, label in enumerate(labels)
    )
    return PassTime(
        stages=stages,
        reset=compiled.cycle.reset.duration,
        copying=starts[COPY],
        copied=ends[COPY],
        step=now,
        once=compiled.layout.final,
    )
