"""Four machines of one curve, on two simulators, against its closed form; channels jump by jump against their laws."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.analogies.chance import (
    channels,
    comparator,
    differential_pair,
    jump,
    opening,
    shares,
    valve_pair,
)
from lstm_analog.analogies.drawn_lstm import answers, binomial, deviations
from lstm_analog.engines import Integrate, Ngspice, Settle, Waveform
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.model import digits
from lstm_analog.model.activations import HARD_SIGMOID, sigmoid

U = np.linspace(-6.0, 6.0, 13)
RATE = 5e4
MACHINES = {
    "channels": (channels(U.size, number=1e4, rate=RATE, capacitance=1e-16), 4e-4),
    "differential pair": (differential_pair(U.size, tail=1e-4, load=1e4), 1e-6),
    "valve pair": (valve_pair(U.size, conductance=1e-9, capacity=1e-12), 4e-2),
}
POPULATION = {"number": 40, "rate": RATE, "generator": np.random.default_rng(3)}
ENGINES = (Settle(), Waveform(), Integrate(rtol=1e-9, atol=1e-12), Ngspice())


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
@pytest.mark.parametrize("name", MACHINES)
def test_the_curve_is_the_sigmoid(name, engine):
    network, interval = MACHINES[name]
    found = shares(network, np.stack([-U, U]), engine, interval=interval)[-1]
    np.testing.assert_allclose(found, sigmoid(U), atol=1e-8)


def test_decisions_follow_the_sigmoid_and_are_the_same_on_ngspice():
    noise = np.random.default_rng(0).logistic(size=(4000, U.size))
    controls = np.broadcast_to(U, noise.shape)
    found = shares(comparator(U.size), controls, Settle(), interval=1e-6, noise=noise)
    assert set(np.unique(found)) == {0.0, 1.0}
    error = (found.mean(axis=0) - sigmoid(U)) / np.sqrt(sigmoid(U) * sigmoid(-U) / len(noise))
    assert np.abs(error).max() < 4.0
    other = shares(comparator(U.size), controls[:10], Ngspice(), interval=1e-6, noise=noise[:10])
    np.testing.assert_allclose(other, found[:10], atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES[1:], ids=lambda engine: type(engine).__name__)
def test_the_half_bridge_is_the_master_equation(engine):
    """From equilibrium at -U, the control jumps to U: the network at each time against the closed form.

    An edge takes ngspice a time of its own, which is late by half of it.
    """
    network, step = MACHINES["channels"][0], 2e-6
    found = shares(network, np.vstack([-U, *[U] * 6]), engine, interval=step)
    time = step * np.arange(1, 7)[:, None]
    expected = opening(U, time, rate=RATE, start=sigmoid(-U))
    assert np.abs(expected[0] - expected[-1]).max() > 0.1
    np.testing.assert_allclose(found[1:], expected, atol=5e-5 if isinstance(engine, Ngspice) else 2e-6)


def test_jumps_have_the_binomial_variance_as_read_and_averaged():
    u, runs, reading = 1.0, 6000, 4e-6
    tau, p = 0.5 / (RATE * np.cosh(0.5 * u)), float(sigmoid(np.array(u)))
    duration = 20 * tau
    found = jump(u, duration, start=p, reading=reading, runs=runs, **POPULATION)
    averaged = 2 * tau / duration * (1 - tau / duration * -np.expm1(-duration / tau))
    for share, law in ((found.end, 1.0), (found.mean, averaged), (found.read, tau / (tau + reading))):
        variance = law * p * (1 - p) / 40
        assert share.mean() == pytest.approx(p, abs=4.0 * np.sqrt(variance / runs))
        assert share.var() == pytest.approx(variance, rel=4.0 * np.sqrt(2.0 / runs))


@pytest.mark.parametrize("time", [2e-6, 1e-5])
def test_the_mean_of_the_jumps_obeys_the_master_equation(time):
    expected = float(opening(1.0, time, rate=RATE, start=0.1))
    found = jump(1.0, time, start=0.1, reading=1e-6, runs=4000, **POPULATION)
    assert abs(expected - 0.1) > 0.05
    assert found.end.mean() == pytest.approx(expected, abs=4.0 * np.sqrt(0.25 / 40 / 4000))


def test_sizes_of_no_population_are_refused():
    with pytest.raises(InvalidValueError, match=r"rate of a population must be positive, got 0\.0: give SI units"):
        jump(0.0, 1e-3, start=0.5, reading=1e-6, runs=2, **POPULATION | {"rate": 0.0})


@pytest.fixture
def lstm():
    return la.random_lstm(np.random.default_rng(1), 2, 3, layers=2, scale=2.0)


def test_curves_at_their_mean_are_the_lstm(lstm):
    x = np.random.default_rng(2).uniform(-1, 1, (4, 5, 2))
    np.testing.assert_allclose(answers(lstm, x, lambda p: p), lstm(x).h, atol=1e-14)
    pixels, _ = digits.unseen()
    classifier = digits.classifier()
    np.testing.assert_allclose(answers(classifier, pixels[:3], lambda p: p), classifier(pixels[:3]).y, atol=1e-12)


def test_exact_draws_deviate_as_the_first_order_says(lstm):
    x, number = np.random.default_rng(2).uniform(-1, 1, (5, 2)), 10_000
    drawn = answers(lstm, np.broadcast_to(x, (4000, *x.shape)), binomial(number, np.random.default_rng(4)))
    np.testing.assert_allclose(drawn.std(axis=0) * np.sqrt(number), deviations(lstm, x), rtol=0.06)


def test_other_cells_are_refused():
    lstm = la.random_lstm(np.random.default_rng(0), 2, 3)
    cell = replace(lstm.layers[0].forward, gate=HARD_SIGMOID)
    hard = replace(lstm, layers=(replace(lstm.layers[0], forward=cell),))
    with pytest.raises(UnsupportedError, match="cells must be plain LSTM cells with sigmoid and tanh to be drawn"):
        answers(hard, np.zeros((1, 2, 2)), lambda p: p)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"start": 2.0}, r"^start must be 0 to 1, got 2\.0"),
        ({"u": 5000.0}, r"^u must be -1000 to 1000, got 5000\.0"),
        ({"number": 0}, r"^number of a population must be positive"),
        ({"rate": np.nan}, r"^rate of a population must be positive, got nan"),
    ],
)
def test_channels_that_cannot_be_drawn_are_refused(changes, text):
    given = {"u": 0.0, "duration": 1.0, "number": 5, "rate": 1.0, "start": 0.5, "reading": 1.0, "runs": 3}
    with pytest.raises(InvalidValueError, match=text):
        jump(**(given | changes), generator=np.random.default_rng(0))


def test_noise_has_the_shape_of_the_controls():
    with pytest.raises(InvalidShapeError, match=r"^noise must have shape \(3, 2\), got shape \(5,\)"):
        shares(comparator(2), np.zeros((3, 2)), Settle(), interval=1.0, noise=np.zeros(5))
