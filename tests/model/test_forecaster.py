from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file
from safetensors.numpy import save as serialize

from lstm_analog.errors import FileFormatError, InvalidShapeError, InvalidValueError
from lstm_analog.model import Forecaster, Form, load, load_forecaster, random_lstm, save_forecaster

WORDS = {"name": "a", "offset": "0.1", "scale": "2.5", "unit": "people"}


@pytest.fixture
def forecaster():
    return Forecaster(
        lstm=random_lstm(np.random.default_rng(1), inputs=1, hidden=3, layers=2, name="a"),
        head_weight=[[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]],
        head_bias=[0.5, -0.5],
        offset=0.1,
        scale=2.5,
        unit="people",
    )


def test_encode_and_decode_by_hand(forecaster):
    np.testing.assert_allclose(forecaster.encode([0.1, 2.6, -2.4]), [[0], [1], [-1]], atol=1e-15)
    h = np.zeros((5, 7, 3))
    h[..., 2] = 1.0
    forecast = forecaster.decode(h)
    assert forecast.shape == (5, 7, 2)
    np.testing.assert_allclose(forecast[4, 6], [0.1 + 2.5 * 3.5, 0.1 + 2.5 * 0.5])


def test_round_trip_is_exact(forecaster, tmp_path):
    save_forecaster(forecaster, tmp_path / "b.safetensors")
    again = load_forecaster(tmp_path / "b.safetensors")
    assert (again.lstm.name, again.lstm.digest) == ("a", forecaster.lstm.digest)
    assert (again.offset, again.scale, again.unit) == (0.1, 2.5, "people")
    np.testing.assert_array_equal(again.head_weight, forecaster.head_weight)
    np.testing.assert_array_equal(again.head_bias, forecaster.head_bias)


@pytest.mark.parametrize("form", Form)
def test_a_forecaster_of_any_form_is_read_back(tmp_path, form):
    lstm = random_lstm(np.random.default_rng(2), inputs=1, hidden=3, form=form)
    head = np.ones((1, lstm.output_size))
    made = Forecaster(lstm=lstm, head_weight=head, head_bias=[0.25], offset=1.0, scale=2.0, unit="K")
    save_forecaster(made, tmp_path / "a.safetensors")
    again = load_forecaster(tmp_path / "a.safetensors")
    assert (again.lstm.digest, again.whole.digest) == (lstm.digest, made.whole.digest)
    assert load(tmp_path / "a.safetensors").digest == made.whole.digest


def test_a_forecaster_with_a_second_linear_layer_is_refused(forecaster, tmp_path):
    save_forecaster(forecaster, tmp_path / "b.safetensors")
    arrays = load_file(tmp_path / "b.safetensors") | {"fc.weight": np.ones((2, 2)), "fc.bias": np.ones(2)}
    (tmp_path / "b.safetensors").write_bytes(serialize(arrays, WORDS))
    with pytest.raises(FileFormatError, match=r"tensors must belong to .*got 'fc\.bias', 'fc\.weight', 'head"):
        load_forecaster(tmp_path / "b.safetensors")


def test_the_lstm_of_a_forecaster_has_no_head_of_its_own(forecaster):
    with pytest.raises(InvalidValueError, match="lstm must have no head, got one: give its weights and bias"):
        replace(forecaster, lstm=forecaster.whole)


def test_a_forecaster_loads_as_an_lstm_with_a_head_and_not_the_reverse(forecaster, tmp_path):
    path = tmp_path / "b.safetensors"
    save_forecaster(forecaster, path)
    np.testing.assert_array_equal(load(path).head.weights, forecaster.head_weight)
    arrays = {name: array for name, array in load_file(path).items() if not name.startswith("head")}
    path.write_bytes(serialize(arrays, WORDS))
    with pytest.raises(FileFormatError, match="head must be a linear read-out with a bias, got none: use load"):
        load_forecaster(path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"offset": "1", "scale": "2"}, r"metadata must have 'unit', got \['offset', 'scale'\]: save"),
        (WORDS | {"offset": "ten"}, "metadata 'offset' must be a number, got 'ten': save"),
        (WORDS | {"offset": "nan"}, "offset must be finite, got nan: give"),
        (WORDS | {"scale": "inf"}, "scale must be positive and finite, got inf: give"),
        (WORDS | {"scale": "0"}, r"scale must be positive and finite, got 0\.0: give"),
    ],
)
def test_bad_metadata(forecaster, tmp_path, words, message):
    path = tmp_path / "b.safetensors"
    save_forecaster(forecaster, path)
    path.write_bytes(serialize(load_file(path), words))
    with pytest.raises((FileFormatError, InvalidValueError), match=message):
        load_forecaster(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head_weight": np.ones((2, 4))}, r"head_weight must have shape \(2, 3\), got shape \(2, 4\)"),
        ({"head_bias": np.ones((2, 1))}, r"head_bias must have shape \(outputs,\), got shape \(2, 1\)"),
        ({"head_bias": []}, r"head_bias must have shape \(outputs,\), got shape \(0,\)"),
        ({"lstm": random_lstm(np.random.default_rng(1), inputs=2, hidden=3)}, "inputs of the LSTM must be 1, got 2: "),
    ],
)
def test_the_head_must_fit(forecaster, change, message):
    with pytest.raises(InvalidShapeError, match=message):
        replace(forecaster, **change)


def test_bad_series(forecaster):
    with pytest.raises(InvalidShapeError, match=r"values must have shape \(time,\), got shape \(3, 1\)"):
        forecaster.encode(np.ones((3, 1)))
    with pytest.raises(InvalidValueError, match="values must be finite, got nan"):
        forecaster.encode([1.0, np.nan])
    with pytest.raises(InvalidShapeError, match=r"h must have 3 units on its last axis, got shape \(5, 2\): give"):
        forecaster.decode(np.ones((5, 2)))
