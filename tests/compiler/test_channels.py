"""Circuits of channels: their mean is the LSTM, their draws have the binomial's size, the same on every engine."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.analogies.drawn_lstm import answers, binomial, deviations
from lstm_analog.compiler.electrical import CHANNELS
from lstm_analog.engines import Integrate, Ngspice, Settle, Waveform
from lstm_analog.errors import InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.imperfections import ChannelNoise, Streams, SupplyRipple
from lstm_analog.model.activations import HARD_SIGMOID, sigmoid
from lstm_analog.model.random import Form
from lstm_analog.network.parts import Ports, Storages
from lstm_analog.study import running_cost

STREAMS = Streams(seed=5)
X = np.random.default_rng(3).uniform(-1.0, 1.0, (5, 2))
ENGINES = (Settle(), Waveform(rtol=1e-8, atol=1e-10), Integrate(rtol=1e-9, atol=1e-11), Ngspice())


@pytest.fixture(scope="module")
def lstm():
    return la.random_lstm(np.random.default_rng(2), 2, 3, scale=2.0)


@pytest.fixture(scope="module")
def machine(lstm):
    return la.compile(lstm, CHANNELS, settling=24.0)


def drawn(machine, amplitude=1.0, streams=STREAMS):
    return machine.with_imperfection(ChannelNoise(amplitude=amplitude), streams)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: type(engine).__name__)
def test_the_mean_is_the_lstm(machine, lstm, engine):
    np.testing.assert_allclose(machine.run(X[:2], engine=engine).h, lstm(X[:2]).h, atol=1e-8)
    assert machine.network.said("channels") == ("10000 channels a curve, at their mean unless ChannelNoise draws them",)


@pytest.mark.parametrize("engine", [ENGINES[1], ENGINES[3]], ids=lambda engine: type(engine).__name__)
def test_a_draw_is_the_same_on_every_engine(machine, lstm, engine):
    expected = drawn(machine).run(X, engine=Settle()).h
    assert 1e-3 < np.abs(expected - lstm(X).h).max() < 0.1
    np.testing.assert_allclose(drawn(machine).run(X, engine=engine).h, expected, atol=1e-8)


def test_one_gate_deviates_by_the_law(lstm):
    """c = i g from rest: read the open share of the input gate off its node, beside p + x sqrt(p (1 - p)/N)."""
    few = replace(CHANNELS, channels=400)
    noisy = drawn(la.compile(lstm, few, settling=24.0))
    run = noisy.run(np.broadcast_to(X[:1], (3000, 1, 2)), engine=Settle())
    gates = {part.label: part for part in noisy.network.parts if part.label.endswith("_membrane")}
    p = sigmoid(lstm.trace(X[:1]).layers[0].z[0, 0])
    end = run.compiled.cycle.ends("hold0", 1)
    share = run.trajectory.at_ends("l0_c_add_open1", end)[:, 0]
    assert "l0_c_add_open1_membrane" in gates
    np.testing.assert_allclose(share.mean(axis=0), p, atol=4 * np.sqrt(0.25 / 400 / 3000))
    np.testing.assert_allclose(share.var(axis=0), p * (1 - p) / 400, rtol=4 * np.sqrt(2 / 3000))


def test_a_ripple_leaves_chance_alone_in_both_orders(machine):
    """The supply of the channels and the biases swing; sources of chance, zero without a draw, are no rails."""
    ripple, streams = SupplyRipple(share=0.1, frequency=1e5), Streams(seed=1)
    made = [
        machine.with_imperfection(first, streams).with_imperfection(second, streams)
        for first, second in ((ripple, ChannelNoise()), (ChannelNoise(), ripple))
    ]
    fed = [{entry.label: entry.efforts for entry in each.schedule(X).imposed} for each in made]
    alone = {entry.label: entry.efforts for entry in drawn(machine, streams=streams).schedule(X).imposed}
    for label in machine.network.said("chance"):
        assert np.array_equal(fed[0][label], alone[label])
        assert np.array_equal(fed[1][label], alone[label])
    np.testing.assert_array_equal(made[0].run(X, engine=Settle()).h, made[1].run(X, engine=Settle()).h)


def test_draws_are_independent_of_each_other(machine):
    run = drawn(machine).run(np.broadcast_to(X, (2000, *X.shape)), engine=Settle())
    ends = run.compiled.cycle.ends("hold0", len(X))
    noise = run.trajectory.at_ends("l0_c_add_open1_chance", ends).reshape(2000, -1)
    apart = np.corrcoef(noise.T) - np.eye(noise.shape[1])
    assert np.abs(apart).max() < 0.1


@pytest.mark.parametrize("number", [1_000, 100_000])
def test_errors_fall_with_the_root_of_the_channels_and_as_exact_draws_do(lstm, number):
    batch = np.broadcast_to(X, (1500, *X.shape))
    noisy = drawn(la.compile(lstm, replace(CHANNELS, channels=number)))
    predicted = deviations(lstm, X) / np.sqrt(number)
    found = noisy.run(batch, engine=Settle(), keep=la.Keep.OUTPUTS).h.std(axis=0)
    exact = answers(lstm, batch, binomial(number, np.random.default_rng(0))).std(axis=0)
    np.testing.assert_allclose(found, predicted, rtol=0.1)
    np.testing.assert_allclose(exact, predicted, rtol=0.1)


def of_form(kind):
    rng = np.random.default_rng(4)
    if kind == "head alone in a pass":
        made = la.random_lstm(rng, 2, 2, scale=2.0, bidirectional=True, outputs=2)
        return replace(made, head=replace(made.head, final=True))
    return la.random_lstm(rng, 2, 2, scale=2.0, form=Form[kind])


@pytest.mark.parametrize("kind", ["head alone in a pass", "GRU", "COUPLED"])
def test_other_forms_have_channels_too(kind):
    """A head alone in a pass has no curve; its chips go with those of the others."""
    form = of_form(kind)
    made = la.compile(form, CHANNELS, settling=24.0)
    expected = form(X).h if form.head is None else form(X).y
    mean = made.run(X, engine=Settle())
    np.testing.assert_allclose(mean.h if form.head is None else mean.y, expected, atol=1e-8)
    noisy = drawn(made, streams=Streams(seed=1, chips=2)).run(X, engine=Settle())
    found = noisy.h if form.head is None else noisy.y
    assert found.shape == (2, *expected.shape)
    assert np.abs(found - expected).max(axis=tuple(range(1, found.ndim))).min() > 1e-4
    assert np.abs(found - expected).max() < 0.2


def test_amplitude_scales_the_draw_and_zero_is_the_machine(machine):
    assert drawn(machine, amplitude=0.0).network is machine.network
    mean = machine.run(X, engine=Settle()).h
    small, smaller = (drawn(machine, amplitude=a).run(X, engine=Settle()).h - mean for a in (1e-3, 5e-4))
    np.testing.assert_allclose(small, 2.0 * smaller, rtol=0.02, atol=1e-9)


def test_chips_are_drawn_as_alone(machine):
    together = drawn(machine, streams=Streams(seed=5, chips=2)).run(X, engine=Settle()).h
    alone = [drawn(machine, streams=Streams(seed=5, first=k)).run(X, engine=Settle()).h for k in range(2)]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-12)
    assert np.abs(alone[0] - alone[1]).max() > 1e-4


def test_a_draw_outlives_saving(machine, tmp_path):
    noisy = drawn(machine)
    noisy.save(tmp_path / "m.npz")
    again = la.load_machine(tmp_path / "m.npz")
    assert again.technology == CHANNELS
    np.testing.assert_array_equal(again.run(X, engine=Settle()).h, noisy.run(X, engine=Settle()).h)


def test_power_of_the_channels_goes_with_their_number(lstm):
    """Heat of the half-bridges, read off the law of a series of two conductances: G V^2/(2 cosh(u/2)) each."""
    made = {n: la.compile(lstm, replace(CHANNELS, channels=n)) for n in (10_000, 20_000)}
    heat = {n: running_cost(m.run(X, engine=Settle())).heat for n, m in made.items()}
    ports = [part for part in made[10_000].network.parts if isinstance(part, Ports)]
    assert all(part.conductance == pytest.approx(5e4 * 1e4 * 1e-16) for part in ports)
    most = 0.5 * 5e4 * 1e4 * 1e-16 * sum(part.a.size for part in ports) / 2
    assert 0.3 * most < heat[20_000] - heat[10_000] < most


def test_sizes(machine):
    membranes = [p for p in machine.network.parts if isinstance(p, Storages) and p.label.endswith("membrane")]
    assert len(membranes) == 5
    assert all(part.capacitance == pytest.approx(1e-12, rel=1e-9, abs=0.0) for part in membranes)
    assert CHANNELS.time_constant == CHANNELS.channel_time == 1e-5
    settling = [each.duration for each in machine.compiled.cycle.step if each.settles]
    np.testing.assert_allclose(settling, 24e-5)


def test_what_has_no_channels_is_refused(lstm, machine):
    with pytest.raises(UnsupportedError, match="timing must be CLOCKED for channels, got GATED_LEAK"):
        la.compile(lstm, CHANNELS, timing=la.GATED_LEAK)
    cell = lstm.layers[0].forward
    hard = replace(lstm, layers=(replace(lstm.layers[0], forward=replace(cell, gate=HARD_SIGMOID)),))
    with pytest.raises(UnsupportedError, match="l0_c_keep curve must be a sigmoid, a tanh or linear for channels"):
        la.compile(hard, CHANNELS)
    with pytest.raises(NetworkError, match="the network must have channels, got none: compile in"):
        drawn(la.compile(lstm, la.electrical.BEHAVIOURAL))
    with pytest.raises(NetworkError, match="channel noise must be drawn once, got twice"):
        drawn(drawn(machine))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("channels", 0, "CHANNELS channels must be positive, got 0"),
        ("channels", 2.5, r"CHANNELS channels must be whole, got 2\.5"),
        ("rate", 0.0, r"CHANNELS rate must be positive, got 0\.0"),
        ("capacitance", np.inf, "CHANNELS capacitance must be positive, got inf"),
    ],
)
def test_sizes_that_no_membrane_has_are_refused(name, value, words):
    with pytest.raises(InvalidValueError, match=words):
        replace(CHANNELS, **{name: value})
