"""Small systems of linear equations, many side by side: what Newton's method takes beside numpy's functions.

The kernel has the same (`solving.inc`); these are what they do where there is none. A system that is singular gives
NaN, which whoever asked for it judges.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class Entries:
    """Which entries of small matrices may be other than zero: in row a the `columns[starts[a] : starts[a + 1]]`."""

    starts: Indices
    columns: Indices


def entries(present: Flags) -> Entries:
    """Return the entries that are `present` (rows, columns)."""
    starts = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    return Entries(starts=starts.astype(np.int64), columns=np.nonzero(present)[1].astype(np.int64))


def write_products(out: Floats, matrix: Floats, vectors: Floats, present: Entries) -> None:
    """Write the products of `matrix` (a, b, ...) and `vectors` (b, ...) to `out` (a, ...).

    The entries of the matrix that are not `present` are zero. Its third axis may be of length 1 for all.
    """
    np.einsum("ab...,b...->a...", matrix, vectors, out=out)


def add_products(out: Floats, matrix: Floats, vectors: Floats, present: Entries) -> None:
    """Add the products that `write_products` writes, of `matrix` and `vectors` by the entries `present`, to `out`."""
    out += np.einsum("ab...,b...->a...", matrix, vectors)


def invert_negative(out: Floats, matrices: Floats, chosen: Floats) -> None:
    """Write the inverses of minus `matrices` (k, k, points, ..., m) to `out` where `chosen` (m,) is above zero."""
    some = chosen > 0.0
    given = np.moveaxis(matrices[..., some], (0, 1), (-2, -1))
    same = bool((given == given[:1]).all())
    out[..., some] = -np.moveaxis(_inverse(given[:1] if same else given), (-2, -1), (0, 1))


def invert_collocation(out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, chosen: Floats) -> None:
    """Write the inverses of the matrices of `collocation` to `out` (n, n, ..., m) where `chosen` (m,) is above zero.

    The matrices are those of the `slopes`, the `capacity` and the `derivative` there.
    """
    some = chosen > 0.0
    found = _inverse(collocation(slopes[..., some], capacity[..., some, :], derivative))
    out[..., some] = np.moveaxis(found, (-2, -1), (0, 1))


def solve_collocation(out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, right: Floats) -> None:
    """Write the solutions of the equations of `collocation` with the `right` sides (d, points, ..., m) to `out`.

    The matrices are those of the `slopes`, the `capacity` and the `derivative` there.
    """
    matrices = collocation(slopes, capacity, derivative)
    sides = np.moveaxis(right, (0, 1), (-2, -1)).reshape(*matrices.shape[:-1], 1)
    try:
        found = np.linalg.solve(matrices, sides)
    except np.linalg.LinAlgError:
        found = np.full(sides.shape, np.nan)
    out[...] = np.moveaxis(found.reshape(*sides.shape[:-2], *out.shape[:2]), (-2, -1), (0, 1))


def collocation(slopes: Floats, capacity: Floats, derivative: Floats) -> Floats:
    """Return the matrices C D - S of d members at all points, the efforts at the first being given, (..., m, n, n).

    `slopes` S (d, d, points, ..., m) may lack the first point, `capacity` C is (..., m, d), `derivative` D (points,
    points) is the matrix that differentiates; n = d x points.
    """
    dynamic, count, lead = len(slopes), len(derivative), slopes.shape[3:]
    matrix = np.zeros((*lead, dynamic, count, dynamic, count))
    each = np.arange(count - slopes.shape[2], count)
    for row in range(dynamic):
        for column in range(dynamic):
            matrix[..., row, each, column, each] = -np.moveaxis(slopes[row, column], 0, -1)
        matrix[..., row, :, row, :] += capacity[..., row, None, None] * derivative
        matrix[..., row, 0, :, :] = 0.0
        matrix[..., row, 0, row, 0] = 1.0
    return matrix.reshape(*lead, dynamic * count, dynamic * count)


def _inverse(matrices: Floats) -> Floats:
    """Return the inverses of `matrices` (..., n, n), NaN if one is singular."""
    try:
        return np.linalg.inv(matrices).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return np.full(matrices.shape, np.nan)
