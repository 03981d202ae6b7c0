"""Expressions: what simplifies, derivatives against finite differences and at kinks, programs against plain Python."""

import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from lstm_analog.expressions import (
    LINE,
    Op,
    Program,
    absolute,
    adding,
    beyond,
    clip,
    constant,
    derivative,
    effort,
    exp,
    let,
    log1p,
    make,
    maximum,
    minimum,
    number,
    parameter,
    putting,
    reading,
    shared,
    sigmoid,
    sign,
    softplus,
    softplus_ratio,
    spread,
    sqrt,
    substituted,
    symbols,
    tanh,
    where,
)
from lstm_analog.expressions.languages import JAVASCRIPT, written

X, Y, A, B = effort("x"), effort("y"), parameter("a"), parameter("b")


def value(node, **known):
    return float(Program([node]).bound(known)({name: np.asarray(each) for name, each in known.items()}.__getitem__)[0])


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (X + 0.0, X),
        (X * 1.0, X),
        (X * 0.0, number(0.0)),
        (-1.0 * (-1.0 * X), X),
        (X / 1.0, X),
        (0.0 / X, number(0.0)),
        (X / math.inf, number(0.0)),
        (math.inf / A, number(math.inf)),
        (X * A / A, X),
        (X / (1.0 / A), X * A),
        (X * (1.0 / A), X / A),
        (minimum(X, math.inf), X),
        (maximum(-math.inf, X), X),
        (minimum(X, -math.inf), number(-math.inf)),
        (clip(X, -math.inf, math.inf), X),
        (beyond(X, number(0.0)), X),
        (beyond(X, number(math.inf)), number(0.0)),
        (where(X, math.inf, A, B), A),
        (where(X, Y, A, A), A),
        (tanh(number(0.0)), number(0.0)),
        (let("u", X), X),
        (let("u", let("v", X + Y)), let("v", X + Y)),
        (substituted(LINE * X + (1.0 - LINE) * Y, {LINE: number(0.0)}), Y),
    ],
)
def test_what_changes_nothing_falls_away(made, expected):
    assert made == expected
    assert hash(made) == hash(expected)


def test_symbols_are_what_it_depends_on():
    assert symbols(tanh(A * X) + LINE) == {A, X, LINE}
    assert symbols(A * X - A * X + number(1.0)) >= {A, X}


