from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError
from lstm_analog.model import Cell, Gate, Layer


def cell(inputs=2, hidden=3):
    return Cell(input=np.ones((4, hidden, inputs)), recurrent=np.ones((4, hidden, hidden)), bias=np.ones((4, hidden)))


def test_sizes():
    assert (cell().input_size, cell().hidden_size) == (2, 3)
    assert (Layer(forward=cell()).input_size, Layer(forward=cell()).hidden_size) == (2, 3)


def test_the_order_of_gates_is_that_of_pytorch():
    assert [gate.letter for gate in sorted(Gate)] == ["i", "f", "g", "o"]
    assert [Gate.INPUT, Gate.FORGET, Gate.CELL, Gate.OUTPUT] == [0, 1, 2, 3]


def test_arrays_are_float64_and_read_only():
    made = Cell(input=np.ones((4, 3, 2), np.float32), recurrent=np.ones((4, 3, 3), int))
    assert made.input.dtype == made.recurrent.dtype == np.float64
    assert made.bias is None
    with pytest.raises(ValueError, match="read-only"):
        made.input[0] = 0
    with pytest.raises(FrozenInstanceError):
        made.bias = None


def test_caller_keeps_no_hold_of_the_weights():
    mine = np.ones((4, 3, 2))
    made = replace(cell(), input=mine)
    mine[:] = 7
    assert (made.input == 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input": np.ones((3, 3, 2))}, r"cell input must have shape \(4, H, D\), got shape \(3, 3, 2\): give"),
        ({"input": np.ones((12, 2))}, r"cell input must have shape \(4, H, D\), got shape \(12, 2\)"),
        ({"input": np.ones((4, 0, 2))}, r"cell input must have shape \(4, H, D\), got shape \(4, 0, 2\)"),
        ({"input": np.ones((4, 3, 0))}, r"cell input must have shape \(4, H, D\), got shape \(4, 3, 0\)"),
        ({"recurrent": np.ones((4, 3, 2))}, r"cell recurrent must have shape \(4, 3, 3\), got shape \(4, 3, 2\)"),
        ({"bias": np.ones((4, 1))}, r"cell bias must have shape \(4, 3\), got shape \(4, 1\)"),
        ({"bias": np.ones(12)}, r"cell bias must have shape \(4, 3\), got shape \(12,\)"),
    ],
)
def test_wrong_shapes_say_expected_and_got(change, message):
    with pytest.raises(InvalidShapeError, match=message):
        replace(cell(), **change)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_must_be_finite(value):
    bad = np.ones((4, 3))
    bad[2, 1] = value
    with pytest.raises(InvalidValueError, match=rf"cell bias must be finite, got {value} at index \(2, 1\)"):
        replace(cell(), bias=bad)


@pytest.mark.parametrize(("value", "got"), [(np.ones((4, 3, 2), np.float16), "float16"), (None, "object")])
def test_half_precision_and_none_are_refused(value, got):
    with pytest.raises(InvalidTypeError, match=f"cell input must hold float32, float64 or integer numbers, got {got}"):
        replace(cell(), input=value)
