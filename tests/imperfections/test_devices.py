from dataclasses import replace

import numpy as np
import pytest
import scipy

from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL
from lstm_analog.errors import InvalidValueError
from lstm_analog.imperfections import (
    DeviceSpread,
    ProgrammingError,
    Quantisation,
    Streams,
    StuckDevices,
    VerifiedProgramming,
    apply,
)
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm

RECORDS = (
    ProgrammingError(sigma=0.03),
    DeviceSpread(share=0.03),
    Quantisation(levels=8),
    StuckDevices(off=0.1, on=0.05),
    VerifiedProgramming(sigma=0.03, tolerance=0.01, rounds=4, reading=0.003),
)
STREAMS = Streams(seed=4)


@pytest.fixture(scope="module")
def circuit():
    return compile(random_lstm(np.random.default_rng(0), 30, 40), BEHAVIOURAL).network


@pytest.fixture(scope="module")
def plumbing():
    return compile(random_lstm(np.random.default_rng(0), 3, 4), OIL).network


def weights(network):
    return network.part("l0_rows").transconductance


@pytest.mark.parametrize("record", RECORDS)
def test_the_same_seed_gives_the_same_devices_and_leaves_the_network_alone(record, circuit):
    before = weights(circuit).copy()
    first, second = (weights(apply(record, circuit, STREAMS)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(weights(circuit), before)
    assert (first != before).any()
    assert (first * before >= 0).all()  # a device errs, it does not change sides


def test_programming_errors_have_their_size(circuit):
    ideal = weights(circuit)
    error = (weights(apply(ProgrammingError(sigma=0.02), circuit, STREAMS)) - ideal) / np.abs(ideal).max()
    inner = np.abs(ideal) > 0.1 * np.abs(ideal).max()  # five sigma from zero
    assert np.std(error[inner]) == pytest.approx(0.02, rel=0.03)
    assert abs(np.mean(error[inner])) < 1e-3


def test_a_spread_is_a_share_of_each_device_and_a_programming_error_one_of_the_largest(circuit):
    """What tells the two: resistors of 2 %, small ones and large ones, against cells that are set to a level."""
    ideal = weights(circuit)
    share = weights(apply(DeviceSpread(share=0.02), circuit, STREAMS)) / ideal - 1.0
    small = np.abs(ideal) < 0.1 * np.abs(ideal).max()
    assert np.std(share[small]) == pytest.approx(0.02, rel=0.1)
    assert np.std(share[~small]) == pytest.approx(0.02, rel=0.03)
    programmed = weights(apply(ProgrammingError(sigma=0.02), circuit, STREAMS)) / ideal - 1.0
    assert np.median(np.abs(programmed[small])) > 10.0 * np.median(np.abs(share[small]))


def test_levels_are_even_and_nearest(circuit):
    ideal, levels = weights(circuit), 8
    step = np.abs(ideal).max() / (levels - 1)
    rounded = weights(apply(Quantisation(levels=levels), circuit, STREAMS))
    np.testing.assert_allclose(np.rint(rounded / step), rounded / step, atol=1e-12)
    assert np.unique(np.abs(rounded)).size <= levels
    assert np.abs(rounded - ideal).max() <= 0.5 * step * (1 + 1e-12)


def test_stuck_devices_are_counted(circuit):
    ideal = weights(circuit)
    stuck = weights(apply(StuckDevices(off=0.1, on=0.05), circuit, STREAMS))
    assert np.mean(stuck == 0.0) == pytest.approx(0.1, abs=0.01)
    assert np.mean(np.abs(stuck) == np.abs(ideal).max()) == pytest.approx(0.05, abs=0.008)
    untouched = (stuck != 0.0) & (np.abs(stuck) != np.abs(ideal).max())
    np.testing.assert_array_equal(stuck[untouched], ideal[untouched])


@pytest.mark.parametrize("record", RECORDS)
def test_a_crossbar_errs_where_it_has_devices(record, plumbing):
    before, after = (it.part("l0_rows") for it in (plumbing, apply(record, plumbing, STREAMS)))
    for name in ("positive", "negative"):
        assert (getattr(after, name) != getattr(before, name)).any()
        np.testing.assert_array_equal(getattr(after, name)[getattr(before, name) == 0.0], 0.0)
        assert (getattr(after, name) >= 0.0).all()
    np.testing.assert_array_equal(after.plus_load, before.plus_load)


def test_causes_stack_chip_by_chip(circuit):
    """What one chip has of two causes, it has whether it is drawn alone or among others."""
    streams = Streams(seed=4, chips=3)
    made = [circuit, circuit]
    for record in RECORDS:
        made = [apply(record, made[0], streams), apply(record, made[1], replace(streams, chips=None, first=2))]
    assert weights(made[0]).shape == (3, *weights(circuit).shape)
    np.testing.assert_array_equal(weights(made[0])[2], weights(made[1]))


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (ProgrammingError, {"sigma": -0.1}, "programming error must be 0 to 1, got -0.1: give a share of Gmax"),
        (DeviceSpread, {"share": -0.1}, "device spread must be at least 0"),
        (
            Quantisation,
            {"levels": 1},
            "quantisation levels must be a whole number >= 2 or infinite, got 1: give e.g. 16",
        ),
        (
            VerifiedProgramming,
            {"sigma": 0.1, "tolerance": 0.1, "rounds": 0},
            "verified programming, rounds must be 1 to 1000, got 0: count attempts",
        ),
        (
            VerifiedProgramming,
            {"sigma": 0.1, "tolerance": -0.1, "rounds": 1},
            "verified programming, tolerance must be 0 to 1, got -0.1: give a share of Gmax",
        ),
        (Quantisation, {"levels": 2.5}, "quantisation levels must be a whole number >= 2 or infinite, got 2.5"),
        (
            StuckDevices,
            {"off": 0.7, "on": 0.5},
            r"stuck devices, on must be 0 to 0.3, got 0.5: give a share of the others",
        ),
    ],
)
def test_bad_values_are_refused(kind, values, message):
    with pytest.raises(InvalidValueError, match=message):
        kind(**values)


