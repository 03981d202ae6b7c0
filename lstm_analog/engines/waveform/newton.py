"""Makes the step that solves a level whose flows are not linear in its own efforts, by Newton's method at all points.

A component is one system over its members and points; components are solved side by side. Where the flows are affine
one iteration is exact. The slopes (the Jacobian) are computed again only where changes shrink slowly with the old ones.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np

from lstm_analog.arrays import Flags, Floats
from lstm_analog.engines.native import compiled
from lstm_analog.engines.phase.wiring import Load
from lstm_analog.engines.waveform.inflow import drawn, flowing
from lstm_analog.engines.waveform.levels import Task, two_axes
from lstm_analog.engines.waveform.linearised import Linearised, linearised
from lstm_analog.expressions import Call, adding, make, reading
from lstm_analog.network.laws import Order, partials, rows

_ITERATIONS = 30
"""Iterations after which Newton's method has failed in a segment, which is then tried again shorter or finer."""
_SLOW = 0.4
"""Ratio of successive changes above which the Jacobian is computed anew; larger: more iterations, fewer Jacobians."""
_SLOW_ALONE = 0.05
"""The same ratio for members without storage, each point by itself, where a new Jacobian costs little."""
_SLOWEST = 0.9
"""Largest ratio of successive changes from which the error that is left is extrapolated."""
_OVERSHOOT = 0.5
"""Share of the last change that a step may take back before half of the last change is undone."""
_DRAGGED_STEPS = 400
"""Steps with a drag at rest before a level counts as unsolved."""
_CREPT = 1e-12
"""Last step, relative to the largest effort, at which a level is at rest; the error left is its square."""
_DRAG_RATIO = 4.0
"""Factor by which the drag falls after a small step and grows after a large one; larger: fewer steps, less robust."""
_NO_DRAG = 1e-9
"""Drag, relative to an unknown's own conductance, below which a step is a plain one; its inverse is the largest."""
_CACHED = 2**21
"""Numbers in the inverse of a level up to which it is cached for the next solve; larger: more memory (8 bytes each)."""


class Unsolved(ArithmeticError):  # noqa: N818 - not an error of the user: the segment is tried again, shorter
    """Newton's method did not converge in a segment."""


def newton_steps(task: Task, tolerance: Floats) -> list[Call]:
    """Return the step that solves the level of `task` until its efforts are within `tolerance` (m, k)."""
    efforts = [field.end[None] if task.at_end else drawn(field.values) for field in task.targets]
    shape = efforts[0].shape
    outside, residual = _residual(task, efforts)
    slopes, weights = _own_slopes(task, shape), _beside_changes(1.0 / tolerance, len(shape) + 1)
    cached: list[Linearised] = []
    starts = [np.full_like(field.start, np.nan) for field in task.targets]

    def solve() -> None:
        make(outside)
        if not all(np.array_equal(old, field.start) for old, field in zip(starts, task.targets, strict=True)):
            for old, field, effort in zip(starts, task.targets, efforts, strict=True):
                old[...] = effort[...] = field.start  # else it is swept again, from where it is
        equations = cached.pop() if cached else linearised(task, slopes, shape)
        try:
            _iterate(task, efforts, residual, equations, weights)
        except Unsolved:
            for old in starts:  # the next solve begins at its start again, not where this one went
                old.fill(np.nan)
            if task.frame.count > 1:
                raise
            for field, effort in zip(task.targets, efforts, strict=True):
                effort[...] = field.start
            _creep(efforts, residual, slopes)
        if task.level.order is Order.NONLINEAR and equations.inverse.size <= _CACHED:
            cached.append(equations)

    return [solve]


def _iterate(
    task: Task, efforts: list[Floats], residual: Callable[[], Floats], equations: Linearised, weights: Floats
) -> None:
    """Move the `efforts` until the change that is left, times `weights`, is at most 1; raise `Unsolved` if it never is.

    With the same slopes each change is r times the one before, so that r/(1 - r) of the last is left. Where r is large
    the slopes are computed again. Where a change is larger than the last one, or takes most of it back, half of the
    last one is undone instead (natural monotonicity, Deuflhard 2004): an op-amp far from its solution saturates, and
    its slope there says little; an orifice is steep about a drop of zero, where full steps swing from side to side.
    """
    stale, before = ~equations.filled, np.zeros(efforts[0].shape[-1])
    last, limit = np.zeros((len(efforts), *efforts[0].shape)), _SLOW if task.level.dynamic else _SLOW_ALONE
    for _ in range(_ITERATIONS):
        if stale.any():
            _refresh(equations, stale)
        change = equations.step(residual())
        size = np.abs(change * weights).reshape(-1, change.shape[-1]).max(axis=0)
        if (
            task.frame.count == 1
            and (size > _SLOW_ALONE * before)[before > 0.0].any()
            and _is_rounding(change, equations, efforts)
        ):
            return
        ratio = np.full_like(size, _SLOWEST)
        np.divide(size, before, out=ratio, where=size < _SLOWEST * before)
        left = np.where(stale, size, size * ratio / (1.0 - ratio))
        known = ~stale & (before > 0.0) & (left > 1.0)
        across = (change * last).reshape(-1, change.shape[-1]).sum(axis=0) < 0.0
        worse = known & (~(size <= before) | (across & (size > _OVERSHOOT * before)))
        slow = known & (ratio > limit) & ~worse
        _instead(change, last, worse, slow)
        for effort, more in zip(efforts, change, strict=True):
            np.add(effort, more, out=effort)
        if task.level.order is not Order.NONLINEAR or left.max() <= 1.0:
            return
        stale, before = slow, np.where(worse, before, np.where(slow, 0.0, size))
    raise Unsolved


