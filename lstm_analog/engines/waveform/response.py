"""The response of the linear components of a level: the inverse of the equations that `levels` collocates."""

import numpy as np

from lstm_analog.arrays import Floats

_SAME = 1e-12
"""Relative difference up to which components count as alike, and share one inverse; larger: fewer inverses."""


def response(own: Floats, capacity: Floats, slope: Floats) -> Floats:
    """Return the inverse of the collocation equations, (..., m, k, points, k, points).

    `own` (..., m, k, k) are the coefficients d flow / d effort among the members, `capacity` (..., m, dynamic) those of
    the members with storage, which come first; `slope` (points, points) differentiates. The equation of such a member
    at the first point says that its effort is its start.
    """
    width, dynamic, count = own.shape[-1], capacity.shape[-1], len(slope)
    lead = np.broadcast_shapes(own.shape[:-2], capacity.shape[:-1])
    matrix = np.zeros((*lead, width, count, width, count))
    each = np.arange(count)
    for row in range(width):
        for column in range(width):
            matrix[..., row, each, column, each] = -np.broadcast_to(own[..., row, column], lead)[..., None]
    for row in range(dynamic):
        matrix[..., row, :, row, :] += capacity[..., row, None, None] * slope
        matrix[..., row, 0, :, :] = 0.0
        matrix[..., row, 0, row, 0] = 1.0
    flat = matrix.reshape(*lead, width * count, width * count)
    inverse: Floats = np.linalg.inv(flat).reshape(matrix.shape)
    return inverse


def alike(own: Floats, capacity: Floats) -> bool:
    """Return whether all components have the same `own` (..., m, k, k) and `capacity` (..., m, dynamic)."""
    if own.ndim > 3 or capacity.ndim > 2:
        return False
    spread = [np.abs(array - array[:1]) <= _SAME * np.abs(array).max(axis=0) for array in (own, capacity)]
    return all(bool(same.all()) for same in spread)


def basis_response(inverse: Floats, target: int, row: int, basis: Floats | None, first: int) -> Floats:
    """Return the response of `target` to a flow of the `basis` into `row`, (points,), or (points, m) if members differ.

    `inverse` is that of the collocation equations; the flow counts from point `first` on.
    """
    part = inverse[:, target, :, row, first:]
    if basis is None:
        column = part.sum(axis=-1)
    elif basis.ndim == 1:
        column = part @ basis[first:]
    else:
        column = np.einsum("mpj,jm->mp", np.broadcast_to(part, (basis.shape[1], *part.shape[1:])), basis[first:])
    result: Floats = column[0] if len(column) == 1 else column.T
    return result


def without_start(columns: Floats, count: int) -> Floats:
    """Return `columns` with the first `count` at zero: the inflow into a storage at its start changes nothing yet."""
    if count:
        columns = columns.copy()
        columns[..., :count] = 0.0
    return columns
