from math import exp, tanh
from pathlib import Path

import numpy as np
import pytest

from lstm_analog.model import LSTM, Cell, Layer, State, load, random_lstm
from lstm_analog.model.activations import sigmoid

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.npz"))


def golden(case):
    with np.load(GOLDEN / f"{case}.npz") as file:
        answers = dict(file)
    state = State(h=tuple(answers["h0"]), c=tuple(answers["c0"]))
    return load(GOLDEN / f"{case}.safetensors"), state, answers


def worst_error(lstm, state, answers):
    trace = lstm.trace(answers["x"], state)
    outputs = lstm(answers["x"], state)
    pairs = [
        (outputs.h, answers["h"]),
        (trace.layers[-1].c, answers["c"]),
        (outputs.state.h, answers["hn"]),
        (outputs.state.c, answers["cn"]),
    ]
    return max(np.abs(np.subtract(ours, theirs)).max() for ours, theirs in pairs)


def with_gates_in_order(lstm, order):
    layers = tuple(
        Layer(
            forward=Cell(
                input=layer.forward.input[order],
                recurrent=layer.forward.recurrent[order],
                bias=None if layer.forward.bias is None else layer.forward.bias[order],
            )
        )
        for layer in lstm.layers
    )
    return LSTM(layers=layers, name=lstm.name)


def test_there_are_golden_files():
    assert len(CASES) == 4


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_pytorch(case):
    assert worst_error(*golden(case)) <= 1e-12


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
def test_golden_files_would_show_any_two_gates_swapped(case, pair):
    lstm, state, answers = golden(case)
    order = np.arange(4)
    order[list(pair)] = order[list(pair)[::-1]]
    assert worst_error(with_gates_in_order(lstm, order), state, answers) > 0.01


@pytest.mark.parametrize("case", CASES)
def test_golden_files_would_show_weights_transposed_and_a_lost_state(case):
    lstm, state, answers = golden(case)
    turned = tuple(
        Layer(forward=Cell(input=c.input, recurrent=c.recurrent.swapaxes(1, 2), bias=c.bias))
        for c in (layer.forward for layer in lstm.layers)
    )
    assert worst_error(LSTM(layers=turned, name="turned"), state, answers) > 0.01
    assert worst_error(lstm, State.zeros(lstm.state_sizes, (2,)), answers) > 0.01


def test_one_unit_one_step_by_hand():
    w, u, b = [0.5, -1.0, 2.0, 0.25], [0.1, 0.2, -0.3, 0.4], [0.0, 1.0, -0.5, 0.75]
    cell = Cell(input=np.reshape(w, (4, 1, 1)), recurrent=np.reshape(u, (4, 1, 1)), bias=np.reshape(b, (4, 1)))
    h, c, x = 0.6, -0.7, 1.5
    i, f, g, o = (w[k] * x + u[k] * h + b[k] for k in range(4))
    sigma = [1 / (1 + exp(-z)) for z in (i, f, o)]
    c_next = sigma[1] * c + sigma[0] * tanh(g)
    lstm = LSTM(layers=(Layer(forward=cell),), name="one")
    trace = lstm.trace([[x]], State(h=(np.array([h]),), c=(np.array([c]),))).layers[0]
    np.testing.assert_allclose(trace.z[0, :, 0], [i, f, g, o], rtol=1e-15)
    np.testing.assert_allclose(trace.gates[0, :, 0], [sigma[0], sigma[1], tanh(g), sigma[2]], rtol=1e-15)
    np.testing.assert_allclose(trace.c, [[c_next]], rtol=1e-15)
    np.testing.assert_allclose(trace.h, [[sigma[2] * tanh(c_next)]], rtol=1e-15)


def test_sigmoid_is_symmetric_and_does_not_overflow():
    z = np.array([-1e308, -800.0, -3.0, 0.0, 3.0, 800.0, 1e308])
    np.testing.assert_array_equal(sigmoid(z)[[0, 1, 3, 5, 6]], [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(sigmoid(z) + sigmoid(-z), 1, rtol=1e-15)
    np.testing.assert_allclose(sigmoid(z)[2], 1 / (1 + exp(3)), rtol=1e-14)


def test_huge_inputs_saturate_quietly():
    lstm = random_lstm(np.random.default_rng(3), inputs=1, hidden=4)
    assert np.isfinite(lstm([[1e300], [-1e300]]).h).all()
