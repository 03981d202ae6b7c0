"""The steps of a level whose own flows are not linear in its own efforts: Newton's method on all points at once.

A member without rate is solved point by point; with a rate, or several members, a component is one system over its
members and points, components side by side. Where the flows are affine one iteration is exact.
"""

from collections.abc import Callable
from typing import cast

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.waveform.inflow import Step
from lstm_analog.engines.waveform.levels import Task
from lstm_analog.engines.waveform.wiring import Load
from lstm_analog.network.laws import Order, partials

_ITERATIONS = 30


class Unsolved(ArithmeticError):  # noqa: N818 - not an error of the user: the segment is tried again, shorter
    """Newton's method did not converge in a segment."""


def newton_steps(task: Task, tolerance: Floats) -> list[Step]:
    """Return the steps that solve the level of `task` until its efforts move by less than `tolerance` (m, k), in effort units."""
    width, dynamic = len(task.targets), task.level.dynamic
    rows = 1 if task.at_end else task.frame.count
    shape = (rows, *task.frame.lead, len(task.level.members))
    flows = np.zeros((width, *shape))
    first = 0 if task.rows is None else task.rows.start
    steps: list[Step] = []
    for row in range(width):
        steps += task.inflow.waveform(row, flows[row, first:], task.waves, task.rows)
    own = task.inflow.wiring.own
    slope = _own_slopes(task, (rows - first, *shape[1:]))
    efforts = [field.end[None] if task.at_end else _values(field.values) for field in task.targets]

    def residual() -> Floats:
        for step in steps:
            step()
        result = flows.copy()
        for row in range(width):
            for column in range(width):
                result[row] += own[..., row, column] * efforts[column]
        for row in range(dynamic):
            rate = np.tensordot(task.frame.slope, efforts[row], axes=1)
            result[row] -= task.inflow.wiring.capacity[..., row] * rate
            result[row, 0] = 0.0
        return result

    def solve() -> None:
        for row in range(width):
            efforts[row][...] = task.targets[row].start
        for _ in range(_ITERATIONS):
            change = _step(task, residual(), slope(), first)
            for row in range(width):
                efforts[row][...] += change[row]
            size = max(float((np.abs(change[row]) / tolerance[:, row]).max()) for row in range(width))
            if task.level.order is not Order.NONLINEAR or size <= 1.0:
                return
            if not np.isfinite(size):
                break
        raise Unsolved

    return [solve]


def _values(values: Floats | None) -> Floats:
    return np.empty(0) if values is None else values


def _own_slopes(task: Task, shape: tuple[int, ...]) -> Callable[[], Floats]:
    """Return what gives d own flows / d own efforts at the points that count, (k, k, points, *lead, m)."""
    width = len(task.targets)
    result = np.zeros((width, width, *shape))
    waves, high = cast(Floats, task.waves), task.inflow.high
    constant = task.inflow.wiring.own

    def slopes() -> Floats:
        for row in range(width):
            for column in range(width):
                result[row, column] = constant[..., row, column]
        for load in task.inflow.wiring.loads:
            if load.own:
                _add_partials(load, partials(load.part, waves, high), result)
        return result

    return slopes


def _add_partials(load: Load, values: tuple[Floats, ...], result: Floats) -> None:
    for own in load.own:
        target = result[own.row, own.column]
        value = np.broadcast_to(values[own.block], (*target.shape[:-1], np.shape(values[own.block])[-1]))
        target[..., own.into] += value[..., own.elements]


def _step(task: Task, residual: Floats, slope: Floats, first: int) -> Floats:
    width, dynamic = len(task.targets), task.level.dynamic
    if width == 1 and not dynamic:
        return -residual / slope[0]
    count = residual.shape[1]
    matrix = np.zeros((*residual.shape[2:], width, count, width, count))
    each = np.arange(first, count)
    for row in range(width):
        for column in range(width):
            matrix[..., row, each, column, each] = -np.moveaxis(slope[row, column], 0, -1)
    for row in range(dynamic):
        capacity = task.inflow.wiring.capacity[..., row]
        matrix[..., row, :, row, :] += capacity[..., None, None] * task.frame.slope
        matrix[..., row, 0, :, :] = 0.0
        matrix[..., row, 0, row, 0] = 1.0
    flat = matrix.reshape(*residual.shape[2:], width * count, width * count)
    right = np.moveaxis(residual, (0, 1), (-2, -1)).reshape(*residual.shape[2:], width * count, 1)
    try:
        found = np.linalg.solve(flat, right)
    except np.linalg.LinAlgError as error:
        raise Unsolved from error
    return np.moveaxis(found.reshape(*residual.shape[2:], width, count), (-2, -1), (0, 1))
