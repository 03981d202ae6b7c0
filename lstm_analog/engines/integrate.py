"""The reference engine: the network as an ODE, solved by `scipy.integrate.solve_ivp`, restarted at every clock edge.

Which method (measured): DOP853 while the phase is not stiff; else LSODA with the analytic Jacobian
for small networks and BDF with the sparse one for large.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Progress, check_points, check_save, moments
from lstm_analog.engines.events import TOGETHER, Thresholds, check_chatter, overlooked, passing, switched
from lstm_analog.engines.operating import impose, start
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
"""Longest step of DOP853 x fastest rate; larger: fewer evaluations where all rests, less accurate.

At the limit of stability, near 6, its interpolant is off by 1e-6 of full scale, whatever the tolerance; up to here it
keeps the tolerance for as many evaluations (measured on an RC ladder).
"""
_SMALL = 150
"""States up to which LSODA's dense factorisation beats BDF with a sparse one; trades speed only."""
_INSTANT = 1e-12
"""Share of an interval within which switches that pass their thresholds one after the other do so at one moment."""
_EXTREME = 1e9
"""Fastest rate x interval from which BDF is taken instead of LSODA, which rounding stops: at 1e18 it does not end."""
_LEAST = 100.0 * float(np.finfo(np.float64).eps)
"""Smallest `rtol` that is accepted: scipy silently takes this one for any below it."""


class Method(Enum):
    """scipy's integrators that take these networks; the value is scipy's name."""

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
        Which integrator; unless given, the one that suits each interval.
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
        taken = recorder(network, schedule, self.save, points=self.points, lead=(int(np.prod(schedule.lead)),))
        effort = np.zeros((*taken.lead, network.unknowns.size))
        thresholds = Thresholds(network=network)
        for present, intervals in schedule.stretches(network):
            systems: dict[High, System] = {}
            thresholds = replace(thresholds, network=present)
            for number in intervals:
                high = schedule.phase(number)
                equations = systems.setdefault(high, systems.get(high) or system(present, high))
                impose(effort, schedule, present, number)
                if not number:
                    start(equations, thresholds, effort, float(schedule.durations[0]))
                    taken.write(0, effort[:, None])
                path = self._interval(equations, thresholds, effort, schedule, number)
                taken.write(number + 1, path)
                effort = path[:, -1].copy()
                if progress is not None:
                    progress(number + 1, len(schedule.names))
        found = taken.trajectory(engine=repr(self), lead=schedule.lead)
        return replace(found, switchings=thresholds.switchings()) if thresholds.nodes.size else found

    def _interval(
        self, equations: System, thresholds: Thresholds, start: Floats, schedule: Schedule, number: int
    ) -> Floats:
        """Return the efforts at the kept points of interval `number`, (batch, points, unknowns), from `start`.

        It is integrated in pieces, from each moment at which `thresholds` are passed to the next.
        """
        duration, name = float(schedule.durations[number]), schedule.names[number]
        before = float(schedule.ends[number]) - duration
        kept, effort, pieces, now, stalled = moments(duration, self.points), start.copy(), [], -np.inf, 0
        while now < duration:
            switched(equations, thresholds, effort, before + max(now, 0.0))
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
            effort[:, equations.dynamic] = solution.y_events[0][0].reshape(len(effort), -1)
            equations.complete(effort)
            surplus = thresholds.surplus(effort)
            thresholds.switch(effort, surplus >= surplus.max() - TOGETHER, before + now)
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
        """Return scipy's solution from `effort` over the `span` (s) of the interval `name`, at the moments `kept`.

        It ends early where one of the `thresholds` is passed.
        """
        batch, dynamic, working = len(effort), equations.dynamic, effort.copy()
        solution: Any = scipy.integrate.solve_ivp(
            partial(_rates, equations, working),
            span,
            effort[:, dynamic].ravel(),
            t_eval=kept,
            events=passing(equations, thresholds, working) if thresholds.nodes.size else None,
            dense_output=thresholds.nodes.size > 0,
            rtol=self.rtol,
            atol=np.tile(self.atol * equations.network.unknowns.scales()[dynamic], batch),
            **_options(self.method, equations, working, span[1] - span[0]),
        )
        if not solution.success:
            do = "loosen the tolerance or check the parts"
            raise SimulationError(explain(f"interval {name!r}", must="be integrated", got=solution.message, do=do))
        when = overlooked(equations, thresholds, working, solution.sol) if thresholds.nodes.size else None
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


def _dense_jacobian(equations: System, effort: Floats, _time: float, states: Floats) -> Floats:
    return _jacobian(equations, effort, _time, states).toarray()


def _options(method: Method | None, equations: System, effort: Floats, duration: float) -> dict[str, Any]:
    fastest = max(_fastest(equations.jacobian(effort)), _fastest_ahead(equations, effort, duration))
    chosen = method or _suited(effort.shape[0] * equations.dynamic.size, fastest * duration)
    if chosen is Method.DOP853:
        return {"method": chosen.value, "max_step": _STABLE / fastest if fastest else np.inf}
    jacobian = _dense_jacobian if chosen is Method.LSODA else _jacobian
    return {"method": chosen.value, "jac": partial(jacobian, equations, effort)}


def _suited(states: int, reach: float) -> Method:
    """Return the method for so many `states` whose fastest rate times the interval is `reach`."""
    if reach < _STIFF:
        return Method.DOP853
    return Method.LSODA if states <= _SMALL and reach < _EXTREME else Method.BDF


def _fastest(jacobian: "scipy.sparse.csc_array") -> float:
    """Return the largest rate of a state on its own, or of two that act on each other: sqrt |J_ij J_ji|, an oscillator.

    Neither depends on the units of the states; what is only passed on is no pole.
    """
    pairs = abs(jacobian.multiply(jacobian.T))
    return float(np.sqrt(pairs.max())) if pairs.nnz else 0.0


def _fastest_ahead(equations: System, effort: Floats, duration: float) -> float:
    """Return the fastest rate near where the interval of `duration` leads: after one implicit step of that length.

    What opens a valve only moves in the interval, so its start may look slow.
    """
    states, ahead = effort[:, equations.dynamic], effort.copy()
    if not states.size:
        return 0.0
    unit = scipy.sparse.eye_array(states.size)
    matrix = scipy.sparse.csc_array(unit / duration - equations.jacobian(effort))
    ahead[:, equations.dynamic] = states + factors(matrix).solve(equations.rates(effort).ravel()).reshape(states.shape)
    equations.complete(ahead)
    return _fastest(equations.jacobian(ahead))
