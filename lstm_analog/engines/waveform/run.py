"""Runs a schedule from the operating point, interval after interval, and records what is asked for.

Where there is a kernel and only ends are recorded, `RunAhead` runs the intervals; those that it cannot run, and without
it all, an `IntervalSolver` does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress
from lstm_analog.engines.native import Unsolved, is_available
from lstm_analog.engines.operating import operating_point
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform.ahead import RunAhead
from lstm_analog.engines.waveform.interval import IntervalSolver
from lstm_analog.engines.waveform.partition import interval_kinds
from lstm_analog.engines.waveform.pieces import OutOfReachError
from lstm_analog.engines.waveform.state import ImposedWaveform, imposed_waveforms
from lstm_analog.engines.waveform.workspace import Regime, Workspace
from lstm_analog.network.schedule import Schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformRun:
    """Runs with the segments and buffers of `space`; `points` of each interval can be recorded."""

    space: Workspace
    points: int

    @cached_property
    def _solver(self) -> IntervalSolver:
        return IntervalSolver(space=self.space, points=self.points)

    @cached_property
    def _by_programs(self) -> bool:
        """Whether programs of the kernel can run intervals."""
        return is_available() and self.points == 1

    @property
    def worst(self) -> float:
        """The largest estimated error of an accepted piece of the last run, in tolerances."""
        return self.space.worst.item()

    @property
    def finite(self) -> bool:
        """Whether all that the last run recorded is known to be finite; if not, some may be, or nobody has looked."""
        return not self.space.nonfinite[0]

    def run(
        self,
        schedule: Schedule,
        intervals: range,
        start: Floats | None,
        record: Recorder,
        progress: Progress | None,
    ) -> Floats:
        """Run `intervals` of the `schedule` from the efforts `start`, or from the operating point if that is None.

        Writes into `record` what that asks for, tells `progress` of each interval, and returns the efforts at the end,
        (*lead, N). Raises `OutOfReachError` if the network cannot be run this way.
        """
        space, count = self.space, len(schedule.names)
        space.state.forget()
        space.worst[0], space.nonfinite[0] = 0.0, not self._by_programs
        sources = imposed_waveforms(space.sources, schedule, space.state.effort.dtype)
        if start is None:
            for source in sources:
                source.impose(space.state, 0)
            self._rest(schedule)
            self._record(record, 0, space.state.effort[..., None, :])
        else:
            np.copyto(space.state.effort, start)
        tell = None if progress is None else lambda number: progress(number + 1, count)
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
        """Run `intervals` of the `schedule`, and `tell` the number of each that is done."""
        kinds, kind_of = interval_kinds(self.space, schedule, sources, record)
        ahead = RunAhead(self.space, sources, record, kinds) if self._by_programs else None
        number, solved = intervals.start, None
        while number < intervals.stop:
            if ahead:
                number, solved = ahead.run(kind_of, range(number, intervals.stop), tell)
                if number == intervals.stop:
                    break
            kind = kinds[kind_of[number]]
            if solved is None:
                for source in compress(sources, kind.sources):
                    source.impose(self.space.state, number)
            elif self._solver.change_stopped(kind.partition, solved, kind.recorded) and not solved:
                continue  # there may be a program of the finer partition
            path = self._solver.solve(kind.partition, kind.recorded, solved or 0)
            if path is not None:
                self._record(record, number + 1, path)
            if tell:
                tell(number)
            number += 1
        if ahead:
            ahead.note_extremes()

    def _record(self, record: Recorder, number: int, path: Floats) -> None:
        """Write the `path` (*lead, points, N) of interval `number` to `record`, and note whether it is finite.

        The start of the run is interval 0.
        """
        record.write(number, path)
        if self._by_programs and not np.isfinite(path).all():
            self.space.nonfinite[0] = 1

    def _rest(self, schedule: Schedule) -> None:
        """Set the state to its operating point in the first interval.

        It is found level by level, first without the parts that are idle between limits, with them if a limit is
        passed; where that fails, as `Integrate` finds it, by steps in time of the whole network.
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
                raise OutOfReachError("the operating point of one of them is not found level by level") from None
            effort = state.effort.astype(np.float64)  # rounding of single precision is no rest
            operating_point(system(self.space.network, high), effort, duration)
            np.copyto(state.effort, effort)
