"""Runs a schedule: interval after interval, each divided into pieces whose number and degrees adapt to the tolerance.

Intervals of the same lines and duration are of one kind, and share one `Subdivision`: what was found at the first
occurrence serves the next. A piece of an interval is solved as a `Segment`; if its estimated error is too large it is
refined, a higher degree or two pieces in its place, and solved again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress, moments
from lstm_analog.engines.native import Unsolved, compiled, is_available
from lstm_analog.engines.operating import operating_point
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform.ahead import RunAhead
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.pieces import Division, OutOfReachError, refined
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.state import ImposedWaveform, imposed_waveforms
from lstm_analog.engines.waveform.subdivision import Subdivision, interval_kinds
from lstm_analog.engines.waveform.workspace import Regime, Workspace
from lstm_analog.expressions import make
from lstm_analog.network.schedule import Schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformRun:
    """A run with the segments and buffers of `space`; `points` of each interval can be recorded."""

    space: Workspace
    points: int

    @cached_property
    def _at(self) -> Floats:
        """When points are recorded, as shares of the interval, (points,)."""
        return moments(1.0, self.points)

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
            if done is not None and self._changed(kind.subdivision, done, self._output(kind.recorded)) and not done:
                continue  # there may be a program of the finer division
            for source in sources if number and done is None and any(kind.sources) else ():
                source.impose(self.space.state, number)
            if kind.recorded:
                self._record(record, number + 1, self._points(kind.subdivision, done or 0))
            else:
                self._interval(kind.subdivision, None, done or 0)
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

    def advance(self, effort: Floats, intervals: Subdivision) -> Floats:
        """Return the efforts (*lead, N) at the end of one of the `intervals`, which start as `effort`.

        Raises `OutOfReachError` if the network cannot be run this way.
        """
        self.space.state.forget()
        np.copyto(self.space.state.effort, effort)
        self._points(intervals)  # junctions and followers, too, are wanted at the end
        return self.space.state.effort

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

    def _output(self, recorded: bool) -> Wanted:
        """Return what an interval must yield, whose points are `recorded` or not."""
        return (Wanted.END if self.points == 1 else Wanted.POINTS) if recorded else Wanted.STATES

    def _points(self, intervals: Subdivision, first: int = 0) -> Floats:
        """Advance the state by one of the `intervals`, from piece `first` on.

        Returns the efforts at its points, (*lead, points, N).
        """
        effort = self.space.state.effort
        path = effort[..., None, :] if self.points == 1 else np.repeat(effort[..., None, :], self.points, axis=-2)
        self._interval(intervals, path, first)
        return path

    def _interval(self, intervals: Subdivision, path: Floats | None, first: int) -> None:
        """Advance the state by one of the `intervals`, from piece `first` on; not 0 only if there is one point.

        It writes the efforts at the points into `path` (*lead, points, N), if any.
        """
        output, at = self._output(path is not None), self._at
        if not first and self._run_unchecked(intervals.present, output):
            return
        done, place = 0.0, first
        while place < len(intervals.present.pieces):
            segment = self._accepted(intervals, place, output)
            if segment is None:
                continue
            pieces = intervals.present.pieces
            end = 1.0 if place == len(pieces) - 1 else done + pieces[place].share
            if path is not None and output is Wanted.POINTS:
                inside = (at > done) & (at <= end)
                found = path[..., inside, :]
                segment.sample((at[inside] - done) / (end - done), found)
                path[..., inside, :] = found
            segment.commit()
            done, place = end, place + 1
        division = intervals.present
        only = division.made[output][0] if len(division.pieces) == 1 else None
        if only and only.needs_no_check and output is not Wanted.POINTS:
            division.unchecked[output] = compiled([*only.steps, *only.after])

    def _run_unchecked(self, division: Division, output: Wanted) -> bool:
        """Advance the state by the `unchecked` steps of `division`; return whether there are any and they succeeded."""
        try:
            make(division.unchecked.get(output, ()))
        except Unsolved:  # before anything is written into the state
            return False
        return output in division.unchecked

    def _accepted(self, intervals: Subdivision, place: int, output: Wanted) -> Segment | None:
        """Return the solved segment of piece number `place`; None if it was not accepted, and has been changed."""
        segment = self._segment(intervals.present, place, output)
        try:
            segment.solve()
            if segment.needs_no_check:
                return segment
            error = segment.error()
        except Unsolved:
            error = np.inf
        return self._judged(intervals, place, segment, error)

    def _changed(self, intervals: Subdivision, place: int, output: Wanted) -> bool:
        """Return whether piece number `place`, at which a program stopped, has been changed by what this found.

        It is not if that found no error; otherwise the piece is not solved again.
        """
        segment = self._segment(intervals.present, place, output)
        error = segment.verdict.item()
        return bool(np.isfinite(error)) and self._judged(intervals, place, segment, error) is None

    def _judged(self, intervals: Subdivision, place: int, segment: Segment, error: float) -> Segment | None:
        """Return the solved `segment` of piece number `place`; None if it was not accepted, and has been changed.

        Too large an `error` refines the piece. If the guess that nothing moves was wrong, guesses are swept from then
        on; if a limit was passed, the parts that are idle between limits are solved with.
        """
        division = intervals.present
        piece = division.pieces[place]
        if not error <= division.within:
            intervals.replace(place, refined(piece, error / division.within))
            return None
        if not (stands := segment.stands()) or not segment.within_limits():
            swept = partial(self.space.swept, division.high, division.duration, piece)
            intervals.replace(place, [replace(piece, idle=False) if stands else swept()])
            return None
        self.space.worst[0] = max(self.space.worst[0], error)
        return segment

    def _segment(self, division: Division, place: int, output: Wanted) -> Segment:
        """Return the segment for piece number `place` of `division`, which is built if it is not there."""
        found = division.made[output][place]
        if found is None:
            last, piece = place == len(division.pieces) - 1, division.pieces[place]
            regime, asked = Regime(high=division.high, idle=piece.idle), output
            if output is Wanted.END and not last:
                asked = Wanted.STATES
            found = self.space.segment(regime, piece.share * division.duration, piece.grid, piece.feedback, asked)
            division.made[output][place] = found
        return found


def _tell(progress: Progress, count: int, number: int) -> None:
    progress(number + 1, count)
