"""One run: interval after interval, each cut into pieces that adapt to the tolerance and are kept for the next time."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from lstm_analog.arrays import Flags, Floats, Span, span
from lstm_analog.engines.base import Progress, moments
from lstm_analog.engines.integrate import operating_point
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.newton import Unsolved
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.workspace import OutOfReachError, Piece, Regime, Workspace, refined, settled
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High
from lstm_analog.network.parts import ALWAYS, Pairs, Ports, Sources
from lstm_analog.network.schedule import Schedule

_GATED_SHARE = 0.4
"""Error, as a share of the tolerance, that a piece may have while a gated pair or port conducts; larger: fewer points.

The flow of a gated leak stops while it still changes the cell, so that its error stays there; where a cell settles,
errors of the way there vanish.
"""
_LEARNING = range(1, 3)
"""Earlier runs of a kind of interval at which the degree of its pieces is lowered: its second and third occurrence.

At the first the signals are small, and say little about the degree needed later.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImposedWaveform:
    """What a bank of sources imposes: `efforts` (..., intervals, m) on `places`, of unknowns of one `group`.

    Before the intervals is an axis of sequences, or of one for all, and the chips lead, where they differ.

    `changes` tells in which intervals it is not what it was in the one before.
    """

    places: Span
    group: int
    efforts: Floats
    changes: Flags


