"""Runs a schedule: from the operating point interval after interval, ahead by programs or each by its `IntervalSolver`.

Intervals of the same lines and duration are of one kind, and share one `Subdivision`: what was found at the first
occurrence serves the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress
from lstm_analog.engines.native import Unsolved, is_available
from lstm_analog.engines.operating import operating_point
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform.ahead import RunAhead
from lstm_analog.engines.waveform.interval import IntervalSolver
from lstm_analog.engines.waveform.pieces import OutOfReachError
from lstm_analog.engines.waveform.state import ImposedWaveform, imposed_waveforms
from lstm_analog.engines.waveform.subdivision import interval_kinds
from lstm_analog.engines.waveform.workspace import Regime, Workspace
from lstm_analog.network.schedule import Schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformRun:
    """A run with the segments and buffers of `space`; `points` of each interval can be recorded."""

    space: Workspace
    points: int

    @cached_property
    def _solver(self) -> IntervalSolver:
        return IntervalSolver(space=self.space, points=self.points)

    @cached_property
    def _fast(self) -> bool:
        """Whether programs can run intervals."""
        return is_available() and self.points == 1

    @property
    def worst(self) -> float:
        """The largest estimated error of an accepted piece, in tolerances."""
        return self.space.worst.item()

    @property
    def finite(self) -> bool:
        """Whether all that was recorded has been found finite; else that remains to be seen."""
        return not self.space.unsound[0]

    def run(
        self,
        schedule: Schedule,
        intervals: range,
        start: Floats | None,
        record: Recorder,
        progress: Progress | None,
    ) -> Floats:
        """Run `intervals` of the `schedule` from the efforts `start`, or from the operating point if that is None.

        It writes into `record` what that asks for, calls `progress` after each interval, and returns the efforts at the
        end, (*lead, N). Raises `OutOfReachError` if the network cannot be run this way.
        """
        space, count = self.space, len(schedule.names)
        space.state.forget()
        space.worst[0], space.unsound[0] = 0.0, not self._fast
        sources = imposed_waveforms(space.sources, schedule, space.state.effort.dtype)
        if start is None:
            for source in sources:
                source.impose(space.state, 0)
            self._rest(schedule)
            self._record(record, 0, space.state.effort[..., None, :])
        else:
            np.copyto(space.state.effort, start)
        tell = None if progress is None else partial(_tell, progress, count)
        self._run_intervals(intervals, schedule, sources, record, tell)
        return space.state.effort.copy()

    def _run_intervals(
        self,
        intervals: range,
        schedule: Schedule,
        sources: list[ImposedWaveform],
        record: Recorder,
        tell: Callable[[int], None] | None,
    ) -> None:
        """Run `intervals` of the `schedule`, ahead where programs can, and `tell` the number of each."""
        kinds, kind_of = interval_kinds(self.space, schedule, sources, record)
        ahead = RunAhead(self.space, sources, record, kinds) if self._fast else None
        number, done = intervals.start, None
        while number < intervals.stop:
            if ahead:
                number, done = ahead.run(kind_of, range(number, intervals.stop), tell)
                if number == intervals.stop:
                    break
            kind = kinds[kind_of[number]]
            if done is not None and self._solver.changed(kind.subdivision, done, kind.recorded) and not done:
                continue  # there may be a program of the finer division
            for source in sources if number and done is None and any(kind.sources) else ():
                source.impose(self.space.state, number)
            path = self._solver.solve(kind.subdivision, kind.recorded, done or 0)
            if path is not None:
                self._record(record, number + 1, path)
            if tell:
                tell(number)
            number += 1
        if ahead:
            ahead.note()

    def _record(self, record: Recorder, number: int, path: Floats) -> None:
        """Take down the `path` (*lead, points, N) of interval `number`, and note whether it is finite."""
        record.write(number, path)
        if self._fast and not np.isfinite(path).all():
            self.space.unsound[0] = 1

    def _rest(self, schedule: Schedule) -> None:
        """Set the state to its operating point in the first interval.

        First without the parts that are idle between limits; with them if a limit is passed. Where level by level finds
        none, `Integrate` finds it.
        """
        high, duration = schedule.phase(0), float(schedule.durations[0])
        state = self.space.state
        try:
            start = state.effort.copy()
            for idle in (True, False):
                np.copyto(state.effort, start)
                resting = self.space.rest(Regime(high=high, idle=idle), duration)
                resting.solve()
                if resting.within_limits():
                    break
            resting.commit()
        except (OutOfReachError, Unsolved, np.linalg.LinAlgError):
            if state.effort.ndim > 2:
                raise OutOfReachError("of one of them the operating point is not found level by level") from None
            effort = state.effort.astype(np.float64)  # single precision comes to no rest
            operating_point(system(self.space.network, high), effort, duration)
            np.copyto(state.effort, effort)


def _tell(progress: Progress, count: int, number: int) -> None:
    progress(number + 1, count)
