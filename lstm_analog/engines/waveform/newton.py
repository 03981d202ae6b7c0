"""Makes the steps that solve a level whose flows are not linear in its own efforts, by Newton's method at all points.

A component is one system over its members and points; components are solved side by side. Where the flows are affine
one iteration is exact. The slopes (the Jacobian) are computed again only where changes shrink slowly with the old ones.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.native import Otherwise, Repeat, Unless, Unsolved, compiled
from lstm_analog.engines.native.calls import add_products, entries, largest
from lstm_analog.engines.phase.wiring import Load
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.engines.waveform.inflow import drawn, flowing
from lstm_analog.engines.waveform.iteration import Iteration
from lstm_analog.engines.waveform.levels import Task
from lstm_analog.engines.waveform.linearised import Linearised, Slopes, linearised, own_slopes
from lstm_analog.expressions import Call, adding, make, reading, spread
from lstm_analog.network.laws import High, Order, rows

_DRAGGED_STEPS = 400
"""Steps with a drag at rest before a level counts as unsolved."""
_CREPT = 1e-12
"""Last step, relative to the largest effort, at which a level is at rest; the error left is its square."""
_DRAG_RATIO = 4.0
"""Factor by which the drag falls after a small step and grows after a large one; larger: fewer steps, less robust."""
_NO_DRAG = 1e-9
"""Drag, relative to an unknown's own conductance, below which a step is a plain one; its inverse is the largest."""
_ONE = np.ones(1)


def newton_steps(task: Task, tolerance: Floats) -> list[Call]:
    """Return the calls that solve the level of `task` until its efforts are within `tolerance` (m, k).

    They are `Unsolved` where they do not come to that. They work on the efforts (k, points, *lead, m), side by side.
    """
    targets = [field.end[None] if task.at_end else drawn(field.values) for field in task.targets]
    efforts, flows, change = (np.zeros((len(targets), *targets[0].shape)) for _ in range(3))
    outside, residual, slopes = _equations(task, efforts, flows)
    equations = linearised(task, slopes, efforts.shape[1:])
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
        solving = _from_where_it_is(starts, starting, iteration.stale, calls, equations.cached)
    if task.frame.count == 1:
        creeping = partial(_creep, starting, efforts, flows, compiled(residual), slopes.values, compiled(slopes.calls))
        solving = [Otherwise(calls=tuple(solving), instead=creeping)]
    found = [partial(np.copyto, target, effort) for target, effort in zip(targets, efforts, strict=True)]
    return [*outside, *solving, *found]


def _step(equations: Linearised, stepping: list[Call], efforts: Floats, change: Floats) -> Call:
    """Return the call that solves a level whose flows are affine in its own efforts: one step."""
    size, all_of_them, finite = np.empty(1), np.ones(change.shape[-1]), float(np.finfo(np.float64).max)
    moving = (partial(largest, size, change.reshape(1, -1), _ONE), partial(np.add, efforts, change, efforts))
    return Repeat(calls=(*equations.refreshing(all_of_them), *stepping, *moving), value=size, limit=finite, most=1)


def _from_where_it_is(starts: Floats, starting: Call, stale: Floats, iterating: list[Call], cached: bool) -> list[Call]:
    """Return the calls that iterate from the `starts` (k, *lead, m), or if these have been solved for, from there.

    `starting` sets the efforts to them. Slopes that were computed for the solve before are not computed again if they
    are `cached`, unless that failed.
    """
    solved, change, moved, empty = np.full_like(starts, np.nan), np.empty_like(starts), np.empty(1), np.ones_like(stale)
    calls: list[Call] = [
        partial(np.subtract, solved, starts, change),
        partial(largest, moved, change.reshape(1, -1), _ONE),
        Unless(value=moved, limit=0.0, calls=(starting,)),
        partial(np.copyto, solved, np.nan),
        partial(np.copyto, stale, empty),
        partial(np.copyto, empty, 1.0),
        *iterating,
        partial(np.copyto, solved, starts),
    ]
    return [*calls, partial(np.copyto, empty, 0.0)] if cached else calls