SMOOTH = {
    "quotient": (X * A + 1.0) / (Y * Y + 2.0),
    "tanh": A * tanh(X * Y),
    "exp": exp(0.3 * X - Y),
    "log1p": log1p(exp(X)),
    "sqrt": sqrt(1.0 + X * X),
    "sigmoid": sigmoid(X + A),
    "softplus": softplus(X * Y),
    "ratio": softplus_ratio(2.0 * X - A),
    "beyond": beyond(X, number(0.3)) * Y,
    "absolute": absolute(X - 0.123) * Y,
    "extremes": minimum(X, Y) * maximum(X * X, A),
    "where": where(X, Y, X * Y, X - Y),
    "let": let("u", X * Y) * let("u", X * Y),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("by", [X, Y, A], ids=lambda each: each.name)
def test_derivatives_are_those_of_finite_differences(name, by):
    rng, node = np.random.default_rng(7), SMOOTH[name]
    for _ in range(20):
        at = {key: rng.uniform(-1.2, 1.2) for key in "xya"}
        ahead, back = ({**at, by.name: at[by.name] + step} for step in (1e-6, -1e-6))
        numeric = (value(node, **ahead) - value(node, **back)) / 2e-6
        assert value(derivative(node, by), **at) == pytest.approx(numeric, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(
    ("node", "at", "slope"),
    [
        (softplus(X), 0.0, 0.5),
        (softplus_ratio(X), 0.0, 1.0 - math.log(2.0)),
        (absolute(X), 0.0, 0.0),
        (sign(X), 0.0, 0.0),
        (minimum(maximum(X, 0.0), 1.0), 0.0, 0.0),
        (minimum(maximum(X, 0.0), 1.0), 1.0, 0.0),
        (clip(X, number(0.0), number(1.0)), 1.0, 1.0),
        (clip(X, number(0.0), number(1.0)), 0.0, 1.0),
        (beyond(X, number(1.0)), 1.0, 0.0),
    ],
)
def test_a_kink_has_the_slope_that_is_stated(node, at, slope):
    assert value(derivative(node, X), x=at) == pytest.approx(slope, abs=1e-15)


def test_common_parts_are_computed_once_and_parameters_when_bound():
    counted = []

    class Counting(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            counted.append(ufunc.__name__)
            plain = [each.view(np.ndarray) if isinstance(each, np.ndarray) else each for each in inputs]
            return getattr(ufunc, method)(*plain, **kwargs).view(Counting)

    common = tanh(X * (A * B))
    program = Program([common + 1.0, common * common]).bound({"a": np.ones(3), "b": np.full(3, 2.0)})
    outputs = program({"x": np.linspace(0.0, 1.0, 3).view(Counting)}.__getitem__)
    assert sorted(counted) == ["add", "multiply", "multiply", "tanh"]
    np.testing.assert_allclose(np.asarray(outputs[1]), np.tanh(2.0 * np.linspace(0.0, 1.0, 3)) ** 2, rtol=1e-15)


def test_a_named_function_is_a_unit_in_a_sum():
    """x - clip(x) is exactly 0 within, whatever is added to it."""
    node = beyond(X, number(1.0)) + beyond(1e-17 * X, A)
    assert value(node, x=0.7, a=1.0) == 0.0
    assert node.op is Op.ADD
    assert constant(node) is None


def test_calls_write_what_a_program_returns():
    """Also where an output is read again, is the branch of a condition, an effort as it is, or a number."""
    rng = np.random.default_rng(5)
    arrays = {"x": rng.uniform(-2, 2, 7), "y": rng.uniform(-2, 2, 7), "a": rng.uniform(1, 2, 7)}
    product = X * Y
    nodes = [
        product,
        tanh(product) + exp(X) * sqrt(1.0 + Y * Y) * absolute(product - A),
        where(X, Y, product * A, product + A),
        where(X * X, Y * Y, X + Y, X - Y) * where(Y, A, X, X * X),
        X,
        number(2.0),
        A,
        product,
    ]
    program = Program(nodes).bound(arrays)
    outs = [np.full(7, np.nan) for _ in nodes]
    calls = program.writing({name: arrays[name] for name in "xy"}, outs)
    for _ in range(2):
        for call in calls:
            call()
        for got, expected in zip(outs, program(arrays.__getitem__), strict=True):
            np.testing.assert_array_equal(got, np.broadcast_to(expected, got.shape))


def test_what_occurs_more_than_once_is_named_once():
    both = softplus(X * A)
    outputs = [both * exp(X), both + exp(X), derivative(both, X), let("u", exp(X) * Y)]
    made = shared(outputs)
    lets, texts = written(made, JAVASCRIPT)
    whole = " ".join([*lets.values(), *texts])
    assert whole.count("Math.exp(x)") == 1
    assert whole.count("Math.log1p") == 1
    for before, after in zip(outputs, made, strict=True):
        assert value(after, x=0.3, y=-0.7, a=1.9) == pytest.approx(value(before, x=0.3, y=-0.7, a=1.9), rel=1e-14)


def test_what_occurs_once_is_not_named():
    assert shared([X * A + Y]) == (X * A + Y,)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("places", [slice(1, 3), np.array([3, 0])], ids=["neighbours", "apart"])
def test_places_are_read_written_and_added_to_whatever_the_order_of_memory(order, places):
    """With the batch innermost, too, where gathering goes along the last axis but one; results keep that order."""
    values = np.array(np.arange(12.0).reshape(3, 4), order=order)
    found, fetching = reading(values, places)
    make(fetching)
    np.testing.assert_array_equal(found, np.arange(12.0).reshape(3, 4)[:, places])
    assert found.flags[f"{order}_CONTIGUOUS"] or isinstance(places, slice)
    more, flow = values.copy(order="K"), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], order=order)
    adding(more, places, flow)()
    np.testing.assert_array_equal(more[:, places], values[:, places] + flow)
    putting(more, places, flow)()
    np.testing.assert_array_equal(more[:, places], flow)
    np.testing.assert_array_equal(np.delete(more, places, axis=1), np.delete(values, places, axis=1))


def test_a_constant_is_spread_in_the_type_and_order_of_the_results():
    results = np.empty((3, 4), dtype=np.float32, order="F")
    constant_row = spread(np.arange(4.0), results)
    np.testing.assert_array_equal(constant_row, np.broadcast_to(np.arange(4.0), (3, 4)))
    assert constant_row.dtype == np.float32
    assert constant_row.strides == results.strides


def test_an_expression_of_another_process_is_the_same_here():
    """Hashes of names differ from process to process."""
    made = let("u", exp(parameter("g") * effort("a"))) + 1.0
    code = "import pickle, sys; from lstm_analog.expressions import *; sys.stdout.buffer.write(pickle.dumps("
    code += "let('u', exp(parameter('g') * effort('a'))) + 1.0))"
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    found = pickle.loads(
        subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True).stdout
    )
    assert found == made
    assert {made: 3}[found] == 3
