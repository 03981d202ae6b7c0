import pickle
from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, SimulationError
from lstm_analog.model import LSTM, RELU, Cell, Layer, RNNCell, State, random_lstm


@pytest.fixture
def lstm():
    return random_lstm(np.random.default_rng(1), inputs=2, hidden=3, layers=2)


def test_sizes(lstm):
    assert (lstm.input_size, lstm.hidden_size, lstm.sizes) == (2, 3, (3, 3))
    assert repr(lstm).splitlines()[:3] == ["LSTM", "  name    random", "  inputs  2"]


def test_shapes_with_a_batch(lstm):
    x = np.ones((5, 7, 2))
    outputs, layer = lstm(x), lstm.trace(x).layers[0]
    assert outputs.h.shape == layer.h.shape == layer.c.shape == (5, 7, 3)
    assert layer.z.shape == layer.gates.shape == (5, 7, 4, 3)
    assert [a.shape for a in (*outputs.state.h, *outputs.state.c)] == [(5, 3)] * 4


def test_shapes_without_a_batch(lstm):
    x = np.ones((7, 2))
    outputs, layer = lstm(x), lstm.trace(x).layers[0]
    assert outputs.h.shape == layer.h.shape == layer.c.shape == (7, 3)
    assert layer.z.shape == layer.gates.shape == (7, 4, 3)
    assert [a.shape for a in (*outputs.state.h, *outputs.state.c)] == [(3,)] * 4
    np.testing.assert_array_equal(lstm(x, State.zeros(lstm.state_sizes, ())).h, outputs.h)


def test_lists_and_float32_are_taken(lstm):
    np.testing.assert_array_equal(lstm([[1, 2]]).h, lstm(np.array([[1, 2]], np.float32)).h)


def test_pickles(lstm):
    copy = pickle.loads(pickle.dumps(lstm))
    assert copy.digest == lstm.digest
    np.testing.assert_array_equal(copy(np.ones((7, 2))).h, lstm(np.ones((7, 2))).h)


def test_digest_depends_on_the_weights_alone(lstm):
    assert replace(lstm, name="other").digest == lstm.digest
    cell = lstm.layers[1].forward
    for name in ("input", "recurrent", "bias"):
        changed = getattr(cell, name).copy()
        changed.flat[-1] = np.nextafter(changed.flat[-1], 1)
        layer = replace(lstm.layers[1], forward=replace(cell, **{name: changed}))
        assert replace(lstm, layers=(lstm.layers[0], layer)).digest != lstm.digest


def counting(bias):
    return LSTM(
        layers=(Layer(forward=Cell(input=[[[1]], [[2]], [[3]], [[4]]], recurrent=[[[5]]] * 4, bias=bias)),), name="a"
    )


def test_digest_is_stable():
    assert counting([[6]] * 4).digest == "27350dcbcd5d3b10fa19bfca6c9ebbd5af09e836f17cd52436bc8239e91cc5e3"


def test_digest_tells_no_bias_from_a_bias_of_zero_but_not_the_sign_of_a_zero():
    assert counting(None).digest != counting([[0.0]] * 4).digest == counting([[-0.0]] * 4).digest


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "x" * 64])
def test_good_names(lstm, name):
    assert replace(lstm, name=name).name == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a\n", "é", "a/b", "*"])
def test_bad_names(lstm, name):
    with pytest.raises(InvalidValueError, match=r"name must be 1 to 64 of the characters A-Z a-z 0-9 _ \. -, got '"):
        replace(lstm, name=name)


def test_a_name_is_a_string(lstm):
    with pytest.raises(InvalidTypeError, match="name must be a string, got int: give"):
        replace(lstm, name=3)


def test_layers_must_chain(lstm):
    with pytest.raises(InvalidShapeError, match="inputs of layer 1 must be 3, the outputs of the layer below, got 2: "):
        LSTM(layers=lstm.layers[:1] * 2, name="a")


def test_there_must_be_a_layer():
    with pytest.raises(InvalidValueError, match="layers must be at least one, got 0: give"):
        LSTM(layers=(), name="a")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 2), r"time steps of x must be at least 1, got shape \(0, 2\): give"),
        ((3, 0, 2), r"time steps of x must be at least 1, got shape \(3, 0, 2\): give"),
        ((0, 3, 2), r"sequences of x must be at least 1, got shape \(0, 3, 2\): give"),
        ((5, 7, 3), r"features of x must be 2, got 3 \(shape \(5, 7, 3\)\): give"),
        ((7, 1), r"features of x must be 2, got 1 \(shape \(7, 1\)\): give"),
        ((2,), r"x must have shape \(batch, time, inputs\) or \(time, inputs\), got shape \(2,\): add"),
        ((), r"x must have shape \(batch, time, inputs\) or \(time, inputs\), got shape \(\): add"),
        ((1, 1, 1, 2), r"x must have shape \(batch, time, inputs\) or \(time, inputs\), got shape \(1, 1, 1, 2\)"),
    ],
)
def test_bad_shapes_of_x(lstm, shape, message):
    with pytest.raises(InvalidShapeError, match=message):
        lstm(np.ones(shape))


def test_bad_numbers_in_x(lstm):
    with pytest.raises(InvalidValueError, match=r"x must be finite, got nan at index \(0, 1\): remove"):
        lstm([[1.0, np.nan]])
    with pytest.raises(InvalidTypeError, match="x must hold float32, float64 or integer numbers, got float16: convert"):
        lstm(np.ones((1, 2), np.float16))


def test_bad_states(lstm):
    x = np.ones((5, 7, 2))
    with pytest.raises(
        InvalidShapeError, match=r"state h must have shapes \(\(5, 3\), \(5, 3\)\), got \(\(4, 3\), \(4, 3\)\)"
    ):
        lstm(x, State.zeros(lstm.state_sizes, (4,)))
    with pytest.raises(
        InvalidShapeError, match=r"state h must have shapes \(\(5, 3\), .* got \(\(3,\), \(3,\)\): give"
    ):
        lstm(x, State.zeros(lstm.state_sizes, ()))
    with pytest.raises(InvalidShapeError, match=r"state c must have shapes .* got \(\(5, 3\),\): give"):
        lstm(x, replace(State.zeros(lstm.state_sizes, (5,)), c=(np.ones((5, 3)),)))
    with pytest.raises(InvalidValueError, match=r"state c of layer 1 must be finite, got nan at index \(0,\)"):
        State(h=(), c=(np.ones(1), np.array([np.nan])))


def test_what_grows_beyond_all_numbers_is_named():
    cell = RNNCell(input=np.ones((1, 2, 1)), recurrent=np.full((1, 2, 2), 5.0), hidden=RELU)
    growing = LSTM(layers=(Layer(forward=cell),), name="growing")
    assert np.isfinite(growing(np.ones((300, 1))).h).all()
    with pytest.raises(
        SimulationError, match="h of l0 must stay finite, got infinity or NaN in step 309: give smaller"
    ):
        growing(np.ones((2, 400, 1)))


def test_pre_activations_beyond_all_numbers_have_gates():
    cell = Cell(input=np.full((4, 1, 1), 1e200), recurrent=np.ones((4, 1, 1)))
    assert LSTM(layers=(Layer(forward=cell),), name="steep")([[1e200], [1e200]]).h.tolist() == [
        [np.tanh(1)],
        [np.tanh(2)],
    ]
