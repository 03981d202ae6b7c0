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
"""Factor by which the time step grows after a small move and shrinks after a large one; larger: fewer, less safe."""
_RATIO = 1e6
"""Longest time step, in durations of the first interval; rest is judged at this step; larger: slower modes rest too."""
_STEPS = 200
"""Time steps before the run stops with a `SimulationError`."""
_FAR = 0.3
"""Move in a step, relative to the size of an effort, above which the next step is shorter; larger: fewer, less safe."""
_CURVED = 0.5
"""Share of the rate before a controlled step by which the rate may miss what was expected; larger: longer steps."""
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
    go, and nodes behind open switches, by which the Jacobian is singular, keep what they hold.

    Where that goes to and fro between two sides of a kink (op-amps with clamps), it is done again with steps that are
    taken back if the rates after them are not nearly those expected by the slopes.

    Moves are relative to the size of an effort: a unit of its signal, or its own amount where that is larger. If the
    longest step still moves one, it suffices that its rate would hardly do so in `duration`.

    Raises
    ------
    SimulationError
        If no such point is reached.
    """
    start, moved = effort.copy(), np.inf
    for controlled in (False, True):
        np.copyto(effort, start)
        moved = _follow(equations, effort, duration, controlled)
        if moved <= _REST:
            equations.complete(effort)
            return
    do = "check the first interval: is every storage tied to something while the reset is on?"
    raise SimulationError(explain("the operating point", must="be reached", got=f"moving by {moved:.3g}", do=do))


def _follow(equations: System, effort: Floats, duration: float, controlled: bool) -> float:
    """Move `effort` by steps in time until it rests, and return the relative move of the last: `_REST` or less at rest.

    It is infinite if a law is not finite after a step. A step that is `controlled` is taken back if the rates after it
    are other than expected. By these alone storages under a square law, whose own slope is zero at the start, are not
    always found. Raises `SimulationError` if a law is not finite at the start.
    """
    scale = equations.network.unknowns.scales()[equations.dynamic]
    step, unit = duration / 1e3, scipy.sparse.eye_array(effort.shape[0] * equations.dynamic.size)
    for number in range(_STEPS):
        equations.complete(effort)
        rate, slopes = equations.rates(effort), equations.jacobian(effort)
        strange = _not_finite(equations, rate, slopes)
        if strange and not number:
            raise not_finite(strange)
        if strange:
            return np.inf
        change = factors(scipy.sparse.csc_array(unit / step - slopes)).solve(rate.ravel()).reshape(rate.shape)
        before = effort.copy()
        effort[:, equations.dynamic] += change
        size = np.maximum(scale, np.abs(effort[:, equations.dynamic]))
        moved = float(np.abs(change / size).max(initial=0.0))
        if moved <= _REST and step >= _RATIO * duration:
            return moved
        if controlled:
            good = moved <= _REST or _as_expected(equations, effort, rate, slopes, change / step)
            np.copyto(effort, effort if good else before)
        else:
            good = moved < _FAR
        step = min(step * _GROWTH, _RATIO * duration) if good else max(step / _GROWTH, duration / 1e9)
    still = float(np.abs(rate / size).max(initial=0.0)) * duration <= _REST
    return 0.0 if still else moved


def _as_expected(
    equations: System, effort: Floats, rate: Floats, slopes: "scipy.sparse.csc_array", expected: Floats
) -> bool:
    """Complete `effort` and return whether its rates are near those `expected` from the `rate` and `slopes` before."""
    equations.complete(effort)
    own = np.abs(slopes.diagonal()).reshape(rate.shape)
    weights = np.divide(1.0, own, out=np.zeros_like(own), where=own > 0.0)
    off = np.abs((equations.rates(effort) - expected) * weights).max(initial=0.0)
    return bool(off <= _CURVED * np.abs(rate * weights).max(initial=0.0))


def _not_finite(equations: System, rate: Floats, slopes: "scipy.sparse.csc_array") -> str:
    """Return the name of an unknown whose `rate` (batch, n) or row of `slopes` is not finite, or an empty text."""
    strange = np.asarray(~np.isfinite(rate).all(axis=0))
    strange[slopes.indices[~np.isfinite(slopes.data)] % strange.size] = True
    return equations.network.unknowns.names()[equations.dynamic[strange.argmax()]] if strange.any() else ""


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
