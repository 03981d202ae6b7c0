"""Polynomials through Chebyshev points of the second kind on [0, 1] (Trefethen, Spectral Methods in MATLAB, 2000)."""

from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Floats


@lru_cache(maxsize=128)
def points(degree: int) -> Floats:
    """Return the `degree` + 1 points (1 - cos(pi j/degree))/2, from 0 to 1."""
    result: Floats = np.sin(0.5 * np.pi * np.arange(degree + 1) / degree) ** 2
    return result


@lru_cache(maxsize=128)
def coefficients(degree: int) -> Floats:
    """Return the matrix from the values at the `points` of `degree` to the Chebyshev coefficients, lowest first."""
    k = np.arange(degree + 1)
    ends = np.where((k == 0) | (k == degree), 0.5, 1.0)
    matrix: Floats = 2.0 / degree * ends[:, None] * ends * np.cos(np.pi * np.outer(k, degree - k) / degree)
    return matrix


@lru_cache(maxsize=128)
def differentiation(degree: int) -> Floats:
    """Return the matrix from the values at the `points` of `degree` to the derivative there (Trefethen, chapter 6)."""
    x = points(degree)
    k = np.arange(degree + 1)
    weight = np.where((k == 0) | (k == degree), 2.0, 1.0) * (-1.0) ** k
    apart = x[:, None] - x + np.eye(degree + 1)
    matrix: Floats = weight[:, None] / weight / apart
    matrix -= np.diag(matrix.sum(axis=1))
    return matrix


@lru_cache(maxsize=128)
def integration(degree: int) -> Floats:
    """Return the matrix from the values at all `points` of `degree` but the first to the integral from 0 to there."""
    matrix: Floats = np.linalg.inv(differentiation(degree)[1:, 1:]).astype(np.float64)
    return matrix


def evaluation(degree: int, at: Floats) -> Floats:
    """Return the matrix (k, degree + 1) from the values at the `points` of `degree` to the values `at` (k,) in [0, 1].

    Where `at` is one of the points, its value comes out exactly.
    """
    angle = np.arccos(np.clip(2.0 * at - 1.0, -1.0, 1.0))
    matrix: Floats = np.cos(np.outer(angle, np.arange(degree + 1))) @ coefficients(degree)
    near = np.abs(at[:, None] - points(degree)) < 1e-14
    hit = near.any(axis=1)
    matrix[hit] = near[hit]
    return matrix


@lru_cache(maxsize=128)
def refinement(coarse: int, fine: int) -> Floats:
    """Return the matrix from the values at the `points` of degree `coarse` to those at the points of degree `fine`."""
    return evaluation(coarse, points(fine))
