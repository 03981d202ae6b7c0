"""Makes the steps that solve a level whose flows are not linear in its own efforts, by Newton's method at all points.

A component is one system over its members and points; components are solved side by side. Where the flows are affine
one iteration is exact. The slopes (the Jacobian) are computed again only where changes shrink slowly with the old ones.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.native import Otherwise, Repeat, Unless, Unsolved, compiled
from lstm_analog.engines.native.judging import largest
from lstm_analog.engines.phase.wiring import Load
from lstm_analog.engines.waveform.inflow import drawn, flowing
from lstm_analog.engines.waveform.iteration import Iteration, moving_by
from lstm_analog.engines.waveform.levels import Task, two_axes
from lstm_analog.engines.waveform.linearised import Linearised, linearised
from lstm_analog.engines.waveform.slopes import own_slopes
from lstm_analog.expressions import Call, adding, make, reading
from lstm_analog.network.laws import Order, rows

_DRAGGED_STEPS = 400
"""Steps with a drag at rest before a level counts as unsolved."""
_CREPT = 1e-12
"""Last step, relative to the largest effort, at which a level is at rest; the error left is its square."""
_DRAG_RATIO = 4.0
"""Factor by which the drag falls after a small step and grows after a large one; larger: fewer steps, less robust."""
_NO_DRAG = 1e-9
"""Drag, relative to an unknown's own conductance, below which a step is a plain one; its inverse is the largest."""
_FINITE = float(np.finfo(np.float64).max)
_ONE = np.ones(1)


def newton_steps(task: Task, tolerance: Floats) -> list[Call]:
    """Return the calls that solve the level of `task` until its efforts are within `tolerance` (m, k).

    They are `Unsolved` where they do not come to that.
    """
    efforts = [field.end[None] if task.at_end else drawn(field.values) for field in task.targets]
    shape = (len(efforts), *efforts[0].shape)
    flows = np.zeros(shape)
    outside, residual = _residual(task, efforts, flows)
    slopes = own_slopes(task, shape[1:])
    equations = linearised(task, slopes, shape[1:])
    change = np.zeros(shape)
    stepping = [*residual, *equations.stepping(flows, change)]
    if task.level.order is not Order.NONLINEAR:
        solving = _once(task, efforts, equations, stepping, change)
    else:
        iteration = Iteration(task=task, efforts=efforts, equations=equations, change=change, tolerance=tolerance)
        solving = _from_where_it_is(task, efforts, iteration.stale, iteration.calls(stepping), equations.cached)
    if task.frame.count > 1:
        return [*outside, *solving]
    creeping = partial(_creep, task, efforts, flows, compiled(residual), slopes.values, compiled(slopes.calls))
    return [*outside, Otherwise(calls=tuple(solving), instead=creeping)]


def _starting(task: Task, efforts: list[Floats]) -> list[Call]:
    """Return the calls that set the `efforts` at all points to those at the start."""
    return [partial(np.copyto, effort, field.start) for field, effort in zip(task.targets, efforts, strict=True)]


def _once(
    task: Task, efforts: list[Floats], equations: Linearised, stepping: list[Call], change: Floats
) -> list[Call]:
    """Return the calls that solve a level whose flows are affine in its own efforts: one step."""
    size, all_of_them = np.empty(1), np.ones(change.shape[-1])
    judging = [partial(largest, size, change.reshape(1, -1), _ONE), *moving_by(efforts, change)]
    step = (*equations.refreshing(all_of_them), *stepping, *judging)
    return [*_starting(task, efforts), Repeat(calls=step, value=size, limit=_FINITE, most=1)]


def _from_where_it_is(
    task: Task, efforts: list[Floats], stale: Floats, iterating: list[Call], cached: bool
) -> list[Call]:
    """Return the calls that iterate from the efforts at the start, or if these have been solved for, from there.

    Slopes that were computed for the solve before are not computed again if they are `cached`, unless that failed.
    """
    shape = (len(efforts), *efforts[0].shape[1:])
    solved, starts, change, moved = np.full(shape, np.nan), np.empty(shape), np.empty(shape), np.empty(1)
    empty = np.ones(stale.shape)
    calls: list[Call] = [partial(np.copyto, at, field.start) for at, field in zip(starts, task.targets, strict=True)]
    calls += [
        partial(np.subtract, solved, starts, change),
        partial(largest, moved, change.reshape(1, -1), _ONE),
        Unless(value=moved, limit=0.0, calls=tuple(_starting(task, efforts))),
        partial(np.copyto, solved, np.nan),
        partial(np.copyto, stale, empty),
        partial(np.copyto, empty, 1.0),
        *iterating,
        partial(np.copyto, solved, starts),
    ]
    return [*calls, partial(np.copyto, empty, 0.0)] if cached else calls


