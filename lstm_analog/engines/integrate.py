"""The reference engine: the network as an ODE, solved by `scipy.integrate.solve_ivp`, restarted at every clock edge.

Method of each interval, by measured times: DOP853 if it is not stiff, else LSODA with a dense Jacobian for small
networks and BDF with a sparse one for large.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Progress, check_points, check_save, kept_times
from lstm_analog.engines.events import Thresholds, check_chatter, find_overlooked, switch_until_rest, threshold_event
from lstm_analog.engines.operating import find_start, impose
from lstm_analog.engines.record import recorder
from lstm_analog.engines.stage import factors
from lstm_analog.engines.system import System, system
from lstm_analog.errors import InvalidTypeError, InvalidValueError, SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory

_STIFF = 100.0
"""Fastest rate x interval from which an implicit method is taken: DOP853 would step for stability, not for accuracy."""
_STABLE = 4.0
"""Longest step of DOP853 x fastest rate; larger: fewer evaluations near rest, less accurate.

At the limit of stability, near 6, the interpolant of a step is off by 1e-6 of full scale, whatever the tolerance. Up to
4 it keeps the tolerance, and no more evaluations are needed (measured on an RC ladder).
"""
_SMALL = 150
"""States up to which LSODA's dense factorisation beats BDF with a sparse one; trades speed only."""
_INSTANT = 1e-12
"""Share of an interval within which switches that pass their thresholds one after the other do so at one time."""
_EXTREME = 1e9
"""Fastest rate x interval from which BDF is taken instead of LSODA, which by rounding does not end at 1e18."""
_LEAST = 100.0 * float(np.finfo(np.float64).eps)
"""Smallest `rtol` that is accepted; scipy would silently raise a smaller one to it."""


