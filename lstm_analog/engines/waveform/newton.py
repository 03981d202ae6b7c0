"""Makes the steps that solve a level whose flows are not linear in its own efforts, by Newton's method at all points.

A component is one system over its members and points; components are solved side by side. Where the flows are affine in
the own efforts one iteration is exact. The slopes (the Jacobian) are computed again only where changes shrink slowly
with the old ones (`iteration`).
"""

from dataclasses import replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.native import Otherwise, Repeat, Unless, compiled
from lstm_analog.engines.native.calls import add_products, entries, largest
from lstm_analog.engines.phase.couplings import Couplings
from lstm_analog.engines.waveform.continuation import continue_to_rest, storing_of
from lstm_analog.engines.waveform.fields import Waves, two_axes
from lstm_analog.engines.waveform.inflow import flows_of
from lstm_analog.engines.waveform.iteration import Iteration
from lstm_analog.engines.waveform.levels import Task
from lstm_analog.engines.waveform.linearised import Linearised, linearised
from lstm_analog.expressions import Call, spread
from lstm_analog.network.laws import Order

_ONE = np.ones(1)


def newton_steps(task: Task, tolerance: Floats, couplings: Couplings) -> list[Call]:
    """Return the calls that solve the level of `task` until its efforts are within `tolerance` (m, k).

    At rest, where Newton's method fails, the level is followed through time, with the capacities of `couplings`. They
    raise `Unsolved` where that fails. They work on the efforts of all rows side by side, (k, points, *lead, m).
    """
    targets = [field.end[None] if task.points is None else field.at_points for field in task.targets]
    efforts, flows, change = (np.zeros((len(targets), *targets[0].shape)) for _ in range(3))
    outside, residual, waves = _flows_into(task, efforts, flows)
    if dynamic := task.level.dynamic:
        residual += _storing(task, efforts[:dynamic], flows[:dynamic])
    equations = linearised(task, waves, efforts.shape[1:])
    stepping, starts = [*residual, *equations.stepping(flows, change)], np.empty((len(efforts), *efforts.shape[2:]))
    outside += [partial(np.copyto, at, field.start) for at, field in zip(starts, task.targets, strict=True)]
    starting = partial(np.copyto, efforts, starts[:, None])
    solving: list[Call]
    if task.level.order is not Order.NONLINEAR:
        solving = [starting, _step(equations, stepping, efforts, change)]
    else:
        iteration = Iteration(
            task=task, efforts=efforts, equations=equations, change=change, flows=flows, tolerance=tolerance
        )
        calls = iteration.calls(stepping)
        solving = _warm_started(starts, starting, iteration.stale, calls, equations.cached)
    if task.frame.count == 1:
        slopes, residual_calls = equations.slopes, compiled(residual)
        storing = storing_of(couplings, task.level.members, efforts.shape)
        instead = partial(
            continue_to_rest,
            starting,
            efforts,
            flows,
            residual_calls,
            slopes.values,
            compiled(slopes.calls),
            storing,
        )
        solving = [Otherwise(calls=tuple(solving), instead=instead)]
    found = [partial(np.copyto, target, effort) for target, effort in zip(targets, efforts, strict=True)]
    return [*outside, *solving, *found]


def _step(equations: Linearised, stepping: list[Call], efforts: Floats, change: Floats) -> Call:
    """Return the call that solves a level whose flows are affine in its own efforts: one step.

    `stepping` writes the step for the `efforts` to `change`, by the `equations`; it is `Unsolved` if not finite.
    """
    size, all_of_them, finite = np.empty(1), np.ones(change.shape[-1]), float(np.finfo(np.float64).max)
    moving = (partial(largest, size, change.reshape(1, -1), _ONE), partial(np.add, efforts, change, efforts))
    return Repeat(calls=(*equations.refreshing(all_of_them), *stepping, *moving), value=size, limit=finite, most=1)


def _warm_started(starts: Floats, starting: Call, stale: Floats, iterating: list[Call], cached: bool) -> list[Call]:
    """Return the calls that iterate from the `starts` (k, *lead, m); if the last solve had the same, from its result.

    The call `starting` sets the efforts to the starts, the calls `iterating` iterate. The slopes of the last solve are
    used again if they are `cached` and it did not fail; else all components are `stale` (m,).
    """
    solved, change, moved, none = np.full_like(starts, np.nan), np.empty_like(starts), np.empty(1), np.ones_like(stale)
    calls: list[Call] = [
        partial(np.subtract, solved, starts, change),
        partial(largest, moved, change.reshape(1, -1), _ONE),
        Unless(value=moved, limit=0.0, calls=(starting,)),
        partial(np.copyto, solved, np.nan),
        partial(np.copyto, stale, none),
        partial(np.copyto, none, 1.0),
        *iterating,
        partial(np.copyto, solved, starts),
    ]
    return [*calls, partial(np.copyto, none, 0.0)] if cached else calls


