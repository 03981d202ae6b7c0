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
    """Return the step that solves the level of `task` until its efforts move by less than `tolerance` (m, k)."""
    efforts = [field.end[None] if task.at_end else _values(field.values) for field in task.targets]
    residual, slopes = _residual(task, efforts), _own_slopes(task, efforts[0].shape)

    def solve() -> None:
        for field, effort in zip(task.targets, efforts, strict=True):
            effort[...] = field.start
        for _ in range(_ITERATIONS):
            change = _change(task, residual(), slopes())
            for effort, more in zip(efforts, change, strict=True):
                np.add(effort, more, out=effort)
            size = float((np.abs(change) / _across(tolerance, change.ndim)).max())
            if task.level.order is not Order.NONLINEAR or size <= 1.0:
                return
        raise Unsolved

    return [solve]


def _across(tolerance: Floats, axes: int) -> Floats:
    """Return `tolerance` (m, k) as it goes with changes (k, points, *lead, m) of so many `axes`."""
    return tolerance.T.reshape(tolerance.shape[1], *(1,) * (axes - 2), -1)


def _residual(task: Task, efforts: list[Floats]) -> Callable[[], Floats]:
    """Return what gives the flows that are left over at the `efforts`, (k, points, *lead, m)."""
    wiring, first = task.inflow.wiring, 0 if task.rows is None else task.rows.start
    flows = np.zeros((len(efforts), *efforts[0].shape))
    steps: list[Step] = []
    for row in range(len(efforts)):
        steps += task.inflow.waveform(row, flows[row, first:], task.waves, task.rows)

    def residual() -> Floats:
        for step in steps:
            step()
        result = flows.copy()
        for row, flow in enumerate(result):
            for column, effort in enumerate(efforts):
                np.add(flow, wiring.own[..., row, column] * effort, out=flow)
        for row in range(task.level.dynamic):
            rate = np.tensordot(task.frame.slope, efforts[row], axes=1)
            result[row] -= wiring.capacity[..., row] * rate
            result[row, 0] = 0.0
        return result

    return residual


def _values(values: Floats | None) -> Floats:
    return np.empty(0) if values is None else values


def _own_slopes(task: Task, shape: tuple[int, ...]) -> Callable[[], Floats]:
    """Return what gives d own flows / d own efforts at all points but those not asked for, (k, k, points, *lead, m)."""
    width, first = len(task.targets), 0 if task.rows is None else task.rows.start
    result = np.zeros((width, width, shape[0] - first, *shape[1:]))
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


def _change(task: Task, residual: Floats, slope: Floats) -> Floats:
    """Return the step of Newton's method, (k, points, *lead, m)."""
    width, dynamic, count = len(task.targets), task.level.dynamic, residual.shape[1]
    if width == 1 and not dynamic:
        alone: Floats = -residual / slope[0]
        return alone
    first = count - slope.shape[2]
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
    result: Floats = np.moveaxis(
        np.asarray(found, dtype=np.float64).reshape(*residual.shape[2:], width, count), (-2, -1), (0, 1)
    )
    return result
