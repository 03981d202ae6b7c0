"""Every form in numbers: unit by unit with Python's own floats, as the papers write it down."""

from dataclasses import replace
from math import exp, tanh

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedError
from lstm_analog.model import (
    HARD_SIGMOID,
    LINEAR,
    RELU,
    SIGMOID,
    SOFTPLUS,
    STEEP_HARD_SIGMOID,
    TANH,
    Activation,
    Cell,
    Curve,
    Form,
    Head,
    Layer,
    State,
    random_lstm,
)


def sigmoid(z):
    return 1.0 / (1.0 + exp(-z))


def dot(row, vector):
    return sum(float(w) * v for w, v in zip(row, vector, strict=True))


def lstm_step(cell, x, h, c):
    """One step, unit by unit; gates i, f, g, o, or f, g, o where coupled."""
    units, place = range(len(c)), {gate.letter: gate for gate in cell.gates}
    peeping = [gate.letter for gate in cell.gates if gate.letter != "g"]

    def z(letter, unit, seen):
        gate = place[letter]
        peep = 0.0 if cell.peephole is None else cell.peephole[peeping.index(letter)][unit] * seen
        return dot(cell.input[gate][unit], x) + dot(cell.recurrent[gate][unit], h) + cell.bias[gate][unit] + peep

    new_c, out = [], []
    for u in units:
        g = place["g"]
        candidate = tanh(dot(cell.input[g][u], x) + dot(cell.recurrent[g][u], h) + cell.bias[g][u])
        f = sigmoid(z("f", u, c[u]))
        i = 1.0 - f if cell.coupled else sigmoid(z("i", u, c[u]))
        new_c.append(f * c[u] + i * candidate)
        out.append(sigmoid(z("o", u, new_c[u])) * tanh(new_c[u]))
    return (out if cell.projection is None else [dot(row, out) for row in cell.projection]), new_c


def gru_step(cell, x, h, c):
    units = range(len(h))
    r, z = (
        [sigmoid(dot(cell.input[g][u], x) + dot(cell.recurrent[g][u], h) + cell.bias[g][u]) for u in units]
        for g in (0, 1)
    )
    reset = [r[u] * h[u] for u in units]
    new = []
    for u in units:
        if cell.reset_after:
            inner = r[u] * (dot(cell.recurrent[2][u], h) + cell.recurrent_bias[u])
        else:
            inner = dot(cell.recurrent[2][u], reset)
        new.append(tanh(dot(cell.input[2][u], x) + cell.bias[2][u] + inner))
    return [z[u] * h[u] + (1.0 - z[u]) * new[u] for u in units], c


def mgu_step(cell, x, h, c):
    units = range(len(h))
    f = [sigmoid(dot(cell.input[0][u], x) + dot(cell.recurrent[0][u], h) + cell.bias[0][u]) for u in units]
    kept = [f[u] * h[u] for u in units]
    new = [tanh(dot(cell.input[1][u], x) + dot(cell.recurrent[1][u], kept) + cell.bias[1][u]) for u in units]
    return [(1.0 - f[u]) * h[u] + f[u] * new[u] for u in units], c


def rnn_step(cell, x, h, c):
    return [tanh(dot(cell.input[0][u], x) + dot(cell.recurrent[0][u], h) + cell.bias[0][u]) for u in range(len(h))], c


STEPS = {Form.GRU: gru_step, Form.GRU_RESET_BEFORE: gru_step, Form.MGU: mgu_step, Form.RNN: rnn_step}