def start_error(task: Task, tolerance: Floats) -> tuple[list[Call], Floats]:
    """Return the calls that estimate the error of storages from their slopes at the start, and the array (1,) for it.

    The equations of a storage do not hold at the first point, where its effort is given. Where a law has a kink that is
    passed before the second point, no waveform shows it: the slope at the start is that after the kink, so that flow
    and storage differ there. That falls to nothing at the kink, so at most half of it times the time to the second
    point is missed. The error is counted in the `tolerance` (m, k) of the members of `task`, a level that is solved.
    """
    dynamic, frame = task.level.dynamic, task.frame
    shape = (len(task.targets), 1, *frame.lead, len(task.level.members))
    starts, flows, value = np.zeros(shape), np.zeros(shape), np.zeros(1)
    inflow = replace(task.inflow, after=[], guessing=False)
    alone = replace(task, points=slice(0, 1), waves=task.waves.at_start, inflow=inflow)
    calls: list[Call] = [
        partial(np.copyto, at, field.at_points[:1]) for at, field in zip(starts, task.targets, strict=True)
    ]
    outside, flowing, _ = _flows_into(alone, starts, flows)
    calls += [*outside, *flowing]
    wide = np.moveaxis(np.broadcast_to(task.inflow.wiring.capacity, (*frame.lead, *shape[-1:], dynamic)), -1, 0)
    slopes, capacity = np.empty(shape[1:]), np.ascontiguousarray(wide[:, None])
    for row, field in enumerate(task.targets[:dynamic]):
        differentiating = partial(np.matmul, frame.derivative[:1], two_axes(field.at_points), two_axes(slopes))
        storing = partial(np.multiply, slopes, capacity[row], slopes)
        calls += [differentiating, storing, partial(np.subtract, flows[row], slopes, flows[row])]
    allowed = tolerance.T[:dynamic].reshape(dynamic, *(1,) * (len(shape) - 2), -1)
    weights = (0.5 * frame.gap / (capacity * allowed)).reshape(-1)
    return [*calls, partial(largest, value, flows[:dynamic].reshape(1, -1), weights)], value


def _flows_into(task: Task, efforts: Floats, flows: Floats) -> tuple[list[Call], list[Call], Waves]:
    """Return the calls that compute the flow from outside the level, those for all flow, and the efforts of laws.

    The first are made once a solve. What flows into each member at the present `efforts`, (k, points, *lead, m), is
    written to `flows`, of the same shape.
    """
    inflow, first = task.inflow, 0 if task.points is None else task.points.start
    wiring, given, outside = inflow.wiring, np.zeros_like(flows), list[Call]()
    own = [load for load in wiring.loads if load.own]
    others = replace(inflow, wiring=replace(wiring, loads=tuple(load for load in wiring.loads if not load.own)))
    for row in range(len(efforts)):
        outside += others.waveform(row, given[row, first:], task.waves, task.points)
    numbers = [k for k, field in enumerate(inflow.fields) if any(field is target for target in task.targets)]
    waves = task.waves.solved_for(dict(zip(numbers, efforts, strict=True)), outside)
    calls: list[Call] = [partial(np.copyto, flows, given)]
    for load in own:
        found = flows_of(load, list(load.routes), waves, inflow.high, flows.dtype)
        for route, flow in zip(load.routes, found, strict=True):
            calls += flow.added(flows[route.row, first:])
    if wiring.own.any():
        wide = np.broadcast_to(wiring.own, (*efforts.shape[2:], *wiring.own.shape[-2:]))
        matrix = np.ascontiguousarray(np.moveaxis(wide, (-2, -1), (0, 1)))[:, :, None]
        matrix = spread(matrix, np.empty((*matrix.shape[:2], *efforts.shape[1:])))
        constant = entries(np.any(wiring.own.reshape(-1, *matrix.shape[:2]), axis=0))
        calls.append(partial(add_products, flows, matrix, efforts, constant))
    return outside, calls, waves


def _storing(task: Task, efforts: Floats, flows: Floats) -> list[Call]:
    """Return the calls that subtract what storages take at `efforts` from `flows`, both (d, points, *lead, m).

    At the first point, where the effort is given, there is no residual.
    """
    rates = np.empty((*efforts.shape[:2], efforts[0, 0].size))
    wide = np.broadcast_to(task.inflow.wiring.capacity, (*efforts.shape[2:], len(efforts)))
    capacity = np.moveaxis(wide, -1, 0)[:, None]
    moving = rates.reshape(efforts.shape)
    return [
        partial(np.matmul, task.frame.derivative, efforts.reshape(rates.shape), rates),
        partial(np.multiply, moving, spread(capacity, moving), moving),
        partial(np.subtract, flows, moving, flows),
        partial(np.copyto, flows[:, 0], 0.0),
    ]
