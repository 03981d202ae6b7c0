import numpy as np
import pytest

from lstm_analog.errors import InvalidTypeError, InvalidValueError
from lstm_analog.model import random_lstm


def test_weights_fill_the_interval_of_pytorch():
    lstm = random_lstm(np.random.default_rng(1), inputs=5, hidden=64, layers=2, scale=2.0, name="a")
    assert [(layer.input_size, layer.hidden_size) for layer in lstm.layers] == [(5, 64), (64, 64)]
    for cell in (layer.forward for layer in lstm.layers):
        for array in (cell.input, cell.recurrent, cell.bias):
            assert 0.9 * 2 / 8 < np.abs(array).max() <= 2 / 8
            assert abs(array.mean()) < 0.05


def test_same_seed_same_weights():
    one, same, other = (random_lstm(np.random.default_rng(seed), inputs=1, hidden=2).digest for seed in (1, 1, 2))
    assert one == same != other


def test_without_bias():
    assert random_lstm(np.random.default_rng(1), inputs=1, hidden=2, bias=False).layers[0].forward.bias is None


@pytest.mark.parametrize("what", ["inputs", "hidden", "layers"])
def test_sizes_must_be_positive(what):
    sizes = {"inputs": 1, "hidden": 2, what: 0}
    with pytest.raises(InvalidValueError, match=f"{what} must be at least 1, got 0: give"):
        random_lstm(np.random.default_rng(1), **sizes)


def test_a_seed_is_no_generator():
    text = r"^rng must be a numpy\.random\.Generator, got 3: give e\.g\. numpy\.random\.default_rng\(0\)$"
    with pytest.raises(InvalidTypeError, match=text):
        random_lstm(3, inputs=1, hidden=2)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"outputs": -1}, "outputs must be at least 0, got -1: give"),
        ({"hidden": 3000, "layers": 2, "bidirectional": True}, "weights must be at most .*, got 288024000"),
    ],
)
def test_sizes_that_no_memory_holds_or_below_zero_are_refused(more, text):
    with pytest.raises(InvalidValueError, match=text):
        random_lstm(np.random.default_rng(1), **{"inputs": 1, "hidden": 2, **more})


@pytest.mark.parametrize("scale", [-1.0, np.nan, np.inf])
def test_scale_must_be_a_size(scale):
    with pytest.raises(InvalidValueError, match=f"scale must be >= 0 and finite, got {scale}: give"):
        random_lstm(np.random.default_rng(1), inputs=1, hidden=2, scale=scale)
