"""The reference engine: the network as an ODE, solved by `scipy.integrate.solve_ivp`, restarted at every clock edge.

Which method (measured): DOP853 while the phase is not stiff; else LSODA with the analytic Jacobian
for small networks and BDF with the sparse one for large.
"""

from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Progress, check_points, check_save, moments
from lstm_analog.engines.record import recorder
from lstm_analog.engines.stage import factors
from lstm_analog.engines.system import System, system
from lstm_analog.errors import InvalidTypeError, InvalidValueError, SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High
from lstm_analog.network.schedule import Schedule, imposed_efforts
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
_EXTREME = 1e9
"""Fastest rate x interval from which BDF is taken instead of LSODA, which rounding stops: at 1e18 it does not end."""
_LEAST = 100.0 * float(np.finfo(np.float64).eps)
"""Smallest `rtol` that is accepted: scipy silently takes this one for any below it."""
_GROWTH = 10.0
"""Factor by which the step towards the operating point grows after a small move and shrinks after a large one."""
_RATIO = 1e6
"""Longest step towards the operating point, in durations of the first interval; rest is judged at this step."""
_STEPS = 200
"""Steps towards the operating point before the run stops with a `SimulationError`."""
_FAR = 0.3
"""Move towards the operating point, in units of signal, above which the next step is shorter."""


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
        effort = np.zeros((int(np.prod(schedule.lead)), network.unknowns.size))
        taken = recorder(network, schedule, self.save, points=self.points, lead=effort.shape[:1])
        for present, intervals in schedule.stretches(network):
            systems: dict[High, System] = {}
            for number in intervals:
                high = schedule.phase(number)
                equations = systems.setdefault(high, systems.get(high) or system(present, high))
                _impose(effort, schedule, present, number)
                if not number:
                    operating_point(equations, effort, float(schedule.durations[0]))
                    taken.write(0, effort[:, None])
                path = self._interval(equations, effort, float(schedule.durations[number]), schedule.names[number])
                taken.write(number + 1, path)
                effort = path[:, -1].copy()
                if progress is not None:
                    progress(number + 1, len(schedule.names))
        return taken.trajectory(engine=repr(self), lead=schedule.lead)

    def _interval(self, equations: System, start: Floats, duration: float, name: str) -> Floats:
        batch, dynamic = len(start), equations.dynamic
        effort = start.copy()
        equations.complete(effort)
        kept = moments(duration, self.points)
        solution = scipy.integrate.solve_ivp(
            partial(_rates, equations, effort),
            (0.0, duration),
            start[:, dynamic].ravel(),
            t_eval=kept,
            rtol=self.rtol,
            atol=np.tile(self.atol * equations.network.unknowns.scales()[dynamic], batch),
            **_options(self.method, equations, effort, duration),
        )
        if not solution.success:
            do = "loosen the tolerance or check the parts"
            raise SimulationError(explain(f"interval {name!r}", must="be integrated", got=solution.message, do=do))
        path = np.repeat(start[:, None], kept.size, axis=1)
        path[:, :, dynamic] = np.moveaxis(solution.y.reshape(batch, dynamic.size, kept.size), 1, 2)
        wide = path.reshape(-1, path.shape[-1])
        equations.complete(wide)
        return path


def _impose(effort: Floats, schedule: Schedule, network: Network, interval: int) -> None:
    shape = schedule.lead
    for part, value in imposed_efforts(network, schedule, interval):
        effort[:, part.nodes] = np.broadcast_to(value, (*shape, part.nodes.size)).reshape(len(effort), -1)


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


def operating_point(equations: System, effort: Floats, duration: float) -> None:
    """Set `effort` (batch, unknowns) to where all rates of `equations` vanish, its imposed unknowns being kept.

    Implicit Euler with growing steps (pseudo-transient continuation, Kelley and Keyes 1998) from `duration` / 1e3 up to
    1e6 `duration`. Moves count in units of signal, and relative to the effort where that is larger than one: inputs may
    be in the hundreds. Unknowns so slow that they move by less than 1e-12 of it in `duration` may stay what they are.

    Raises
    ------
    SimulationError
        If no steady state is reached.
    """
    scale = equations.network.unknowns.scales()[equations.dynamic]
    step, unit = duration / 1e3, scipy.sparse.eye_array(effort.shape[0] * equations.dynamic.size)
    for _ in range(_STEPS):
        equations.complete(effort)
        rate = equations.rates(effort)
        matrix = scipy.sparse.csc_array(unit / step - equations.jacobian(effort))
        change = factors(matrix).solve(rate.ravel()).reshape(rate.shape)
        effort[:, equations.dynamic] += change
        size = np.maximum(scale, np.abs(effort[:, equations.dynamic]))
        moved = float(np.abs(change / size).max(initial=0.0))
        if moved <= 1e-12 and step >= _RATIO * duration:
            equations.complete(effort)
            return
        step = min(step * _GROWTH, _RATIO * duration) if moved < _FAR else max(step / _GROWTH, duration / 1e9)
    if float(np.abs(rate / size).max(initial=0.0)) * duration <= 1e-12:
        equations.complete(effort)
        return
    do = "check the first interval: is every storage tied to something while the reset is on?"
    raise SimulationError(explain("the operating point", must="be reached", got=f"moving by {moved:.3g}", do=do))
