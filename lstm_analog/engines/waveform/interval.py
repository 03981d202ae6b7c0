"""Solves one interval: piece after piece, whose number and degrees adapt to the tolerance.

A piece is solved as a `Segment`; if its estimated error is too large it is refined, a higher degree or two pieces in
its place, and solved again.
"""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import kept_times
from lstm_analog.engines.native import Unsolved, compiled
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.pieces import Division, refined
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.subdivision import Subdivision
from lstm_analog.engines.waveform.workspace import Regime, Workspace
from lstm_analog.expressions import make


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalSolver:
    """Advances the state of `space` by intervals, of each of which `points` can be recorded."""

    space: Workspace
    points: int

    @cached_property
    def _at(self) -> Floats:
        """When points are recorded, as shares of the interval, (points,)."""
        return kept_times(1.0, self.points)

    def advance(self, effort: Floats, intervals: Subdivision) -> Floats:
        """Return the efforts (*lead, N) at the end of one of the `intervals`, which start as `effort`.

        Raises `OutOfReachError` if the network cannot be run this way.
        """
        self.space.state.forget()
        np.copyto(self.space.state.effort, effort)
        self.solve(intervals, recorded=True)  # junctions and followers, too, are wanted at the end
        return self.space.state.effort

    def solve(self, intervals: Subdivision, recorded: bool, first: int = 0) -> Floats | None:
        """Advance the state by one of the `intervals`, from piece `first` on; not 0 only if there is one point.

        Returns the efforts at its points, (*lead, points, N), if they are `recorded`. Raises `OutOfReachError` if the
        network cannot be run this way.
        """
        output, effort = self._output(recorded), self.space.state.effort
        path = effort[..., None, :]
        if output is Wanted.POINTS:
            path = np.repeat(path, self.points, axis=-2)
        if first or not self._run_unchecked(intervals.present, output):
            self._solve_pieces(intervals, output, path, first)
        return path if recorded else None

    def _solve_pieces(self, intervals: Subdivision, output: Wanted, path: Floats, first: int) -> None:
        """Advance the state piece by piece, as `solve` does, to whose `path` the efforts at points are written."""
        at = self._at
        done, place = 0.0, first
        while place < len(intervals.present.pieces):
            segment = self._accepted(intervals, place, output)
            if segment is None:
                continue
            pieces = intervals.present.pieces
            end = 1.0 if place == len(pieces) - 1 else done + pieces[place].share
            if output is Wanted.POINTS:
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

    def changed(self, intervals: Subdivision, place: int, recorded: bool) -> bool:
        """Return whether piece number `place` of `intervals`, at which a program stopped, was changed for its error.

        It is not if the program found none; otherwise the piece is not solved again. Its end is `recorded` or not.
        """
        segment = self._segment(intervals.present, place, self._output(recorded))
        error = segment.verdict.item()
        return bool(np.isfinite(error)) and self._judged(intervals, place, segment, error) is None

    def _judged(self, intervals: Subdivision, place: int, segment: Segment, error: float) -> Segment | None:
        """Return the solved `segment` of piece number `place`; None if it was not accepted, and has been changed.

        Too large an `error` refines the piece. If the guess that nothing moves was wrong, guesses are swept from then
        on; if a limit was passed, the parts that are idle between limits are solved with, which comes before all else:
        without them nothing pushes back, and a piece is refined in vain.
        """
        division = intervals.present
        piece = division.pieces[place]
        if not error <= division.within:
            outside = bool(np.isfinite(error)) and not segment.within_limits()
            finer = [replace(piece, idle=False)] if outside else refined(piece, error / division.within)
            intervals.replace(place, finer)
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

    def _output(self, recorded: bool) -> Wanted:
        """Return what an interval must yield, whose points are `recorded` or not."""
        return (Wanted.END if self.points == 1 else Wanted.POINTS) if recorded else Wanted.STATES
