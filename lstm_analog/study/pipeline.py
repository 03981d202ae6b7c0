"""How data moves through the clocked stages of a machine: latency and throughput, read off its clock.

Within a step the stages work one after the other: each has its own interval, in which it reads what the stage below
holds, and then holds its own result; at the end of the step all slaves copy at once. So a stage never reads what still
moves, a step takes as long as all its stages together, and the next step begins when the slaves have copied. Clocked
stages are all open during the reset before the first step: its inputs reach them then. A pass that needs whole
sequences begins when the one before has ended.
"""

from dataclasses import dataclass

from lstm_analog.compiler.compiled import Compiled
from lstm_analog.compiler.timing import COPY, compute_line
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """When the stage called `label` works, in seconds since its step began: from `start` on, `ready` when it holds."""

    label: str
    start: float
    ready: float


@dataclass(frozen=True, kw_only=True)
class PassTime:
    """The clock of one pass.

    Attributes
    ----------
    stages : tuple of StageTime
        In the order in which they work.
    reset : float
        How long the reset before the first step takes (s).
    copying, copied : float
        When the slaves begin to copy and when they have, in seconds since the step began.
    step : float
        How long a step takes (s).
    """

    stages: tuple[StageTime, ...]
    reset: float
    copying: float
    copied: float
    step: float


@checked_record
@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The clocks of all passes, in the order in which they go through time."""

    passes: tuple[PassTime, ...]

    @property
    def throughput(self) -> float:
        """Steps of input per second, once started; with several passes that of a machine that does one at a time."""
        return 1.0 / sum(each.step for each in self.passes)

    def latency(self, steps: int) -> float:
        """Return the time from the first input of a sequence of `steps` steps to the first output, in seconds.

        With one pass that is the reset and what one step takes to hold the output of its last stage; with several all
        but the last have to go through the whole sequence first. Raises `InvalidValueError` for fewer than no steps.
        """
        _check_steps(steps)
        whole = sum(each.reset + steps * each.step for each in self.passes[:-1])
        last = self.passes[-1]
        return whole + last.reset + last.stages[-1].ready

    def duration(self, steps: int) -> float:
        """Return how long a sequence of `steps` steps takes, resets included, in seconds.

        Raises `InvalidValueError` for fewer than none.
        """
        _check_steps(steps)
        return sum(each.reset + steps * each.step for each in self.passes)


def _check_steps(steps: int) -> None:
    if steps < 0:
        raise InvalidValueError(explain("steps", must="be at least 0", got=steps, do="give those of a sequence"))


def pipeline(passes: tuple[Compiled, ...]) -> Pipeline:
    """Return when the stages of `passes` work."""
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
    stages = tuple(
        StageTime(label=label, start=_first(starts, n), ready=ends[compute_line(n)]) for n, label in enumerate(labels)
    )
    return PassTime(
        stages=stages, reset=compiled.cycle.reset.duration, copying=starts[COPY], copied=ends[COPY], step=now
    )


def _first(starts: dict[str, float], stage: int) -> float:
    """Return when the first interval of a stage begins: its settling where it leaks, else its computing."""
    return starts.get(f"settle{stage}", starts[compute_line(stage)])
