"""Solves one interval, piece after piece; a piece whose error is too large is refined and solved again.

A piece is solved by a `Segment`. What is changed in a piece (its degree, two pieces in its place, better guesses, the
stops of tanks) stays changed for the later intervals of the same kind.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import kept_times
from lstm_analog.engines.native import Unsolved
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.partition import AdaptivePartition
from lstm_analog.engines.waveform.pieces import Partition, refine_piece
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.workspace import Regime, Workspace


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalSolver:
    """Advances the state of `space` by one interval after the other, of each of which `points` can be recorded."""

    space: Workspace
    points: int

    @cached_property
    def _at(self) -> Floats:
        """The times of the points, as shares of the interval, (points,)."""
        return kept_times(1.0, self.points)

    def advance(self, effort: Floats, partition: AdaptivePartition) -> Floats:
        """Return all efforts (*lead, N) at the end of an interval with this `partition` that starts from `effort`.

        Raises `OutOfReachError` if the network cannot be run this way.
        """
        self.space.state.forget()
        np.copyto(self.space.state.effort, effort)
        self.solve(partition, recorded=True)  # or junctions and followers would not be computed
        return self.space.state.effort

    def solve(self, partition: AdaptivePartition, recorded: bool, first: int = 0) -> Floats | None:
        """Advance the state to the end of an interval with this `partition`, from the start of piece number `first`.

        Returns the efforts at the points of the interval, (*lead, points, N), or None if they are not `recorded`.
        `first` is 0 if there are points beside the end. Raises `OutOfReachError` if the network cannot be run this way.
        """
        output, effort = self._output(recorded), self.space.state.effort
        path = effort[..., None, :]
        if output is Wanted.POINTS:
            path = np.repeat(path, self.points, axis=-2)
        if first or not self._solve_unchecked(partition.present, output):
            self._solve_pieces(partition, output, path, first)
        return path if recorded else None

    def _solve_unchecked(self, partition: Partition, output: Wanted) -> bool:
        """Advance the state by the only piece of `partition` if it needs no check; return whether that was done."""
        only = partition.segments[output][0]
        if len(partition.pieces) > 1 or output is Wanted.POINTS or not only or not only.needs_no_check:
            return False
        try:
            only.solve()
        except Unsolved:
            return False
        only.commit()
        return True

    def _solve_pieces(self, partition: AdaptivePartition, output: Wanted, path: Floats, first: int) -> None:
        """Advance the state piece by piece, and write efforts inside the interval to `path` (*lead, points, N)."""
        at = self._at
        done, place = 0.0, first
        while place < len(partition.present.pieces):
            segment = self._accepted(partition, place, output)
            if segment is None:
                continue
            pieces = partition.present.pieces
            end = 1.0 if place == len(pieces) - 1 else done + pieces[place].share
            if output is Wanted.POINTS:
                inside = (at > done) & (at <= end)
                found = path[..., inside, :]
                segment.sample((at[inside] - done) / (end - done), found)
                path[..., inside, :] = found
            segment.commit()
            done, place = end, place + 1

    def _accepted(self, partition: AdaptivePartition, place: int, output: Wanted) -> Segment | None:
        """Return the solved segment of piece number `place`; None if it was not accepted and the piece was changed."""
        segment = self._segment(partition.present, place, output)
        try:
            segment.solve()
            if segment.needs_no_check:
                return segment
            error = segment.error()
        except Unsolved:
            error = np.inf
        return segment if self._accept_or_change(partition, place, segment, error) else None

    def change_stopped(self, partition: AdaptivePartition, place: int, recorded: bool) -> bool:
        """Change piece number `place` of a `partition`, at which a program of the kernel stopped, if it was solved.

        Returns whether it was changed: a piece that could not be solved is left to `solve`. The efforts at the end of
        the interval are `recorded` or not.
        """
        segment = self._segment(partition.present, place, self._output(recorded))
        error = segment.verdict.item()
        return bool(np.isfinite(error)) and not self._accept_or_change(partition, place, segment, error)

    def _accept_or_change(self, partition: AdaptivePartition, place: int, segment: Segment, error: float) -> bool:
        """Return whether the solved `segment` of piece number `place` is accepted; if not, change the piece.

        Too large an `error` refines the piece. If that nothing moves was guessed wrongly, the piece gets better guesses
        from then on. If a limit was passed, it is solved with the parts that were taken to be idle; that comes before
        refining, which would be in vain: without these parts nothing pushes back.
        """
        present = partition.present
        piece = present.pieces[place]
        if not error <= present.accepted:
            outside = bool(np.isfinite(error)) and not segment.within_limits()
            finer = [replace(piece, idle=False)] if outside else refine_piece(piece, error / present.accepted)
            partition.replace(place, finer)
            return False
        if not segment.guesses_confirmed():
            partition.replace(place, [self.space.swept(present.high, present.duration, piece)])
            return False
        if not segment.within_limits():
            partition.replace(place, [replace(piece, idle=False)])
            return False
        self.space.worst[0] = max(self.space.worst[0], error)
        return True

    def _segment(self, partition: Partition, place: int, output: Wanted) -> Segment:
        """Return the segment of piece number `place` of `partition`, which is built if it is not there."""
        found = partition.segments[output][place]
        if found is None:
            last, piece = place == len(partition.pieces) - 1, partition.pieces[place]
            regime, asked = Regime(high=partition.high, idle=piece.idle), output
            if output is Wanted.END and not last:
                asked = Wanted.STATES
            found = self.space.segment(regime, piece.share * partition.duration, piece.grid, piece.feedback, asked)
            partition.segments[output][place] = found
        return found

    def _output(self, recorded: bool) -> Wanted:
        """Return what an interval must yield whose points are `recorded` or not."""
        return (Wanted.END if self.points == 1 else Wanted.POINTS) if recorded else Wanted.STATES