@dataclass(frozen=True, kw_only=True, eq=False)
class Subdivision:
    """How intervals of `duration` (s) with the lines `high` are cut: into `pieces`, whose segments are `made` so far.

    `visits` are the names of those that have been run, while there is something to be learnt from them. `certain` are
    the steps of an interval, kept or not, of which nothing is to be judged any more. Pieces are accepted `within` so
    many tolerances.
    """

    high: High
    duration: float
    pieces: list[Piece]
    made: dict[bool, list[Segment | None]]
    visits: list[None]
    certain: dict[bool, list[Call]]
    within: float

    def changed(self) -> None:
        """Forget what was made of the pieces."""
        for kept in (False, True):
            self.made[kept] = [None] * len(self.pieces)
        self.certain.clear()


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformRun:
    """A run of a `schedule` in a `space`, with `points` of each interval.

    `errors` has the worst error accepted.
    """

    schedule: Schedule
    space: Workspace
    points: int
    errors: list[float] = field(default_factory=lambda: [0.0])

    @cached_property
    def _at(self) -> Floats:
        return moments(1.0, self.points)

    @property
    def worst(self) -> float:
        """The largest estimate of an error, in tolerances."""
        return self.errors[0]

    def run(self, taken: Recorder, progress: Progress | None) -> None:
        """Run the schedule, write into `taken` what it asks for, telling `progress`.

        Raises `OutOfReachError` if the network cannot be run this way.
        """
        space, count = self.space, len(self.schedule.names)
        space.state.forget()
        drives, cuts = self._drives(), self._cuts()
        changing = np.any([drive.changes for drive in drives], axis=0).tolist() if drives else [False] * count
        self._impose(drives, 0)
        self._rest()
        taken.write(0, space.state.effort[..., None, :])
        for number, cut in enumerate(cuts):
            if number and changing[number]:
                self._impose(drives, number)
            if taken.asks(number + 1):
                taken.write(number + 1, self._points(cut))
            else:
                self._interval(cut, None)
            if progress is not None:
                progress(number + 1, count)

    def _cuts(self) -> list[Subdivision]:
        """Return how each interval is cut; those of the same lines and duration share it."""
        flags, width = self.schedule.high.tobytes(), self.schedule.high.shape[1]
        durations = self.schedule.durations.tolist()
        kinds = [(flags[k * width : (k + 1) * width], duration) for k, duration in enumerate(durations)]
        cuts = {kind: _uncut(self.space, tuple(map(bool, kind[0])), kind[1]) for kind in set(kinds)}
        return [cuts[kind] for kind in kinds]

    def _drives(self) -> list[ImposedWaveform]:
        network, driven = self.space.network, {entry.label: entry for entry in self.schedule.imposed}
        intervals, drives = len(self.schedule.names), []
        groups = self.space.couplings(Regime(high=self.schedule.phase(0), idle=True)).groups
        for part in (part for part in network.parts if isinstance(part, Sources)):
            entry = driven.get(part.label)
            changes = np.zeros(intervals, dtype=bool)
            changes[0] = True
            efforts = part.effort[..., None, :] if entry is None else self.schedule.side_by_side(entry)
            if entry is not None and not entry.steady:
                moves = efforts[..., 1:, :] != efforts[..., :-1, :]
                changes[1:] = moves.any(axis=(*range(moves.ndim - 2), -1))
            group = int(groups[part.nodes[0]])
            drives.append(ImposedWaveform(places=span(part.nodes), group=group, efforts=efforts, changes=changes))
        return drives

    def _impose(self, drives: list[ImposedWaveform], number: int) -> None:
        effort = self.space.state.effort
        for drive in drives:
            if drive.changes[number]:
                effort[..., drive.places] = drive.efforts[..., min(number, drive.efforts.shape[-2] - 1), :]
                self.space.state.moved((drive.group,))

    def _rest(self) -> None:
        high, duration = self.schedule.phase(0), float(self.schedule.durations[0])
        state = self.space.state
        try:
            start = state.effort.copy()
            for idle in (True, False):
                np.copyto(state.effort, start)
                resting = self.space.rest(Regime(high=high, idle=idle), duration)
                resting.solve()
                if resting.holds():
                    break
            resting.commit()
        except (OutOfReachError, Unsolved, np.linalg.LinAlgError):
            if state.effort.ndim > 2:
                raise OutOfReachError("of one of them the operating point is not found level by level") from None
            operating_point(system(self.space.network, high), state.effort, duration)

    def _points(self, cut: Subdivision) -> Floats:
        """Take the state over an interval and return its points, (*lead, points, N)."""
        effort = self.space.state.effort
        path = effort[..., None, :] if self.points == 1 else np.repeat(effort[..., None, :], self.points, axis=-2)
        self._interval(cut, path)
        return path

    def _interval(self, cut: Subdivision, path: Floats | None) -> None:
        """Take the state over an interval; write what it is at the points into `path` (*lead, points, N), if any."""
        kept, at = path is not None, self._at
        if self._certainly(cut, kept):
            return
        learning = len(cut.visits) in _LEARNING
        done, place = 0.0, 0
        while place < len(cut.pieces):
            segment = self._accepted(cut, place, kept)
            if segment is None:
                continue
            end = 1.0 if place == len(cut.pieces) - 1 else done + cut.pieces[place].share
            if path is not None and at.size > 1:
                inside = (at > done) & (at <= end)
                found = path[..., inside, :]
                segment.sample((at[inside] - done) / (end - done), found)
                path[..., inside, :] = found
            segment.commit()
            if learning:
                cut.pieces[place] = settled(cut.pieces[place], segment)
            done, place = end, place + 1
        if learning:
            cut.changed()
        if len(cut.visits) < _LEARNING.stop:
            cut.visits.append(None)
            return
        only = cut.made[kept][0] if len(cut.pieces) == 1 else None
        if only and only.certain and not (kept and at.size > 1):
            cut.certain[kept] = [*only.steps, *only.after]

    def _certainly(self, cut: Subdivision, kept: bool) -> bool:
        """Take the state over an interval by its certain steps; return whether there are any and they were solved."""
        try:
            for step in cut.certain.get(kept, ()):
                step()
        except Unsolved:  # before anything is written into the state
            cut.certain.clear()
        return kept in cut.certain

    def _accepted(self, cut: Subdivision, place: int, kept: bool) -> Segment | None:
        """Return the solved segment of a piece; None if it was wrong, and has been refined."""
        segment = cut.made[kept][place] or self._segment(cut, place, kept)
        try:
            segment.solve()
            if segment.certain:
                return segment
            error = segment.error()
        except Unsolved:
            error = np.inf
        if not error <= cut.within:
            cut.pieces[place : place + 1] = refined(cut.pieces[place], error / cut.within)
            cut.changed()
            return None
        if not (stands := segment.stands()) or not segment.holds():
            piece = cut.pieces[place]
            cut.pieces[place] = replace(piece, idle=False) if stands else replace(piece, still=False)
            cut.changed()
            return None
        self.errors[0] = max(self.errors[0], error)
        return segment

    def _segment(self, cut: Subdivision, place: int, kept: bool) -> Segment:
        last, piece = place == len(cut.pieces) - 1, cut.pieces[place]
        keep = Wanted.POINTS if kept and self.points > 1 else Wanted.END if kept and last else Wanted.STATES
        regime = Regime(high=cut.high, idle=piece.idle)
        found = self.space.segment(regime, piece.share * cut.duration, piece.grid, piece.still, keep)
        cut.made[kept][place] = found
        return found


def _uncut(space: Workspace, high: High, duration: float) -> Subdivision:
    """Return how an interval is cut of which no segment is made yet."""
    parts = (part for part in space.network.parts if isinstance(part, Pairs | Ports))
    gated = any(part.line != ALWAYS and high[part.line] for part in parts)
    cut = Subdivision(
        high=high,
        duration=duration,
        pieces=space.pieces(high, duration),
        made={},
        visits=[],
        certain={},
        within=_GATED_SHARE if gated else 1.0,
    )
    cut.changed()
    return cut
