"""Finds where a run begins: the operating point of its first interval, at which nothing moves."""

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.engines.events import Thresholds, switched
from lstm_analog.engines.stage import factors
from lstm_analog.engines.system import System, system
from lstm_analog.errors import SimulationError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule, imposed_efforts

_GROWTH = 10.0
"""Factor by which the step towards the operating point grows after a small move and shrinks after a large one."""
_RATIO = 1e6
"""Longest step towards the operating point, in durations of the first interval; rest is judged at this step."""
_STEPS = 200
"""Steps towards the operating point before the run stops with a `SimulationError`."""
_FAR = 0.3
"""Move towards the operating point, in units of signal, above which the next step is shorter."""


def start(equations: System, thresholds: Thresholds, effort: Floats, duration: float) -> None:
    """Set `effort` to the operating point of `equations`, with the states of `thresholds` that they have there.

    `duration` (s) is that of the first interval. Raises `SimulationError` if they never rest.
    """
    for _ in range(1 + 2 * thresholds.nodes.size):
        operating_point(equations, effort, duration)
        if not switched(equations, thresholds, effort, 0.0):
            thresholds.forget()
            return
    must, do = "rest where the run begins", "let the first interval be one in which they do, as without input"
    raise SimulationError(explain("switches with a threshold", must=must, got="some that do not", do=do))


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


@checked
def start_efforts(network: Network, schedule: Schedule) -> Floats:
    """Return the efforts at which a run of `network` under `schedule` begins, (..., unknowns): its operating point.

    Raises `SimulationError` if the first interval has none, or one at which switches with a threshold do not rest.
    """
    schedule.fit(network.verify())
    first, _ = next(iter(schedule.stretches(network)))
    effort = np.zeros((int(np.prod(schedule.lead)), network.unknowns.size))
    impose(effort, schedule, first, 0)
    start(system(first, schedule.phase(0)), Thresholds(network=first), effort, float(schedule.durations[0]))
    return effort.reshape(*schedule.lead, -1)


def impose(effort: Floats, schedule: Schedule, network: Network, interval: int) -> None:
    """Set the unknowns of `effort` (batch, unknowns) that `schedule` imposes on `network` in an `interval`."""
    for part, value in imposed_efforts(network, schedule, interval):
        effort[:, part.nodes] = np.broadcast_to(value, (*schedule.lead, part.nodes.size)).reshape(len(effort), -1)
