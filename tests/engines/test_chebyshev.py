"""Points of a segment: what is exact on them, and that transients need few."""

from math import inf

import numpy as np
import pytest

from lstm_analog.engines.native.calls import next_coefficients
from lstm_analog.engines.waveform.chebyshev import (
    Grid,
    coefficients,
    differentiation,
    evaluation,
    integration,
    last_coefficients,
    points,
    refinement,
)

POLES = [inf, 1e300, 1e9, 1.0, 0.2, 0.05]


def basis(grid, t):
    """Return all functions that `grid` holds exactly, (t, degree + 1), and their derivatives."""
    s, slope = (t, np.ones_like(t)) if grid.pole > 1e15 else mapped(grid.pole, t)
    powers = np.arange(grid.degree + 1)
    return s[:, None] ** powers, powers * s[:, None] ** np.maximum(powers - 1, 0) * slope[:, None]


def mapped(pole, t):
    """Return s(t) = (1 + pole) t/(pole + t) and ds/dt."""
    return (1.0 + pole) * t / (pole + t), (1.0 + pole) * pole / (pole + t) ** 2


@pytest.mark.parametrize("pole", POLES)
def test_functions_of_the_grid_are_exact(pole):
    grid, fine = Grid(degree=9, pole=pole), Grid(degree=14, pole=pole)
    at = np.linspace(0.0, 1.0, 37)
    values, slopes = basis(grid, points(grid))
    np.testing.assert_allclose(differentiation(grid) @ values, slopes, rtol=0, atol=1e-10 * np.abs(slopes).max())
    np.testing.assert_allclose(evaluation(grid, at) @ values, basis(grid, at)[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(refinement(grid, fine) @ values, basis(grid, points(fine))[0], rtol=0, atol=1e-13)
    rise = integration(grid) @ slopes[1:]
    np.testing.assert_allclose(rise[:, 1:], values[1:, 1:], rtol=0, atol=1e-12)  # what is 0 at the start


@pytest.mark.parametrize("pole", POLES)
def test_points_go_from_edge_to_edge_and_come_out_as_they_are(pole):
    grid = Grid(degree=11, pole=pole)
    at, wave = points(grid), np.random.default_rng(1).normal(size=12)
    assert at[0] == 0.0
    assert at[-1] == pytest.approx(1.0, abs=1e-15)
    assert (np.diff(at) > 0.0).all()
    np.testing.assert_array_equal(evaluation(grid, at) @ wave, wave)


@pytest.mark.parametrize("reach", [20.0, 40.0, 160.0])
def test_a_transient_needs_far_fewer_points_with_a_pole_before_its_start(reach):
    """exp(-u), u exp(-u) and a saturated step of u = `reach` t: to 3e-7, with the pole eight time constants before."""

    def needed(pole):
        u = reach * points(Grid(degree=200, pole=pole))
        waves = np.stack([np.exp(-u), u * np.exp(-u), np.tanh(1.5 * np.exp(-u))], axis=1)
        return int(np.flatnonzero((np.abs(coefficients(200) @ waves) > 3e-7).any(axis=1))[-1]) + 1

    assert needed(8.0 / reach) <= 0.75 * needed(inf)


def test_the_last_coefficients_are_six():
    wave = np.random.default_rng(2).normal(size=21)
    np.testing.assert_allclose(last_coefficients(20) @ wave, (coefficients(20) @ wave)[-6:], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(last_coefficients(3), coefficients(3)[1:])  # the constant says nothing about a fall


def test_what_follows_on_a_geometric_fall_is_bounded_and_a_chance_dip_is_not_believed():
    fall = (0.3 ** np.arange(6)).tolist()
    assert next_coefficients(fall) >= 2.0 * 0.3**6 / (1.0 - 0.3)
    assert next_coefficients([*fall[:4], 1e-9, 1e-9]) >= 16.0 * 1e-9 * 1e-9**0.5
    assert next_coefficients([1.0, 1.0, 1e-2, 1e-2, 1e-8, 1e-8]) >= 100 * 1e-8 * 1e-6
    assert next_coefficients([1.3e-4, 6.5e-5, 2.8e-5, 8.7e-6, 6.5e-7, 7.7e-7]) >= 3.46e-6  # so wrong was that waveform
    assert next_coefficients([0.0] * 6) == 0.0
    assert next_coefficients([1e-2, 1e-4, 0.0]) == pytest.approx(16.0 * 1e-4 * 1e-2, rel=0.02)
    assert next_coefficients([1e-9, 0.0, 0.0, 1.0]) == 160.0
    assert next_coefficients([1e-2, 1e-5]) == pytest.approx(16.0 * 1e-5 * 1e-3, rel=0.02)  # a pause has two
    assert next_coefficients([0.0, 1e-5]) == 160.0 * 1e-5
