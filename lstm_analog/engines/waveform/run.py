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
from lstm_analog.engines.waveform.ahead import IntervalKind, RunAhead
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.imposed import ImposedWaveform, imposed_waveforms
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.subdivision import Subdivision, subdivisions
from lstm_analog.engines.waveform.workspace import OutOfReachError, Regime, Workspace, refined
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

    @property
    def worst(self) -> float:
        """The largest estimated error of an accepted piece, in tolerances."""
        return self.space.worst.item()

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
        space.worst[0] = 0.0
        divisions = subdivisions(self.space, schedule)
        groups = space.couplings(Regime(high=schedule.phase(0), idle=True)).groups
        sources = imposed_waveforms(space.network, groups, schedule, space.state.effort.dtype)
        if start is None:
            for source in sources:
                source.impose(space.state, 0)
            self._rest(schedule)
            record.write(0, space.state.effort[..., None, :])
        else:
            np.copyto(space.state.effort, start)
        self._run_intervals(intervals, divisions, sources, record, lambda number: _tell(progress, number + 1, count))
        return space.state.effort.copy()

    def _run_intervals(
        self,
        intervals: range,
        divisions: list[Subdivision],
        sources: list[ImposedWaveform],
        record: Recorder,
        tell: Callable[[int], None],
    ) -> None:
        """Run `intervals`, ahead where programs can, and `tell` the number of each."""
        changing = np.any(
            [np.zeros(len(divisions), dtype=bool), *(source.changes for source in sources)], axis=0
        ).tolist()
        fast = is_available() and self.points == 1
        ahead = self._run_ahead(divisions, sources, record) if fast else None
        number = intervals.start
        while number < intervals.stop:
            number = ahead.run(number, intervals.stop, tell) if ahead else number
            if number < intervals.stop:
                for source in sources if number and changing[number] else ():
                    source.impose(self.space.state, number)
                if record.asks(number + 1):
                    record.write(number + 1, self._points(divisions[number]))
                else:
                    self._interval(divisions[number], None)
                tell(number)
                number += 1

    def _run_ahead(self, divisions: list[Subdivision], sources: list[ImposedWaveform], record: Recorder) -> RunAhead:
        """Return what runs the intervals, whose `divisions` (intervals,) are given, by programs where it can."""
        distinct = list({id(division): division for division in divisions}.values())
        number = {id(division): place for place, division in enumerate(distinct)}
        code = np.fromiter((number[id(division)] for division in divisions), np.int64, len(divisions))
        flags = [*(source.changes for source in sources), *(each.places[1:] >= 0 for each in record.records)]
        for flag in flags:
            code = 2 * code + flag
        _, examples, kind_of = np.unique(code, return_index=True, return_inverse=True)
        kinds = []
        for interval in examples.tolist():
            told = [bool(flag[interval]) for flag in flags]
            changing, asked = told[: len(sources)], told[len(sources) :]
            division = divisions[interval]
            kinds.append(
                IntervalKind(
                    segments=partial(division.segments, any(asked) or bool(record.watches)),
                    within=division.within,
                    sources=np.array(changing, dtype=bool),
                    records=np.array(asked, dtype=bool),
                )
            )
        return RunAhead(self.space, sources, record, kinds, kind_of.reshape(-1))

    def advance(self, effort: Floats, division: Subdivision) -> Floats:
        """Return the efforts (*lead, N) at the end of an interval of the kind of `division`, which start as `effort`.

        Raises `OutOfReachError` if the network cannot be run this way.
        """
        self.space.state.forget()
        np.copyto(self.space.state.effort, effort)
        self._points(division)  # junctions and followers, too, are wanted at the end
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
            operating_point(system(self.space.network, high), state.effort, duration)

    def _points(self, division: Subdivision) -> Floats:
        """Advance the state by an interval and return the efforts at its points, (*lead, points, N)."""
        effort = self.space.state.effort
        path = effort[..., None, :] if self.points == 1 else np.repeat(effort[..., None, :], self.points, axis=-2)
        self._interval(division, path)
        return path

    def _interval(self, division: Subdivision, path: Floats | None) -> None:
        """Advance the state by an interval; write the efforts at its points into `path` (*lead, points, N), if any."""
        recorded, at = path is not None, self._at
        if self._run_unchecked(division, recorded):
            return
        done, place = 0.0, 0
        while place < len(division.pieces):
            segment = self._accepted(division, place, recorded)
            if segment is None:
                continue
            end = 1.0 if place == len(division.pieces) - 1 else done + division.pieces[place].share
            if path is not None and at.size > 1:
                inside = (at > done) & (at <= end)
                found = path[..., inside, :]
                segment.sample((at[inside] - done) / (end - done), found)
                path[..., inside, :] = found
            segment.commit()
            done, place = end, place + 1
        only = division.made[recorded][0] if len(division.pieces) == 1 else None
        if only and only.needs_no_check and not (recorded and at.size > 1):
            division.unchecked[recorded] = compiled([*only.steps, *only.after])

    def _run_unchecked(self, division: Subdivision, recorded: bool) -> bool:
        """Advance the state by the `unchecked` steps of `division`; return whether there are any and they succeeded."""
        try:
            make(division.unchecked.get(recorded, ()))
        except Unsolved:  # before anything is written into the state
            division.unchecked.clear()
        return recorded in division.unchecked

    def _accepted(self, division: Subdivision, place: int, recorded: bool) -> Segment | None:
        """Return the solved segment of piece number `place`; None if it was not accepted, and has been changed.

        Too large an error refines the piece. If the guess that nothing moves was wrong, guesses are swept from then on;
        if a limit was passed, the parts that are idle between limits are solved with.
        """
        segment = division.made[recorded][place] or self._segment(division, place, recorded)
        try:
            segment.solve()
            if segment.needs_no_check:
                return segment
            error = segment.error()
        except Unsolved:
            error = np.inf
        if not error <= division.within:
            division.pieces[place : place + 1] = refined(division.pieces[place], error / division.within)
            division.changed()
            return None
        if not (stands := segment.stands()) or not segment.within_limits():
            piece = division.pieces[place]
            division.pieces[place] = replace(piece, idle=False) if stands else replace(piece, still=False)
            division.changed()
            return None
        self.space.worst[0] = max(self.space.worst[0], error)
        return segment

    def _segment(self, division: Subdivision, place: int, recorded: bool) -> Segment:
        """Return a segment for piece number `place`, built or from the workspace, and note it in `division`."""
        last, piece = place == len(division.pieces) - 1, division.pieces[place]
        output = Wanted.POINTS if recorded and self.points > 1 else Wanted.END if recorded and last else Wanted.STATES
        regime = Regime(high=division.high, idle=piece.idle)
        found = self.space.segment(regime, piece.share * division.duration, piece.grid, piece.still, output)
        division.made[recorded][place] = found
        return found


def _tell(progress: Progress | None, done: int, count: int) -> None:
    if progress is not None:
        progress(done, count)
