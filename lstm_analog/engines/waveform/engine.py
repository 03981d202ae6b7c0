"""The fast engine: whole waveforms, one level of the network after the other, from the laws of its parts.

While the clock stands, held states make a network feed-forward but for a few small loops. So instead of stepping all
of it through time, each level's waveforms are found over a whole stretch of time at once, as polynomials through
Chebyshev points (waveform relaxation, Lelarasmee et al. 1982, with spectral collocation; here in an order in which most
networks need no relaxing). The error is estimated from the last Chebyshev coefficients; points and stretches adapt.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.base import Progress, moments
from lstm_analog.engines.integrate import Integrate, operating_point
from lstm_analog.engines.system import system
from lstm_analog.engines.waveform.analysis import Keep
from lstm_analog.engines.waveform.newton import Unsolved
from lstm_analog.engines.waveform.segment import Segment, Tolerance
from lstm_analog.engines.waveform.workspace import OutOfReachError, Piece, Workspace, refined, shrunk, workspace
from lstm_analog.errors import InvalidValueError, SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High
from lstm_analog.network.schedule import Schedule, imposed_efforts
from lstm_analog.network.trajectory import EVERYTHING, Save, Trajectory

_SETTLED = 2
"""Visits of a kind of interval after which its pieces are no longer made cheaper."""
_ENOUGH = 0.1
"""Share of the tolerance that the degree of a piece is lowered to."""
_TIGHTEST = 1e-13


@dataclass(frozen=True, kw_only=True)
class Waveform:
    """Waveform by waveform, in the order of the network; the start is the operating point of the first interval.

    What it cannot do it leaves to `Integrate`, and says so in the trajectory's `engine`: strong loops of many unknowns.

    Attributes
    ----------
    rtol : float
        Relative tolerance of every waveform in every segment, of the effort or its scale, if that is larger.
    atol : float
        Absolute tolerance in units of each group's signal (`Group.scale`).
    points : int
        Points kept of every interval: its end; if more than one, also right behind its start, the rest evenly between.
    save : Save
        Which unknowns and intervals are kept.
    """

    rtol: float = 1e-7
    atol: float = 1e-9
    points: int = 1
    save: Save = EVERYTHING

    def __post_init__(self) -> None:
        """Check that the tolerances are within what doubles can do, and that points are a whole number."""
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not _TIGHTEST <= value < 1.0:
                must, do = f"be at least {_TIGHTEST:g} and less than 1", "give e.g. 1e-7"
                raise InvalidValueError(explain(name, must=must, got=value, do=do))
        if not isinstance(self.points, int) or self.points < 1:
            must, do = "be a whole number of at least 1", "give 1 for the ends of intervals"
            raise InvalidValueError(explain("points", must=must, got=self.points, do=do))

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule`, (..., points, kept), telling `progress` by interval.

        A network whose parameters carry a chip axis gives efforts (chips, ..., points, kept).

        Raises
        ------
        SimulationError
            If neither this engine nor `Integrate` can run the network; the message says why.
        """
        schedule.fit(network.verify())
        self.save.nodes(network)
        try:
            with workspace(network, schedule.lead, Tolerance(rtol=self.rtol, atol=self.atol)) as space:
                return _Course(engine=self, network=network, schedule=schedule, space=space).run(progress)
        except OutOfReachError as reason:
            return self._instead(str(reason), network, schedule, progress)

    def _instead(self, reason: str, network: Network, schedule: Schedule, progress: Progress | None) -> Trajectory:
        other = Integrate(rtol=self.rtol, atol=self.atol, points=self.points, save=self.save)
        trajectory = other.run(network, schedule, progress)
        return replace(trajectory, engine=f"{other!r} instead of {self!r}: {reason}")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Course:
    """One run: how each kind of interval is cut so far, `visits` of each, and the worst `errors` accepted."""

    engine: Waveform
    network: Network
    schedule: Schedule
    space: Workspace
    pieces: dict[tuple[High, float], list[Piece]] = field(default_factory=dict)
    visits: dict[tuple[High, float], int] = field(default_factory=dict)
    errors: list[float] = field(default_factory=lambda: [0.0])

    def run(self, progress: Progress | None) -> Trajectory:
        self.space.forget()
        names, engine = self.schedule.names, self.engine
        kept = [engine.save.takes(name) for name in names]
        nodes = engine.save.nodes(self.network)
        time = np.zeros(1 + engine.points * sum(kept))
        path = np.zeros((*self.space.lead, time.size, nodes.size))
        effort = np.zeros((*self.space.lead, self.network.unknowns.size))
        self._impose(effort, 0)
        self._rest(effort)
        path[..., 0, :] = effort[..., nodes]
        ends = self.schedule.ends
        place = 1
        for number in range(len(names)):
            if number:
                self._impose(effort, number)
            found = self._interval(effort, number, kept[number])
            if kept[number]:
                duration = float(self.schedule.durations[number])
                time[place : place + engine.points] = (ends[number] - duration) + moments(duration, engine.points)
                time[place + engine.points - 1] = ends[number]
                path[..., place : place + engine.points, :] = found[..., nodes]
                place += engine.points
            if progress is not None:
                progress(number + 1, len(names))
        return self._trajectory(time, path)

    def _trajectory(self, time: Floats, path: Floats) -> Trajectory:
        chips = self.space.lead[:-1]
        path.flags.writeable = False
        return Trajectory(
            network=self.network,
            schedule=self.schedule,
            time=time,
            efforts=path.reshape(*chips, *self.schedule.lead, *path.shape[-2:]),
            engine=repr(self.engine),
            saved=self.engine.save,
            error=max(self.errors),
        )

    def _impose(self, effort: Floats, interval: int) -> None:
        lead = self.schedule.lead
        for part, value in imposed_efforts(self.space.network, self.schedule, interval):
            if value.ndim > 1 and value.shape[:-1] == lead:
                value = value.reshape(-1, value.shape[-1])
            effort[..., part.nodes] = value

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
            operating_point(system(self.network, high), effort, duration)

    def _interval(self, effort: Floats, number: int, kept: bool) -> Floats:
        """Take `effort` over an interval and return the points kept, (*lead, points, N), if any are."""
        high, duration = self.schedule.phase(number), float(self.schedule.durations[number])
        kind = (high, duration)
        pieces = self.pieces.setdefault(kind, self.pieces.get(kind) or self.space.pieces(high, duration))
        learning = self.visits.get(kind, 0) < _SETTLED
        self.visits[kind] = self.visits.get(kind, 0) + 1
        at = moments(1.0, self.engine.points)
        path = np.zeros((*effort.shape[:-1], at.size, effort.shape[-1]) if kept and at.size > 1 else 0)
        done, place = 0.0, 0
        while place < len(pieces):
            piece = pieces[place]
            last = place == len(pieces) - 1
            segment = self._accepted(effort, kind, pieces, place, self._keep(kept, last))
            if segment is None:
                continue
            if learning:
                pieces[place] = shrunk(piece, segment.needed(_ENOUGH))
            end = 1.0 if last else done + piece.share
            if path.size:
                inside = (at > done) & (at <= end)
                _sample(segment, (at[inside] - done) / (end - done), path, inside)
            segment.commit(effort)
            done, place = end, place + 1
        return path if path.size else effort[..., None, :]

    def _keep(self, kept: bool, last: bool) -> Keep:
        if kept and self.engine.points > 1:
            return Keep.POINTS
        return Keep.END if kept and last else Keep.STATES

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


def _sample(segment: Segment, at: Floats, path: Floats, inside: Floats) -> None:
    found = np.zeros((*path.shape[:-2], at.size, path.shape[-1]))
    segment.sample(at, found)
    path[..., inside, :] = found
