"""Finds the operating point of the first interval, the efforts at which all rates vanish: there every run begins."""

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.engines.events import Thresholds, switch_until_rest
from lstm_analog.engines.stage import factors, not_finite
from lstm_analog.engines.system import System, system
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule, imposed_efforts

_GROWTH = 10.0
"""Factor by which the time step grows after a good step and shrinks after a bad one; larger: fewer, less safe."""
_RATIO = 1e6
"""Longest time step, in durations of the first interval; rest is judged at this step; larger: slower modes rest too."""
_STEPS = 200
"""Time steps before the run stops with a `SimulationError`."""
_CURVED = 0.5
"""Share of the rate before a step by which the rate after it may differ from that foretold; larger: longer steps."""
_REST = 1e-12
"""Move, relative to the size of an effort, below which it is at rest; larger: less accurate."""


def find_start(equations: System, thresholds: Thresholds, effort: Floats, duration: float) -> None:
    """Set `effort` to the operating point of `equations`, where no state of `thresholds` changes any more.

    `duration` (s) is that of the first interval. Raises `SimulationError` if there is no such point.
    """
    for _ in range(1 + 2 * thresholds.nodes.size):
        operating_point(equations, effort, duration)
        if not switch_until_rest(equations, thresholds, effort, 0.0):
            thresholds.forget()
            return
    must, do = "rest where the run begins", "let the first interval be one in which they do, as without input"
    raise SimulationError(explain("switches with a threshold", must=must, got="some that do not", do=do))


def operating_point(equations: System, effort: Floats, duration: float) -> None:
    """Set `effort` (batch, unknowns) to where all rates of `equations` vanish; its imposed unknowns stay.

    Implicit Euler with growing time steps (pseudo-transient continuation, Kelley and Keyes 1998), from `duration` / 1e3
    up to 1e6 `duration`. It follows the transient, so of several equilibria it finds the one to which the network would
    go, and nodes behind open switches, by which the Jacobian is singular, keep what they hold. A step after which rates
    are other than the slopes foretold is taken back, and the next is shorter: long ones go to and fro over the kinks of
    op-amps with clamps.

    Moves are relative to the size of an effort: a unit of its signal, or its own amount where that is larger. If the
    longest step still moves one, it suffices that its rate would hardly do so in `duration`.

    Raises
    ------
    SimulationError
        If no such point is reached, or a law is not finite on the way.
    """
    scale = equations.network.unknowns.scales()[equations.dynamic]
    step, unit = duration / 1e3, scipy.sparse.eye_array(effort.shape[0] * equations.dynamic.size)
    equations.complete(effort)
    for _ in range(_STEPS):
        rate, slopes, before = equations.rates(effort), equations.jacobian(effort), effort.copy()
        _check_finite(equations, rate, slopes)
        change = factors(scipy.sparse.csc_array(unit / step - slopes)).solve(rate.ravel()).reshape(rate.shape)
        effort[:, equations.dynamic] += change
        equations.complete(effort)
        size = np.maximum(scale, np.abs(effort[:, equations.dynamic]))
        moved = float(np.abs(change / size).max(initial=0.0))
        if moved <= _REST and step >= _RATIO * duration:
            return
        if moved <= _REST or _as_foretold(equations, effort, rate, slopes, change / step):
            step = min(step * _GROWTH, _RATIO * duration)
        else:
            np.copyto(effort, before)
            step = max(step / _GROWTH, duration / 1e9)
    if float(np.abs(equations.rates(effort) / size).max(initial=0.0)) * duration <= _REST:
        return
    do = "check the first interval: is every storage tied to something while the reset is on?"
    raise SimulationError(explain("the operating point", must="be reached", got=f"moving by {moved:.3g}", do=do))


def _as_foretold(
    equations: System, effort: Floats, rate: Floats, slopes: "scipy.sparse.csc_array", foretold: Floats
) -> bool:
    """Return whether the rates at the completed `effort` are near those `foretold` by `rate` and `slopes` before."""
    own = np.abs(slopes.diagonal()).reshape(rate.shape)
    weights = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0.0)
    off = np.abs((equations.rates(effort) - foretold) * weights).max(initial=0.0)
    return bool(off <= _CURVED * np.abs(rate * weights).max(initial=0.0))


def _check_finite(equations: System, rate: Floats, slopes: "scipy.sparse.csc_array") -> None:
    """Raise `SimulationError` naming an unknown whose `rate` (batch, n), or row of `slopes`, is not finite."""
    strange = np.asarray(~np.isfinite(rate).all(axis=0))
    strange[slopes.indices[~np.isfinite(slopes.data)] % strange.size] = True
    if strange.any():
        raise not_finite(equations.network.unknowns.names()[equations.dynamic[strange.argmax()]])


@checked
def start_efforts(network: Network, schedule: Schedule) -> Floats:
    """Return the efforts at which a run of `network` under `schedule` begins, (..., unknowns): its operating point.

    Raises `SimulationError` if the first interval has none, or one at which switches with a threshold do not rest.
    """
    schedule.fit(network.verify())
    first, _ = next(iter(schedule.stretches(network)))
    effort = np.zeros((int(np.prod(schedule.lead)), network.unknowns.size))
    impose(effort, schedule, first, 0)
    find_start(system(first, schedule.phase(0)), Thresholds(network=first), effort, float(schedule.durations[0]))
    return effort.reshape(*schedule.lead, -1)


def impose(effort: Floats, schedule: Schedule, network: Network, interval: int) -> None:
    """Write what `schedule` imposes on the sources of `network` in an `interval` into `effort` (batch, unknowns)."""
    for part, value in imposed_efforts(network, schedule, interval):
        effort[:, part.nodes] = np.broadcast_to(value, (*schedule.lead, part.nodes.size)).reshape(len(effort), -1)
