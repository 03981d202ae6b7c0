"""The circuit against the LSTM, and planted faults, each of which the comparison must notice."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler import CLOCKED, GATED_LEAK, decode, lower, schedule, signal_network
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.engines import Integrate, Waveform
from lstm_analog.errors import UnsupportedError
from lstm_analog.model import Gate, State, random_lstm
from lstm_analog.network.shapes import Shape

ENGINE = Waveform(rtol=1e-8, atol=1e-10)
TOLERANCE = 1e-6


@pytest.fixture
def lstm():
    return random_lstm(np.random.default_rng(6), 2, 3, layers=2, scale=2.0)


@pytest.fixture
def x():
    return np.random.default_rng(7).uniform(-1, 1, (3, 2))


@pytest.fixture
def compiled(lstm):
    return lower(BEHAVIOURAL, signal_network(lstm), CLOCKED, 24.0)


def error(compiled, lstm, x, state=None):
    """Return the largest error of z, c and h of all layers and steps, in units of the signal."""
    state = state or State.zeros(lstm.state_sizes, x.shape[:-2])
    trajectory = ENGINE.run(compiled.network, schedule(compiled, x, state))
    worst = []
    for place, layer in zip(compiled.layout.layers, lstm.trace(x, state).layers, strict=True):
        pairs = [(place.c, layer.c), (place.h, layer.h), *zip(place.z, np.moveaxis(layer.z, -2, 0), strict=True)]
        worst += [
            np.abs(decode(compiled, trajectory, spot, compiled.cycle.ends(spot.interval, x.shape[-2])) - value).max()
            for spot, value in pairs
        ]
    return max(worst)


@pytest.mark.parametrize("timing", [CLOCKED, GATED_LEAK])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_the_circuit_computes_the_lstm(x, timing, layers, bias):
    lstm = random_lstm(np.random.default_rng(6), 2, 3, layers=layers, scale=2.0, bias=bias)
    compiled = lower(BEHAVIOURAL, signal_network(lstm), timing, 24.0)
    state = State(h=[np.full(3, 0.2)] * layers, c=[np.array([0.5, -1.0, 2.0])] * layers)
    assert error(compiled, lstm, x, state) < TOLERANCE


def test_which_weight_is_which_transconductance(compiled, lstm):
    """Row `gate H + unit`, column: inputs, then h, then the bias; w / row_resistance, with its sign."""
    unknowns = compiled.network.unknowns
    for number, layer in enumerate(lstm.layers):
        bank, cell = compiled.network.part(f"l{number}_rows"), layer.forward
        below = "x" if number == 0 else f"l{number - 1}_h_new"
        columns = [*unknowns[below], *unknowns[f"l{number}_h"], *unknowns[f"l{number}_rows_one"]]
        assert bank.inputs.tolist() == columns
        for gate in Gate:
            for unit in range(3):
                row = bank.rows.tolist().index(unknowns[f"l{number}_z{gate.letter}"][unit])
                expected = [*cell.input[gate, unit], *cell.recurrent[gate, unit], cell.bias[gate, unit]]
                np.testing.assert_allclose(bank.transconductance[row], np.array(expected) * 1e-4, rtol=1e-12)


def with_parts(compiled, label, change):
    parts = tuple(change(part) if part.label == label else part for part in compiled.network.parts)
    assert any(part.label == label for part in parts)
    return replace(compiled, network=replace(compiled.network, parts=parts))


def a_scaled_capacitor(bank):
    values = bank.capacitance.copy()
    values[1] *= 10.0
    return replace(bank, capacitance=values)


def with_factor(part, **changes):
    return replace(part, factors=(replace(part.factors[0], **changes), *part.factors[1:]))


FAULTS = {  # those of weights: tests/test_machine.py
    "an unscaled slave capacitor": ("l1_h_slave", a_scaled_capacitor),
    "a wrong load": ("l0_c_load", lambda part: replace(part, conductance=part.conductance * 1.01)),
    "a wrong tail current": ("l0_h_add", lambda part: replace(part, current=part.current * 1.01)),
    "a switch on the wrong line": ("l0_c_take", lambda part: replace(part, line=1)),
    "a tanh for a sigmoid": ("l0_c_keep", lambda part: with_factor(part, shape=Shape.TANH)),
    "a sigmoid upside down": ("l0_c_keep", lambda part: with_factor(part, scale=-part.factors[0].scale)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_in_the_circuit_are_caught(compiled, lstm, x, fault):
    label, change = FAULTS[fault]
    assert error(with_parts(compiled, label, change), lstm, x) > 10 * TOLERANCE  # without: the test above


LEAK_FAULTS = {
    "a fill of i g / T": ("l0_c_fill", lambda part: replace(part, factors=part.factors[:-1])),
    "a drain of sigmoid(-z) / T": ("l1_c_drain", lambda part: replace(part, shape=Shape.SIGMOID)),
    "a wrong rate": ("l0_c_drain", lambda part: replace(part, conductance=part.conductance * 1.01)),
}


@pytest.mark.parametrize("fault", LEAK_FAULTS)
def test_planted_faults_in_the_gated_leak_are_caught(lstm, x, fault):
    label, change = LEAK_FAULTS[fault]
    compiled = lower(BEHAVIOURAL, signal_network(lstm), GATED_LEAK, 24.0)
    assert error(with_parts(compiled, label, change), lstm, x) > 10 * TOLERANCE


def test_a_gated_leak_is_exact_however_short(x):
    """With settled gates c' = f c + i g for any T: what is left at 40 tau is the integrator's own error."""
    lstm = random_lstm(np.random.default_rng(6), 2, 3, scale=2.0)
    compiled = lower(BEHAVIOURAL, signal_network(lstm), GATED_LEAK, 40.0)
    trajectory = Integrate(rtol=1e-12, atol=1e-14).run(
        compiled.network, schedule(compiled, x, State.zeros(lstm.state_sizes, ()))
    )
    spot = compiled.layout.layers[0].c
    got = decode(compiled, trajectory, spot, compiled.cycle.ends(spot.interval, 3))
    np.testing.assert_allclose(got, lstm.trace(x).layers[0].c, atol=1e-9)


def test_an_unknown_technology_is_refused(lstm):
    text = r"^technology must be a technology that a compiler is registered for, got str: take a preset"
    with pytest.raises(UnsupportedError, match=text):
        lower("BEHAVIOURAL", signal_network(lstm), CLOCKED, 20.0)


def test_the_time_constant_is_the_slowest_pole():
    """Row: R C. Master: load and switch in series. Slave: its switch."""
    assert BEHAVIOURAL.time_constant == pytest.approx(1e-6)
    for change in (
        {"row_resistance": 3e4},
        {"load_resistance": 25e3},
        {"copy_resistance": 3e4},
        {"capacitance": 3e-10},
    ):
        assert replace(BEHAVIOURAL, **change).time_constant == pytest.approx(3e-6)