def _creep(efforts: list[Floats], residual: Callable[[], Floats], slopes: Callable[[], Floats]) -> None:
    """Move the `efforts` to where the flows vanish at rest, where plain steps do not get there; else raise `Unsolved`.

    Pseudo-transient continuation (Kelley and Keyes 1998): each unknown is held back by an additional conductance, the
    drag, in units of its own, which is reduced as the steps get small.
    """
    each, drag = np.arange(len(efforts)), 1.0
    for _ in range(_DRAGGED_STEPS):
        matrix = np.moveaxis(slopes(), (0, 1), (-2, -1)).copy()
        matrix[..., each, each] *= 1.0 + drag
        try:
            step = np.linalg.solve(matrix, -np.moveaxis(residual(), 0, -1)[..., None])[..., 0]
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


def _is_rounding(change: Floats, equations: Linearised, efforts: list[Floats]) -> bool:
    """Return whether the `change` of the `efforts` at rest is no more than the rounding of their flows causes."""
    return bool((np.abs(change) <= equations.rounding(np.stack(efforts))).all())


def _instead(change: Floats, last: Floats, worse: Flags, slow: Flags) -> None:
    """Replace `change` by minus half of the `last` one for the components `worse`, by none for those `slow`, (m,) each.

    Changes are (k, points, *lead, m); `last` becomes the one that is made.
    """
    if slow.any():
        change[..., slow] = 0.0
    if worse.any():
        change[..., worse] = -0.5 * last[..., worse]
        np.copyto(last, np.where(worse, -change, change))
    else:
        np.copyto(last, change)


def _refresh(equations: Linearised, stale: Flags) -> None:
    """Compute the slopes of the components `stale` (m,) again; raise `Unsolved` if they are singular."""
    try:
        equations.refresh(stale)
    except np.linalg.LinAlgError as error:
        raise Unsolved from error


def _beside_changes(weights: Floats, axes: int) -> Floats:
    """Return `weights` (m, k) in a shape that multiplies changes (k, points, *lead, m), which have so many `axes`."""
    return weights.T.reshape(weights.shape[1], *(1,) * (axes - 2), -1)


def _residual(task: Task, efforts: list[Floats]) -> tuple[tuple[Call, ...], Callable[[], Floats]]:
    """Return the calls that compute the flow from outside, once a solve, and a function that returns the residual.

    The residual are the flows left over at the present `efforts`, (k, points, *lead, m).
    """
    wiring, first = task.inflow.wiring, 0 if task.rows is None else task.rows.start
    given, flows = (np.zeros((len(efforts), *efforts[0].shape)) for _ in range(2))
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

    making = compiled(calls)

    def residual() -> Floats:
        make(making)
        return flows

    return compiled(outside), residual


def _loading(load: Load, flows: Floats, task: Task) -> list[Call]:
    """Return the calls that add the flow of `load` to `flows` (k, points, *lead, m)."""
    found = np.empty((*task.waves.shape[:-1], *rows(load.part).shape))
    calls = flowing(load, task.waves, task.inflow.high, found)
    for route in load.routes:
        flow, fetching = reading(found[..., route.terminal, :], route.elements)
        calls += [*fetching, adding(flows[route.row], route.into, -1, flow)]
    return calls


def _own_slopes(task: Task, shape: tuple[int, ...]) -> Callable[[], Floats]:
    """Return a function that returns d own flows / d own efforts, (k, k, points, *lead, m), where the task asks."""
    width, first = len(task.targets), 0 if task.rows is None else task.rows.start
    result = np.zeros((width, width, shape[0] - first, *shape[1:]))
    waves, high = cast(Floats, task.waves), task.inflow.high
    constant = task.inflow.wiring.own

    def slopes() -> Floats:
        for row, column in np.ndindex(width, width):
            result[row, column] = constant[..., row, column]
        for load in task.inflow.wiring.loads:
            if load.own:
                _add_partials(load, partials(load.part, waves, high), result)
        return result

    return slopes


def _add_partials(load: Load, values: tuple[Floats, ...], result: Floats) -> None:
    """Add the partials `values` of `load`, one array a block, to `result` (k, k, points, *lead, m)."""
    for own in load.own:
        target = result[own.row, own.column]
        value = np.broadcast_to(values[own.block], (*target.shape[:-1], np.shape(values[own.block])[-1]))
        target[..., own.into] += value[..., own.elements]
