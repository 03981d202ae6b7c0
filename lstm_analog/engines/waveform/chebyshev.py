"""The points of a segment on [0, 1], and the matrices that act on the values of waveforms there.

They are Chebyshev points of the second kind (Trefethen, Spectral Methods in MATLAB, 2000), or such points s mapped to
t = p s/(1 + p - s): these lie closer together near the start, where a transient is fastest. Polynomials in s are then
rational functions of t with all their poles at -p (rational Chebyshev functions, Boyd, J. Comput. Phys. 70, 1987,
pp. 63-88, on a finite stretch). Polynomials in t took 1.0 to 1.2 times as long on electrical machines and 1.6 times on
plumbing in full detail.

The second half is the `response` of linear components: the inverse of their equations, collocated as `levels` says.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.engines.native.calls import collocation

_SAME = 1e-12
"""Relative difference up to which components count as alike, and share one inverse; larger: fewer, less exact ones."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The `degree` + 1 points on [0, 1] that determine a function with all poles at -`pole`; infinite: a polynomial."""

    degree: int
    pole: float = inf

    def of(self, degree: int) -> "Grid":
        """Return the grid of another `degree` with the same pole."""
        return replace(self, degree=degree)


@lru_cache(maxsize=128)
def points(grid: Grid) -> Floats:
    """Return the points of `grid`, rising from 0 to 1, (degree + 1,)."""
    s = _unmapped(grid.degree)
    result: Floats = s if grid.pole == inf else s * (grid.pole / (1.0 + grid.pole - s))
    return result


@lru_cache(maxsize=128)
def coefficients(degree: int) -> Floats:
    """Return the matrix from the values at the points of `degree` to the Chebyshev coefficients, lowest first."""
    k = np.arange(degree + 1)
    ends = np.where((k == 0) | (k == degree), 0.5, 1.0)
    matrix: Floats = 2.0 / degree * ends[:, None] * ends * np.cos(np.pi * np.outer(k, degree - k) / degree)
    return matrix


@lru_cache(maxsize=128)
def polynomials(degree: int, count: int) -> Floats:
    """Return the values of the first `count` Chebyshev polynomials at the points of `degree`, (degree + 1, count)."""
    matrix: Floats = np.cos(np.pi * np.outer(np.arange(degree, -1, -1), np.arange(count)) / degree)
    return matrix


@lru_cache(maxsize=128)
def fitting(grid: Grid, count: int, integrals: bool) -> Floats:
    """Return the matrix from the values at the points of `grid` to the weights of the first `count` polynomials.

    Their sum is the Chebyshev series without its higher terms. If `integrals` is set, it is the sum whose integral from
    the start on is closest to that of the values, in the least squares over the points; the first value does not count.
    """
    if not integrals:
        matrix: Floats = coefficients(grid.degree)[:count]
        return matrix
    integral = integration(grid)
    matrix = np.zeros((count, grid.degree + 1))
    matrix[:, 1:] = np.linalg.pinv(integral @ polynomials(grid.degree, count)[1:]) @ integral
    return matrix


@lru_cache(maxsize=128)
def last_coefficients(degree: int) -> Floats:
    """Return the matrix from the values at the points of `degree` to the last six coefficients.

    Where there are fewer, they are all but the constant.
    """
    matrix: Floats = coefficients(degree)[max(1, degree - 5) :].copy()
    return matrix


@lru_cache(maxsize=128)
def differentiation(grid: Grid) -> Floats:
    """Return the matrix from the values at the points of `grid` to the derivative there (Trefethen, chapter 6)."""
    x = _unmapped(grid.degree)
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
    s = at if grid.pole == inf else at * ((1.0 + grid.pole) / (grid.pole + at))
    angle = np.arccos(np.clip(2.0 * s - 1.0, -1.0, 1.0))
    matrix: Floats = np.cos(np.outer(angle, np.arange(grid.degree + 1))) @ coefficients(grid.degree)
    near = np.abs(at[:, None] - points(grid)) < 1e-14
    hit = near.any(axis=1)
    matrix[hit] = near[hit]
    return matrix


@lru_cache(maxsize=128)
def refinement(coarse: Grid, fine: Grid) -> Floats:
    """Return the matrix from the values at the points of `coarse` to those at the points of `fine`."""
    return evaluation(coarse, points(fine))


def _unmapped(degree: int) -> Floats:
    """Return the Chebyshev points s_j = (1 - cos(pi j/degree))/2."""
    result: Floats = np.sin(0.5 * np.pi * np.arange(degree + 1) / degree) ** 2
    return result


def response(own: Floats, capacity: Floats, derivative: Floats) -> Floats:
    """Return the inverse of the collocation equations of m components, (..., m, k, points, k, points).

    `own` (..., m, k, k) are the coefficients d flow / d effort among the members, `capacity` (..., m, dynamic) those of
    the members with storage, which come first; `derivative` (points, points) differentiates. The equation of such a
    member at the first point says that its effort is its start.
    """
    count, width, lead = len(derivative), own.shape[-1], np.broadcast_shapes(own.shape[:-2], capacity.shape[:-1])
    slopes = np.broadcast_to(
        np.moveaxis(np.broadcast_to(own, (*lead, width, width)), (-2, -1), (0, 1))[:, :, None],
        (width, width, count, *lead),
    )
    inverse: Floats = np.linalg.inv(collocation(slopes, capacity, derivative)).astype(np.float64, copy=False)
    return inverse.reshape(*lead, width, count, width, count)


def alike(own: Floats, capacity: Floats) -> bool:
    """Return whether all components have the same `own` (..., m, k, k) and `capacity` (..., m, dynamic).

    Chips that lead are not compared: with them, the answer is False.
    """
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
    """Return `columns` (..., points) of a response with the first `count` at zero: no inflow matters there.

    At the first point of a storage the column is the response to its start.
    """
    if count:
        columns = columns.copy()
        columns[..., :count] = 0.0
    return columns