def _creep(
    starting: Call,
    efforts: Floats,
    flows: Floats,
    residual: tuple[Call, ...],
    slopes: Floats,
    linearising: tuple[Call, ...],
) -> None:
    """Move the `efforts` to where the flows vanish at rest, where plain steps do not get there; else raise `Unsolved`.

    Efforts and `flows` are (k, 1, *lead, m), `slopes` (k, k, 1, *lead, m). The call `starting` sets the efforts, the
    calls `residual` compute the flows and `linearising` the slopes.

    Pseudo-transient continuation (Kelley and Keyes 1998): each unknown is held back by an additional conductance, the
    drag, in units of its own, which is reduced as the steps get small.
    """
    each, drag = np.arange(len(efforts)), 1.0
    starting()
    for _ in range(_DRAGGED_STEPS):
        make((*linearising, *residual))
        matrix = np.moveaxis(slopes, (0, 1), (-2, -1)).copy()
        matrix[..., each, each] *= 1.0 + drag
        try:
            step = np.linalg.solve(matrix, -np.moveaxis(flows, 0, -1)[..., None])[..., 0]
        except np.linalg.LinAlgError as error:
            raise Unsolved from error
        efforts += np.moveaxis(step, -1, 0)
        size = max(1.0, float(np.abs(efforts).max()))
        moved = float(np.abs(step).max())
        if moved <= _CREPT * size and drag < _NO_DRAG:
            return
        drag = drag / _DRAG_RATIO if moved < size else min(drag * _DRAG_RATIO, 1.0 / _NO_DRAG)
    raise Unsolved


def _equations(task: Task, efforts: Floats, flows: Floats) -> tuple[list[Call], list[Call], Slopes]:
    """Return the calls that compute the flow from outside, those that compute what is left over, and the slopes.

    The first are made once a solve. The others write to `flows`, (k, points, *lead, m), what is left over at the
    present `efforts`, of the same shape.
    """
    inflow, first = task.inflow, 0 if task.rows is None else task.rows.start
    wiring, given, outside = inflow.wiring, np.zeros_like(flows), list[Call]()
    own = [load for load in wiring.loads if load.own]
    others = replace(inflow, wiring=replace(wiring, loads=tuple(load for load in wiring.loads if not load.own)))
    for row in range(len(efforts)):
        outside += others.waveform(row, given[row, first:], task.waves, task.rows)
    numbers = [k for k, field in enumerate(inflow.fields) if any(field is target for target in task.targets)]
    waves = task.waves.solved_for(dict(zip(numbers, efforts, strict=True)), outside)
    calls: list[Call] = [partial(np.copyto, flows, given)]
    calls += [call for load in own for call in _loading(load, flows[:, first:], waves, inflow.high)]
    slopes = own_slopes(wiring, waves, inflow.high, efforts[0, first:].shape)
    if wiring.own.any():
        wide = np.broadcast_to(wiring.own, (*efforts.shape[2:], *wiring.own.shape[-2:]))
        matrix = np.ascontiguousarray(np.moveaxis(wide, (-2, -1), (0, 1)))[:, :, None]
        matrix = spread(matrix, np.empty((*matrix.shape[:2], *efforts.shape[1:])))
        constant = entries(np.any(wiring.own.reshape(-1, *matrix.shape[:2]), axis=0))
        calls.append(partial(add_products, flows, matrix, efforts, constant))
    if task.level.dynamic:
        calls += _storing(task, efforts[: task.level.dynamic], flows[: task.level.dynamic])
    return outside, calls, slopes


def _storing(task: Task, efforts: Floats, flows: Floats) -> list[Call]:
    """Return the calls that subtract the flow into storages from `flows` (d, points, *lead, m); the start is given."""
    rates = np.empty((*efforts.shape[:2], efforts[0, 0].size))
    wide = np.broadcast_to(task.inflow.wiring.capacity, (*efforts.shape[2:], len(efforts)))
    capacity = np.moveaxis(wide, -1, 0)[:, None]
    moving = rates.reshape(efforts.shape)
    return [
        partial(np.matmul, task.frame.slope, efforts.reshape(rates.shape), rates),
        partial(np.multiply, moving, spread(capacity, moving), moving),
        partial(np.subtract, flows, moving, flows),
        partial(np.copyto, flows[:, 0], 0.0),
    ]


def _loading(load: Load, flows: Floats, waves: Waves, high: High) -> list[Call]:
    """Return the calls that add the flow of `load` at the efforts `waves` to `flows` (k, points, *lead, m)."""
    terminals, count = rows(load.part).shape
    each = np.empty((terminals, *waves.shape[:-1], count))
    calls = flowing(load, waves, high, np.moveaxis(each, 0, -2))
    for route in load.routes:
        flow, fetching = reading(each[route.terminal], route.elements)
        calls += [*fetching, adding(flows[route.row], route.into, flow)]
    return calls