def by_hand(form, cell, x, h, c):
    """Return h after each step."""
    path = []
    for row in x.tolist():
        h, c = STEPS.get(form, lstm_step)(cell, row, h, c)
        path.append(h)
    return np.array(path), h, c


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("backward", [False, True])
def test_each_form_is_that_of_its_paper(form, backward):
    rng = np.random.default_rng(11)
    lstm = random_lstm(rng, 2, 3, scale=2.0, form=form)
    cell, x = lstm.layers[0].forward, rng.uniform(-1.0, 1.0, (4, 2))
    ((outputs, cells),) = lstm.state_sizes
    state = State(h=[rng.uniform(-1, 1, outputs)], c=[rng.uniform(-1, 1, cells)])
    if backward:
        lstm = replace(lstm, layers=(Layer(backward=cell),))
    path, h, c = by_hand(form, cell, x[::-1] if backward else x, state.h[0].tolist(), state.c[0].tolist())
    got = lstm(x, state)
    np.testing.assert_allclose(got.h, path[::-1] if backward else path, rtol=0, atol=1e-14)
    np.testing.assert_allclose(got.state.h[0], h, rtol=0, atol=1e-14)
    np.testing.assert_allclose(got.state.c[0], c, rtol=0, atol=1e-14)


@pytest.mark.parametrize("form", Form)
def test_lengths_are_what_the_sequences_alone_would_give(form):
    rng = np.random.default_rng(12)
    lstm = random_lstm(rng, 2, 3, layers=2, form=form, bidirectional=True, outputs=2)
    x, lengths = rng.uniform(-1.0, 1.0, (3, 5, 2)), [5, 1, 3]
    together = lstm(x, lengths=lengths)
    for number, length in enumerate(lengths):
        alone = lstm(x[number, :length])
        np.testing.assert_allclose(together.h[number, :length], alone.h, rtol=0, atol=1e-14)
        np.testing.assert_allclose(together.y[number, :length], alone.y, rtol=0, atol=1e-14)
        assert not together.h[number, length:].any()
        assert not together.y[number, length:].any()
        for ours, theirs in zip((*together.state.h, *together.state.c), (*alone.state.h, *alone.state.c), strict=True):
            np.testing.assert_allclose(ours[number], theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("form", Form)
def test_two_calls_are_one_long_call(form):
    rng = np.random.default_rng(13)
    lstm, x = random_lstm(rng, 2, 3, layers=2, form=form), rng.uniform(-1.0, 1.0, (3, 6, 2))
    first = lstm(x[:, :2])
    np.testing.assert_allclose(lstm(x[:, 2:], first.state).h, lstm(x).h[:, 2:], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (SIGMOID, [sigmoid(-4.0), sigmoid(-1.0), 0.5, sigmoid(2.0)]),
        (TANH, [tanh(-4.0), tanh(-1.0), 0.0, tanh(2.0)]),
        (HARD_SIGMOID, [0.0, 1.0 / 3.0, 0.5, 5.0 / 6.0]),
        (STEEP_HARD_SIGMOID, [0.0, 0.3, 0.5, 0.9]),
        (RELU, [0.0, 0.0, 0.0, 2.0]),
        (LINEAR, [-4.0, -1.0, 0.0, 2.0]),
        (SOFTPLUS, [np.log1p(exp(-4.0)), np.log1p(exp(-1.0)), np.log(2.0), np.log1p(exp(2.0))]),
        (Activation(curve=Curve.LINEAR, slope=2.0, offset=1.0), [-7.0, -1.0, 1.0, 5.0]),
    ],
)
def test_activations(activation, expected):
    np.testing.assert_allclose(activation(np.array([-4.0, -1.0, 0.0, 2.0])), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("activation", [SIGMOID, HARD_SIGMOID, replace(SIGMOID, slope=-2.0, offset=0.3), LINEAR])
def test_a_complement_is_one_less(activation):
    z = np.linspace(-5.0, 5.0, 21)
    np.testing.assert_allclose(activation.complement(z), 1.0 - activation(z), rtol=0, atol=1e-15)


@pytest.mark.parametrize("activation", [TANH, RELU, SOFTPLUS])
def test_what_has_no_complement_is_refused_where_one_is_needed(activation):
    with pytest.raises(
        UnsupportedError, match="must be a sigmoid, a hard sigmoid or linear where 1 - s is needed, got"
    ):
        _ = activation.complement
    lstm = random_lstm(np.random.default_rng(0), 1, 2, form=Form.GRU)
    with pytest.raises(UnsupportedError, match="1 - s is needed"):
        replace(lstm.layers[0].forward, gate=activation)


@pytest.mark.parametrize(
    ("form", "changes"),
    [
        (Form.LSTM, {"coupled": True}),
        (Form.PEEPHOLE, {"peephole": np.ones((2, 2))}),
        (Form.PROJECTED, {"projection": np.ones((2, 2))}),
        (Form.COUPLED, {"input": np.ones((4, 2, 1))}),
        (Form.GRU, {"recurrent": np.ones((3, 2, 3))}),
        (Form.GRU, {"recurrent_bias": np.ones(3)}),
        (Form.MGU, {"bias": np.ones((3, 2))}),
        (Form.RNN, {"recurrent": np.ones((2, 2, 2))}),
    ],
)
def test_shapes_that_do_not_fit_are_refused(form, changes):
    cell = random_lstm(np.random.default_rng(0), 1, 2, form=form).layers[0].forward
    with pytest.raises(InvalidShapeError, match=r"must have shape \("):
        replace(cell, **changes)


def test_layers_must_hold_cells():
    cell = random_lstm(np.random.default_rng(0), 1, 2).layers[0].forward
    other = random_lstm(np.random.default_rng(0), 2, 2).layers[0].forward
    with pytest.raises(InvalidValueError, match="layer must have a cell, got none: give forward, backward or both"):
        Layer()
    with pytest.raises(InvalidTypeError, match=r"layer must hold cells, got ndarray: give one of Cell, .*RNNCell"):
        Layer(forward=np.ones(3))
    with pytest.raises(
        InvalidShapeError, match=r"inputs of a layer must be the same forward and backward, got \[1, 2\]"
    ):
        Layer(forward=cell, backward=other)
    with pytest.raises(InvalidTypeError, match=r"cell hidden must be an Activation, got 'relu': give e.g. model\.TANH"):
        replace(cell, hidden="relu")
    with pytest.raises(InvalidValueError, match="activation offset must be finite, got 1000"):
        Activation(curve=Curve.TANH, offset=10**400)
    with pytest.raises(InvalidValueError, match="activation slope must be finite, got nan: give a finite number"):
        replace(SIGMOID, slope=float("nan"))


def test_the_digest_tells_every_field():
    """Each field of each kind of cell, the direction and the head: no two of these have one digest."""
    rng = np.random.default_rng(0)
    base = random_lstm(rng, 2, 2)
    cell, array = base.layers[0].forward, np.ones((3, 2))
    made = [
        base,
        replace(base, layers=(Layer(backward=cell),)),
        replace(base, layers=(Layer(forward=cell, backward=cell),)),
    ]
    made += [replace(base, layers=(Layer(forward=replace(cell, peephole=array * k)),)) for k in (1.0, 2.0)]
    made += [
        replace(base, layers=(Layer(forward=replace(cell, **{name: RELU})),))
        for name in ("gate", "candidate", "hidden")
    ]
    made += [replace(base, layers=(Layer(forward=replace(cell, projection=np.eye(2) * k)),)) for k in (1.0, 2.0)]
    coupled = {name: getattr(cell, name)[:3] for name in ("input", "recurrent", "bias")}
    made += [replace(base, layers=(Layer(forward=Cell(coupled=True, **coupled)),))]
    for form in (Form.GRU, Form.GRU_RESET_BEFORE, Form.MGU):
        lstm = random_lstm(np.random.default_rng(1), 2, 2, form=form)
        made += [lstm, replace(lstm, layers=(Layer(forward=replace(lstm.layers[0].forward, gate=HARD_SIGMOID)),))]
    lstm = random_lstm(np.random.default_rng(1), 2, 2, form=Form.RNN)
    made += [lstm, replace(lstm, layers=(Layer(forward=replace(lstm.layers[0].forward, hidden=RELU)),))]
    made += [
        replace(base, head=Head(weights=np.ones((1, 2)), bias=bias, final=final))
        for bias in (None, [0.5])
        for final in (False, True)
    ]
    digests = [lstm.digest for lstm in made]
    assert len(set(digests)) == len(digests)
