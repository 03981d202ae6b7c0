"""Chebyshev points of the second kind on [0, 1], and points that they are mapped to, closer together near the start.

Polynomials through Chebyshev points: Trefethen, Spectral Methods in MATLAB, 2000. A transient is fastest at the start,
so that more points are needed there. With t = p s/(1 + p - s), polynomials in s are rational functions of t with all
their poles at -p (rational Chebyshev functions, Boyd, J. Comput. Phys. 70, 1987, pp. 63-88, on a finite stretch).
Polynomials alone took 1.0 to 1.2 times as long on electrical machines and 1.6 times on plumbing in full detail.

The `response` of linear components is the inverse of their equations, collocated at such points as `levels` says.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

import numpy as np

from lstm_analog.arrays import Floats

_SAME = 1e-12
"""Relative difference up to which components count as alike, and share one inverse; larger: fewer inverses."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The `degree` + 1 points, on [0, 1], of rational functions with all poles at -`pole`; infinite: polynomials."""

    degree: int
    pole: float = inf

    def of(self, degree: int) -> "Grid":
        """Return the grid of another `degree` with the same pole."""
        return replace(self, degree=degree)


@lru_cache(maxsize=128)
def points(grid: Grid) -> Floats:
    """Return the points of `grid`, rising from 0 to 1, (degree + 1,)."""
    even = _even(grid.degree)
    result: Floats = even if grid.pole == inf else even * (grid.pole / (1.0 + grid.pole - even))
    return result


@lru_cache(maxsize=128)
def coefficients(degree: int) -> Floats:
    """Return the matrix from the values at the points of `degree` to the Chebyshev coefficients, lowest first."""
    k = np.arange(degree + 1)
    ends = np.where((k == 0) | (k == degree), 0.5, 1.0)
    matrix: Floats = 2.0 / degree * ends[:, None] * ends * np.cos(np.pi * np.outer(k, degree - k) / degree)
    return matrix


@lru_cache(maxsize=128)
def functions(degree: int, count: int) -> Floats:
    """Return the first `count` Chebyshev polynomials, lowest first, at the points of `degree`, (degree + 1, count)."""
    matrix: Floats = np.cos(np.pi * np.outer(np.arange(degree, -1, -1), np.arange(count)) / degree)
    return matrix


@lru_cache(maxsize=128)
def fitting(grid: Grid, count: int, integrals: bool) -> Floats:
    """Return the matrix from the values at the points of `grid` to weights of the first `count` polynomials.

    Their sum is the series broken off there, or where `integrals` count that whose integral is closest, by least
    squares.
    """
    if not integrals:
        matrix: Floats = coefficients(grid.degree)[:count]
        return matrix
    integral = integration(grid)
    matrix = np.zeros((count, grid.degree + 1))
    matrix[:, 1:] = np.linalg.pinv(integral @ functions(grid.degree, count)[1:]) @ integral
    return matrix


@lru_cache(maxsize=128)
def last(degree: int) -> Floats:
    """Return the matrix from the values at the points of `degree` to the last six coefficients but the constant."""
    matrix: Floats = coefficients(degree)[max(1, degree - 5) :].copy()
    return matrix


@lru_cache(maxsize=128)
def differentiation(grid: Grid) -> Floats:
    """Return the matrix from the values at the points of `grid` to the derivative there (Trefethen, chapter 6)."""
    x = _even(grid.degree)
    k = np.arange(grid.degree + 1)
    weight = np.where((k == 0) | (k == grid.degree), 2.0, 1.0) * (-1.0) ** k
    apart = x[:, None] - x + np.eye(grid.degree + 1)
    matrix: Floats = weight[:, None] / weight / apart
    matrix -= np.diag(matrix.sum(axis=1))
    if grid.pole == inf:
        return matrix
    rate = (1.0 + grid.pole - x) / grid.pole * ((1.0 + grid.pole - x) / (1.0 + grid.pole))  # ds/dt
    result: Floats = rate[:, None] * matrix
    return result


@lru_cache(maxsize=128)
def integration(grid: Grid) -> Floats:
    """Return the matrix from the values at all points of `grid` but the first to the integral from 0 to there."""
    matrix: Floats = np.linalg.inv(differentiation(grid)[1:, 1:]).astype(np.float64)
    return matrix


def evaluation(grid: Grid, at: Floats) -> Floats:
    """Return the matrix (k, degree + 1) from the values at the points of `grid` to the values `at` (k,) in [0, 1].

    Where `at` is one of the points, its value comes out exactly.
    """
    even = at if grid.pole == inf else at * ((1.0 + grid.pole) / (grid.pole + at))
    angle = np.arccos(np.clip(2.0 * even - 1.0, -1.0, 1.0))
    matrix: Floats = np.cos(np.outer(angle, np.arange(grid.degree + 1))) @ coefficients(grid.degree)
    near = np.abs(at[:, None] - points(grid)) < 1e-14
    hit = near.any(axis=1)
    matrix[hit] = near[hit]
    return matrix


@lru_cache(maxsize=128)
def refinement(coarse: Grid, fine: Grid) -> Floats:
    """Return the matrix from the values at the points of `coarse` to those at the points of `fine`."""
    return evaluation(coarse, points(fine))


def _even(degree: int) -> Floats:
    """Return the Chebyshev points (1 - cos(pi j/degree))/2."""
    result: Floats = np.sin(0.5 * np.pi * np.arange(degree + 1) / degree) ** 2
    return result


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


def start_response(inverse: Floats, target: int, row: int) -> Floats:
    """Return the response of `target` to a start of 1 in storage `row`, (points,), or (points, m) if members differ.

    `inverse` is what `response` returns for components that are the same on all chips.
    """
    return _by_member(inverse[:, target, :, row, 0])


def basis_response(inverse: Floats, target: int, row: int, basis: Floats | None, first: int) -> Floats:
    """Return the response of `target` to a flow of the `basis` into `row`, (points,), or (points, m) if members differ.

    `inverse` is as in `start_response`; the flow counts from point `first` on. The basis None is the constant 1.
    """
    part = inverse[:, target, :, row, first:]
    if basis is None:
        return _by_member(part.sum(axis=-1))
    if basis.ndim == 1:
        return _by_member(part @ basis[first:])
    return _by_member(np.einsum("mpj,jm->mp", np.broadcast_to(part, (basis.shape[1], *part.shape[1:])), basis[first:]))


def _by_member(responses: Floats) -> Floats:
    """Return `responses` (m, points) as (points, m), or the one that all members have, (points,)."""
    return responses[0] if len(responses) == 1 else responses.T


def without_start(columns: Floats, count: int) -> Floats:
    """Return `columns` with the first `count` at zero: the inflow into a storage at its start changes nothing yet."""
    if count:
        columns = columns.copy()
        columns[..., :count] = 0.0
    return columns