def _creep(
    task: Task,
    efforts: list[Floats],
    flows: Floats,
    residual: tuple[Call, ...],
    slopes: Floats,
    linearising: tuple[Call, ...],
) -> None:
    """Move the `efforts` to where the flows vanish at rest, where plain steps do not get there; else raise `Unsolved`.

    The calls `residual` compute the `flows`, (k, 1, *lead, m), and `linearising` the `slopes`, (k, k, 1, *lead, m).
    Pseudo-transient continuation (Kelley and Keyes 1998): each unknown is held back by an additional conductance, the
    drag, in units of its own, which is reduced as the steps get small.
    """
    each, drag = np.arange(len(efforts)), 1.0
    make(_starting(task, efforts))
    for _ in range(_DRAGGED_STEPS):
        make((*linearising, *residual))
        matrix = np.moveaxis(slopes, (0, 1), (-2, -1)).copy()
        matrix[..., each, each] *= 1.0 + drag
        try:
            step = np.linalg.solve(matrix, -np.moveaxis(flows, 0, -1)[..., None])[..., 0]
        except np.linalg.LinAlgError as error:
            raise Unsolved from error
        for effort, more in zip(efforts, np.moveaxis(step, -1, 0), strict=True):
            np.add(effort, more, out=effort)
        size = max(1.0, *(float(np.abs(effort).max()) for effort in efforts))
        moved = float(np.abs(step).max())
        if moved <= _CREPT * size and drag < _NO_DRAG:
            return
        drag = drag / _DRAG_RATIO if moved < size else min(drag * _DRAG_RATIO, 1.0 / _NO_DRAG)
    raise Unsolved


def _residual(task: Task, efforts: list[Floats], flows: Floats) -> tuple[list[Call], list[Call]]:
    """Return the calls that compute the flow from outside, once a solve, and those that compute the residual.

    The residual are the `flows` left over at the present `efforts`, (k, points, *lead, m).
    """
    wiring, first = task.inflow.wiring, 0 if task.rows is None else task.rows.start
    given = np.zeros_like(flows)
    own = [load for load in wiring.loads if load.own]
    others = replace(wiring, loads=tuple(load for load in wiring.loads if not load.own))
    inflow = replace(task.inflow, wiring=others)
    outside: list[Call] = []
    for row in range(len(efforts)):
        outside += inflow.waveform(row, given[row, first:], task.waves, task.rows)
    calls: list[Call] = [partial(np.copyto, flows, given)]
    calls += [call for load in own for call in _loading(load, flows[:, first:], task)]
    room = np.empty(efforts[0].shape)
    for row, column in np.ndindex(flows.shape[:1] * 2):
        gain = wiring.own[..., row, column]
        if gain.any():
            calls += [partial(np.multiply, gain, efforts[column], room), partial(np.add, flows[row], room, flows[row])]
    for row in range(task.level.dynamic):
        calls.append(partial(np.matmul, task.frame.slope, two_axes(efforts[row]), two_axes(room)))
        calls.append(partial(np.multiply, wiring.capacity[..., row], room, room))
        calls += [partial(np.subtract, flows[row], room, flows[row]), partial(np.copyto, flows[row, 0], 0.0)]
    return outside, calls


def _loading(load: Load, flows: Floats, task: Task) -> list[Call]:
    """Return the calls that add the flow of `load` to `flows` (k, points, *lead, m)."""
    found = np.empty((*task.waves.shape[:-1], *rows(load.part).shape))
    calls = flowing(load, task.waves, task.inflow.high, found)
    for route in load.routes:
        flow, fetching = reading(found[..., route.terminal, :], route.elements)
        calls += [*fetching, adding(flows[route.row], route.into, -1, flow)]
    return calls