def test_verified_devices_are_within_tolerance_or_out_of_rounds(circuit):
    """Of independent attempts the share p is within: after n of them (1 - p)^n is left out."""
    ideal = weights(circuit)
    largest = np.abs(ideal).max()
    inner = np.abs(ideal) > 0.2 * largest
    for rounds in (1, 2, 5):
        record = VerifiedProgramming(sigma=0.02, tolerance=0.01, rounds=rounds)
        error = ((weights(apply(record, circuit, STREAMS)) - ideal) / largest)[inner]
        within = scipy.special.erf(0.5 / np.sqrt(2.0))
        left = (1.0 - within) ** rounds
        assert abs(np.mean(np.abs(error) > 0.01) - left) < 4.0 * np.sqrt(left / error.size)
        assert (np.sign(error) > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_readings_that_err_accept_what_is_out_of_tolerance(circuit):
    ideal = weights(circuit)
    largest = np.abs(ideal).max()
    inner = np.abs(ideal) > 0.3 * largest
    exact, rough = (
        weights(apply(VerifiedProgramming(sigma=0.03, tolerance=0.01, rounds=100, reading=each), circuit, STREAMS))
        for each in (0.0, 0.01)
    )
    errors = [np.abs((each - ideal) / largest)[inner] for each in (exact, rough)]
    assert errors[0].max() <= 0.01
    assert 0.01 < np.sqrt(np.mean(errors[1] ** 2)) < 0.015


def test_one_round_of_verified_programming_is_a_programming_error(circuit):
    once = apply(VerifiedProgramming(sigma=0.02, tolerance=0.01, rounds=1), circuit, STREAMS)
    np.testing.assert_array_equal(weights(once), weights(apply(ProgrammingError(sigma=0.02), circuit, STREAMS)))
