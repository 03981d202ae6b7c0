"""Products with waveforms of few shapes: how many shapes are learnt, how wrong they are, and what they save."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Waveform
from lstm_analog.engines.waveform import inflow, lowrank
from lstm_analog.engines.waveform.lowrank import LowRank

RNG = np.random.default_rng(0)
MATRIX, TIME = RNG.normal(size=(6, 9)), np.linspace(0.0, 1.0, 12)


def waves(*shapes):
    """Return waveforms (12, 2, 6) that are sums of `shapes` of the time, with random weights."""
    return np.einsum(
        "tk,kbn->tbn", np.stack([shape(TIME) for shape in shapes], axis=1), RNG.normal(size=(len(shapes), 2, 6))
    )


def test_as_many_shapes_as_there_are_and_then_no_more_products():
    product = LowRank(MATRIX, 12, 1e-9)
    for _ in range(3):
        drive = waves(np.ones_like, lambda t: np.exp(-3.0 * t), np.sin)
        np.testing.assert_allclose(product(drive), drive @ MATRIX, rtol=0, atol=1e-12)
    assert product.shapes.shape == (12, 3)


def test_a_shape_that_was_not_there_is_taken_in_full_and_learnt():
    product = LowRank(MATRIX, 12, 1e-6)
    product(waves(np.ones_like))
    for _ in range(2):
        drive = waves(np.ones_like, np.cos)
        assert np.abs(product(drive) - drive @ MATRIX).max() <= 1e-12
        assert product.shapes.shape == (12, 2)


def test_ten_times_what_may_be_wrong_is_not_left_out():
    product = LowRank(MATRIX, 12, 1e-6)
    product(waves(np.ones_like))
    drive = waves(np.ones_like) + 1e-5 * np.cos(3.0 * TIME)[:, None, None]
    np.testing.assert_allclose(product(drive), drive @ MATRIX, rtol=0, atol=1e-12)


def test_what_is_left_out_is_less_than_what_may_be_wrong():
    wrong, product = 1e-3, LowRank(np.eye(6), 12, 1e-3)
    for _ in range(5):
        drive = waves(np.ones_like) + 0.03 * wrong * RNG.uniform(-1.0, 1.0, (12, 2, 6))
        assert np.abs(product(drive) - drive).max() <= wrong
    assert product.shapes.shape == (12, 1)


def test_many_shapes_are_not_worth_it():
    product = LowRank(MATRIX, 12, 1e-9)
    for _ in range(2):
        drive = RNG.normal(size=(12, 2, 6))
        np.testing.assert_array_equal(product(drive), (drive.reshape(-1, 6) @ MATRIX).reshape(12, 2, 9))
        assert product.shapes is None
    product.forget()
    assert product.shapes.shape == (12, 0)


def test_nothing_gives_nothing():
    np.testing.assert_array_equal(LowRank(MATRIX, 12, 1e-9)(np.zeros((12, 2, 6))), np.zeros((12, 2, 9)))


@pytest.mark.parametrize("strange", [np.inf, np.nan])
def test_what_is_not_finite_is_passed_on_and_not_learnt(strange):
    product, drive = LowRank(MATRIX, 12, 1e-9), waves(np.ones_like)
    drive[3, 1, 2] = strange
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(product(drive)[3, 1]).any()
    assert product.shapes.shape == (12, 0)


def test_chips_have_matrices_of_their_own():
    matrix, product = RNG.normal(size=(4, 6, 9)), None
    product = LowRank(matrix, 12, 1e-9)
    for _ in range(2):
        drive = np.einsum("t,cbn->tcbn", np.exp(-TIME), RNG.normal(size=(4, 2, 6)))
        np.testing.assert_allclose(product(drive), drive @ matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chips", [None, 2])
def test_a_leaking_machine_is_the_same_with_few_shapes_and_with_all_points(chips, monkeypatch):
    """Within the share of the tolerance that shapes may use up; and a second run is the first."""
    leaking = la.electrical.BEHAVIOURAL.copy_resistance * 1e4
    machine = la.compile(
        la.random_lstm(np.random.default_rng(3), 2, 8),
        replace(la.electrical.BEHAVIOURAL, off_conductance=1.0 / leaking),
    )
    if chips:
        error = la.imperfections.ProgrammingError(sigma=0.01)
        machine = machine.with_imperfection(error, la.imperfections.Streams(seed=1, chips=chips))
    x = np.random.default_rng(4).uniform(-1.0, 1.0, (3, 5, 2))
    full = machine.run(x, engine=Waveform(points=5)).trajectory.efforts
    monkeypatch.setattr(inflow, "WORTHWHILE", 1)
    made = []
    monkeypatch.setattr(lowrank.LowRank, "__init__", _noting(lowrank.LowRank.__init__, made))
    again = la.compile(la.random_lstm(np.random.default_rng(3), 2, 8), machine.technology)
    if chips:
        again = again.with_imperfection(error, la.imperfections.Streams(seed=1, chips=chips))
    few, second = (again.run(x, engine=Waveform(points=5)).trajectory.efforts for _ in range(2))
    assert any(product.shapes is not None and 0 < product.shapes.shape[1] < product.points // 2 for product in made)
    assert 0.0 < np.abs(few - full).max() <= 5e-7
    np.testing.assert_array_equal(few, second)


def _noting(init, made):
    def noting(self, *arguments):
        made.append(self)
        init(self, *arguments)

    return noting