class Method(Enum):
    """scipy's integrators that are offered; the value is scipy's name."""

    DOP853 = "DOP853"
    LSODA = "LSODA"
    BDF = "BDF"
    RADAU = "Radau"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Integrate:
    """scipy's integrators; the start is the operating point of the first interval.

    Attributes
    ----------
    rtol : float
        Relative tolerance of a step.
    atol : float
        Absolute tolerance of a step in units of each group's signal (`Group.scale`).
    points : int
        Points kept of every interval: its end; if more than one, also right behind its start, the rest evenly between.
    save : Save, optional
        Which unknowns and intervals are kept: all unless given, but what `Machine.run` is told to keep.
    method : Method, optional
        The integrator; unless given, the one that suits each interval.
    """

    rtol: float = 1e-9
    atol: float = 1e-11
    points: int = 1
    save: Save | None = field(default=None, repr=False)
    method: Method | None = None

    def __post_init__(self) -> None:
        """Check that tolerances and points are in the range that the integrators take."""
        for name, value, least in (("rtol", self.rtol, _LEAST), ("atol", self.atol, 0.0)):
            if not (least <= value < np.inf and value > 0):
                must = f"be {'at least ' + format(least, '.3g') if least else 'positive'} and finite"
                raise InvalidValueError(explain(name, must=must, got=value, do="give e.g. 1e-9"))
        check_points(self.points)
        method: object = self.method
        if not isinstance(method, Method | None):
            must, do = "be a Method, or None for the one that suits", "take e.g. engines.Method.BDF"
            raise InvalidTypeError(explain("method", must=must, got=ascii(method)[:60], do=do))
        check_save(self.save)

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule`, (..., points, unknowns), telling `progress` by interval.

        Raises
        ------
        SimulationError
            If a step or the operating point fails; the message says in which interval.
        """
        schedule.fit(network.verify())
        record = recorder(network, schedule, self.save, points=self.points, lead=(int(np.prod(schedule.lead)),))
        effort = np.zeros((*record.lead, network.unknowns.size))
        thresholds = Thresholds(network=network)
        for present, intervals in schedule.stretches(network):
            systems: dict[High, System] = {}
            thresholds = replace(thresholds, network=present)
            for number in intervals:
                high = schedule.phase(number)
                if high not in systems:
                    systems[high] = system(present, high)
                equations = systems[high]
                impose(effort, schedule, present, number)
                if not number:
                    find_start(equations, thresholds, effort, float(schedule.durations[0]))
                    record.write(0, effort[:, None])
                path = self._interval(equations, thresholds, effort, schedule, number)
                record.write(number + 1, path)
                effort = path[:, -1].copy()
                if progress is not None:
                    progress(number + 1, len(schedule.names))
        found = record.trajectory(engine=repr(self), lead=schedule.lead)
        return replace(found, switchings=thresholds.switchings()) if thresholds.nodes.size else found

    def _interval(
        self, equations: System, thresholds: Thresholds, first: Floats, schedule: Schedule, number: int
    ) -> Floats:
        """Return the efforts at the kept points of interval `number`, (batch, points, unknowns), from those at `first`.

        Each time that one of the `thresholds` is passed, the integrator is restarted.
        """
        duration, name = float(schedule.durations[number]), schedule.names[number]
        before = float(schedule.ends[number]) - duration
        kept, effort, pieces, now, stalled = kept_times(duration, self.points), first.copy(), [], -np.inf, 0
        while now < duration:
            switch_until_rest(equations, thresholds, effort, before + max(now, 0.0))
            solution = self._piece(equations, thresholds, effort, (max(now, 0.0), duration), kept[kept > now], name)
            reached = len(solution.t)
            path = np.repeat(effort[:, None], reached, axis=1)
            if reached:
                states = solution.y.reshape(len(effort), -1, reached)
                path[:, :, equations.dynamic] = np.moveaxis(states, 1, 2)
                equations.complete(path.reshape(-1, path.shape[-1]))
            pieces.append(path)
            if not solution.t_events or not solution.t_events[0].size:
                break
            stalled = stalled + 1 if solution.t_events[0][0] <= max(now, 0.0) + _INSTANT * duration else 0
            check_chatter(stalled)
            now = float(solution.t_events[0][0])
            if now >= duration:  # the next interval switches
                break
            effort[:, equations.dynamic] = solution.y_events[0][0].reshape(len(effort), -1)
            equations.complete(effort)
            thresholds.switch_first(effort, before + now)
        return np.concatenate(pieces, axis=1)

    def _piece(
        self,
        equations: System,
        thresholds: Thresholds,
        effort: Floats,
        span: tuple[float, float],
        kept: Floats,
        name: str,
    ) -> Any:
        """Return scipy's solution from `effort` over the `span` (s) of the interval `name`, at the times `kept`.

        It ends early where one of the `thresholds` is passed.
        """
        batch, dynamic, working = len(effort), equations.dynamic, effort.copy()
        solution: Any = scipy.integrate.solve_ivp(
            partial(_rates, equations, working),
            span,
            effort[:, dynamic].ravel(),
            t_eval=kept,
            events=threshold_event(equations, thresholds, working) if thresholds.nodes.size else None,
            dense_output=thresholds.nodes.size > 0,
            rtol=self.rtol,
            atol=np.tile(self.atol * equations.network.unknowns.scales()[dynamic], batch),
            **_options(self.method, equations, working, span[1] - span[0]),
        )
        if not solution.success:
            do = "loosen the tolerance or check the parts"
            raise SimulationError(explain(f"interval {name!r}", must="be integrated", got=solution.message, do=do))
        when = find_overlooked(equations, thresholds, working, solution.sol) if thresholds.nodes.size else None
        if when is not None:
            inside = np.flatnonzero(np.asarray(solution.t) <= when)
            solution.t, solution.y = np.asarray(solution.t)[inside], np.asarray(solution.y)[..., inside]
            solution.t_events, solution.y_events = [np.array([when])], [solution.sol(when)[None]]
        return solution


def _rates(equations: System, effort: Floats, _time: float, states: Floats) -> Floats:
    effort[:, equations.dynamic] = states.reshape(len(effort), -1)
    equations.complete(effort)
    return equations.rates(effort).ravel()


def _jacobian(equations: System, effort: Floats, _time: float, states: Floats) -> "scipy.sparse.csc_array":
    _rates(equations, effort, _time, states)
    return equations.jacobian(effort)


def _options(method: Method | None, equations: System, effort: Floats, duration: float) -> dict[str, Any]:
    """Return options of `solve_ivp`: for `method`, or for the one that suits the interval that begins at `effort`."""
    fastest = max(_fastest(equations.jacobian(effort)), _fastest_ahead(equations, effort, duration))
    chosen = method or _suited(effort.shape[0] * equations.dynamic.size, fastest * duration)
    if chosen is Method.DOP853:
        return {"method": chosen.value, "max_step": _STABLE / fastest if fastest else np.inf}
    jacobian = partial(_jacobian, equations, effort)
    dense = chosen is Method.LSODA
    return {"method": chosen.value, "jac": (lambda *at: jacobian(*at).toarray()) if dense else jacobian}


def _suited(states: int, stiffness: float) -> Method:
    """Return the method for so many `states` whose fastest rate times the interval is `stiffness`."""
    if stiffness < _STIFF:
        return Method.DOP853
    return Method.LSODA if states <= _SMALL and stiffness < _EXTREME else Method.BDF


def _fastest(jacobian: "scipy.sparse.csc_array") -> float:
    """Return the largest sqrt |J_ij J_ji| of a `jacobian`: the rate of a state (i = j), or of a pair that oscillates.

    It does not depend on the units of the states, and entries that only pass signals on, without a pole, have no part.
    """
    pairs = abs(jacobian.multiply(jacobian.T))
    return float(np.sqrt(pairs.max())) if pairs.nnz else 0.0


def _fastest_ahead(equations: System, effort: Floats, duration: float) -> float:
    """Return the fastest rate near the end of an interval: after one step of implicit Euler as long as its `duration`.

    At its start it may look slow: a valve may be still closed.
    """
    states, ahead = effort[:, equations.dynamic], effort.copy()
    if not states.size:
        return 0.0
    unit = scipy.sparse.eye_array(states.size)
    matrix = scipy.sparse.csc_array(unit / duration - equations.jacobian(effort))
    ahead[:, equations.dynamic] = states + factors(matrix).solve(equations.rates(effort).ravel()).reshape(states.shape)
    equations.complete(ahead)
    return _fastest(equations.jacobian(ahead))
