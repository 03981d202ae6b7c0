"""One run: interval after interval, each cut into pieces that adapt to the tolerance and are kept for the next time."""

from dataclasses import dataclass, field

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress, moments
from lstm_analog.engines.integrate import operating_point
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform.analysis import Keep
from lstm_analog.engines.waveform.fields import Span, span
from lstm_analog.engines.waveform.newton import Unsolved
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.workspace import OutOfReachError, Piece, Workspace, refined, shrunk
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.laws import High
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save

_LEARNING = 2
"""Visits of a kind of interval in which its pieces are made cheaper, if they can be."""
_ENOUGH = 0.1
"""Share of the tolerance that the degree of a piece is lowered to."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drive:
    """What a bank of sources imposes: `efforts` (*lead, intervals, m) on `places`, of unknowns of one `group`.

    `changes` tells in which intervals it is not what it was in the one before.
    """

    places: Span
    group: int
    efforts: Floats
    changes: list[bool]


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """A run of a `schedule` in a `space`: `points` of each interval and what `save` says are kept.

    `pieces` is how each kind of interval is cut so far, `visits` counts them, `errors` has the worst error accepted.
    """

    schedule: Schedule
    space: Workspace
    points: int
    save: Save
    pieces: dict[tuple[High, float], list[Piece]] = field(default_factory=dict)
    visits: dict[tuple[High, float], int] = field(default_factory=dict)
    errors: list[float] = field(default_factory=lambda: [0.0])

    @property
    def worst(self) -> float:
        """The largest estimate of an error, in tolerances."""
        return self.errors[0]

    def run(self, progress: Progress | None) -> tuple[Floats, Floats]:
        """Return the times kept, (points,), and the efforts then, (*lead, points, kept), telling `progress`.

        Raises `OutOfReachError` if the network cannot be run this way.
        """
        space, names, ends = self.space, self.schedule.names, self.schedule.ends.tolist()
        space.images.forget()
        nodes = span(self.save.nodes(space.network))
        kept = [self.save.takes(name) for name in names]
        time = np.zeros(1 + self.points * sum(kept))
        effort = np.zeros((*space.lead, space.network.unknowns.size))
        drives, kinds = self._drives(), self._kinds()
        self._impose(effort, drives, 0)
        self._rest(effort)
        first = effort[..., nodes]
        path = np.zeros((*first.shape[:-1], time.size, first.shape[-1]))
        path[..., 0, :] = first
        place = 1
        for number, kind in enumerate(kinds):
            if number:
                self._impose(effort, drives, number)
            found = self._interval(effort, kind, kept[number])
            if kept[number]:
                time[place : place + self.points] = ends[number] - kind[1] + moments(kind[1], self.points)
                time[place + self.points - 1] = ends[number]
                path[..., place : place + self.points, :] = found[..., nodes]
                place += self.points
            if progress is not None:
                progress(number + 1, len(names))
        return time, path

    def _kinds(self) -> list[tuple[High, float]]:
        """Return the lines and the duration of each interval; equal ones are one object."""
        known: dict[tuple[High, float], tuple[High, float]] = {}
        rows = (tuple(row) for row in self.schedule.high.tolist())
        pairs = zip(rows, self.schedule.durations.tolist(), strict=True)
        return [known.setdefault(pair, pair) for pair in pairs]

    def _drives(self) -> list[Drive]:
        network, driven = self.space.network, {entry.label: entry for entry in self.schedule.imposed}
        intervals, drives = len(self.schedule.names), []
        groups = self.space.couplings(self.schedule.phase(0)).groups
        for part in (part for part in network.parts if isinstance(part, Sources)):
            entry = driven.get(part.label)
            if entry is None:
                efforts, changes = part.effort[..., None, :], [True] + [False] * (intervals - 1)
            else:
                efforts = np.broadcast_to(entry.efforts, (*self.schedule.lead, *entry.efforts.shape[-2:]))
                efforts = efforts.reshape(-1, *efforts.shape[-2:]) if not entry.steady else efforts
                changes = [True] + [False] * (intervals - 1)
                if not entry.steady:
                    other = (efforts[:, 1:] != efforts[:, :-1]).any(axis=(0, 2))
                    changes = [True, *other.tolist()]
            drives.append(Drive(places=span(part.nodes), group=int(groups[part.nodes[0]]), efforts=efforts, changes=changes))
        return drives

    def _impose(self, effort: Floats, drives: list[Drive], number: int) -> None:
        for drive in drives:
            if drive.changes[number]:
                value = drive.efforts[..., min(number, drive.efforts.shape[-2] - 1), :]
                effort[..., drive.places] = value.reshape(-1, value.shape[-1]) if value.ndim > 2 else value
                self.space.images.moved((drive.group,))

    def _rest(self, effort: Floats) -> None:
        high, duration = self.schedule.phase(0), float(self.schedule.durations[0])
        try:
            resting = self.space.rest(high, duration)
            resting.solve(effort)
            resting.commit(effort)
        except (OutOfReachError, Unsolved, np.linalg.LinAlgError):
            if len(self.space.lead) > 1:
                must, do = "be found level by level", "run one chip at a time with Integrate"
                raise SimulationError(explain("the operating point", must=must, got="a strong loop", do=do)) from None
            operating_point(system(self.space.network, high), effort, duration)
            self.space.images.forget()

    def _interval(self, effort: Floats, kind: tuple[High, float], kept: bool) -> Floats:
        """Take `effort` over an interval and return the points kept, (*lead, points, N), if any are."""
        visits = self.visits.get(kind, 0)
        if not visits:
            self.pieces[kind] = self.space.pieces(*kind)
        self.visits[kind] = visits + 1
        pieces = self.pieces[kind]
        at = moments(1.0, self.points)
        many = kept and at.size > 1
        path = np.repeat(effort[..., None, :], at.size, axis=-2) if many else effort[..., None, :]
        done, place = 0.0, 0
        while place < len(pieces):
            last = place == len(pieces) - 1
            keep = Keep.POINTS if many else Keep.END if kept and last else Keep.STATES
            segment = self._accepted(effort, kind, pieces, place, keep)
            if segment is None:
                continue
            if visits < _LEARNING:
                pieces[place] = shrunk(pieces[place], segment.needed(_ENOUGH))
            end = 1.0 if last else done + pieces[place].share
            if many:
                inside = (at > done) & (at <= end)
                found = path[..., inside, :]
                segment.sample((at[inside] - done) / (end - done), found)
                path[..., inside, :] = found
            segment.commit(effort)
            done, place = end, place + 1
        return path

    def _accepted(
        self, effort: Floats, kind: tuple[High, float], pieces: list[Piece], place: int, keep: Keep
    ) -> Segment | None:
        """Return the solved segment of a piece; None if it was wrong, and has been refined."""
        piece, (high, duration) = pieces[place], kind
        segment = self.space.segment(high, piece.share * duration, piece.degree, keep)
        try:
            segment.solve(effort)
            error = segment.error()
        except Unsolved:
            error = np.inf
        if not error <= 1.0:
            pieces[place : place + 1] = refined(piece, error)
            return None
        self.errors[0] = max(self.errors[0], error)
        return segment
