import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save as serialize

from lstm_analog.errors import FileAccessError, FileFormatError, InvalidValueError
from lstm_analog.model import load, random_lstm, save


def tensors(inputs=2, hidden=3, layers=1, dtype=np.float64):
    made = {}
    for n in range(layers):
        shapes = {"weight_ih": (4 * hidden, hidden if n else inputs), "weight_hh": (4 * hidden, hidden)}
        for name, shape in (shapes | {"bias_ih": (4 * hidden,), "bias_hh": (4 * hidden,)}).items():
            made[f"{name}_l{n}"] = np.arange(np.prod(shape), dtype=dtype).reshape(shape) / 64
    return made


@pytest.fixture
def write(tmp_path):
    def written(arrays, metadata=None, name="file.safetensors"):
        path = tmp_path / name
        path.write_bytes(arrays if isinstance(arrays, bytes) else serialize(arrays, metadata))
        return path

    return written


def test_saved_bias_is_in_bias_ih(tmp_path):
    from safetensors.numpy import load_file

    lstm = random_lstm(np.random.default_rng(1), inputs=2, hidden=5)
    save(lstm, tmp_path / "a.safetensors")
    saved = load_file(tmp_path / "a.safetensors")
    assert {name: array.shape for name, array in saved.items()} == {
        "weight_ih_l0": (20, 2),
        "weight_hh_l0": (20, 5),
        "bias_ih_l0": (20,),
        "bias_hh_l0": (20,),
    }
    np.testing.assert_array_equal(saved["bias_ih_l0"], lstm.layers[0].forward.bias.reshape(-1))
    assert not saved["bias_hh_l0"].any()


def test_gates_and_biases_land_where_they_belong(write):
    arrays = tensors()
    cell = load(write(arrays)).layers[0].forward
    for gate in range(4):
        rows = slice(3 * gate, 3 * gate + 3)
        np.testing.assert_array_equal(cell.input[gate], arrays["weight_ih_l0"][rows])
        np.testing.assert_array_equal(cell.recurrent[gate], arrays["weight_hh_l0"][rows])
        np.testing.assert_array_equal(cell.bias[gate], arrays["bias_ih_l0"][rows] + arrays["bias_hh_l0"][rows])


def test_float32_biases_are_added_in_float64(write):
    arrays = tensors(dtype=np.float32)
    arrays["bias_ih_l0"][0], arrays["bias_hh_l0"][0] = 1.0, 2.0**-40
    assert load(write(arrays)).layers[0].forward.bias[0, 0] == 1.0 + 2.0**-40


@pytest.mark.parametrize("prefix", ["lstm.", "model.rnn.", "module.a-b."])
def test_a_common_prefix_is_taken(write, prefix):
    arrays = tensors(layers=2)
    prefixed = {prefix + name: array for name, array in arrays.items()}
    assert load(write(prefixed)).digest == load(write(arrays)).digest


@pytest.mark.parametrize(
    ("metadata", "file", "name"),
    [
        (None, "my model (2).safetensors", "my_model__2_"),
        ({"format": "pt"}, "a.safetensors", "a"),
        ({"name": "airline"}, "a.safetensors", "airline"),
        (None, "é" * 100 + ".safetensors", "_" * 64),
        ({"name": "../../my model"}, "a.safetensors", ".._.._my_model"),
        ({"name": ""}, "a.safetensors", "a"),
    ],
)
def test_named_after_metadata_or_file(write, metadata, file, name):
    assert load(write(tensors(), metadata, name=file)).name == name


def without(*names):
    return {name: array for name, array in tensors(layers=2).items() if name not in names}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("weight_ih_l1"), "layer 1 must have both weight_ih and weight_hh, got no weight_ih: save"),
        (without("weight_hh_l0"), "layer 0 must have both weight_ih and weight_hh, got no weight_hh: save"),
        (without("weight_ih_l0", "weight_hh_l0"), "layer 0 must have both .*, got no weight_ih and no weight_hh: save"),
        (without("bias_ih_l0"), "layer 0 must have both bias_ih and bias_hh, got no bias_ih: save"),
        (without("bias_hh_l1"), "layer 1 must have both bias_ih and bias_hh, got no bias_hh: save"),
        (
            {name: array for name, array in tensors(layers=2).items() if name.endswith("l1")},
            r"layers must be numbered from 0 without gaps, got \[1\]: save",
        ),
        (
            tensors() | {"weight_ih_l999999": np.ones((12, 2)), "weight_hh_l999999": np.ones((12, 3))},
            r"layers must be numbered from 0 without gaps, got \[0, 999999\]",
        ),
        (
            tensors() | {"norm.weight": np.ones((1, 3))},
            "belong to the recurrent module or to a linear .* got 'norm.weight'",
        ),
        (
            tensors() | {"weight_ih_l00": np.ones((1, 3))},
            "clearly follows it, got 'weight_ih_l00': train one without 'weight_ih_l00'",
        ),
        (tensors() | {"xweight_ih_l0": np.ones((1, 3))}, "clearly follows it, got 'xweight_ih_l0': train one without"),
        (
            tensors() | {"head.weight": np.ones((1, 4))},
            "clearly follows it, got 'head.weight': take a recurrent part alone, only=''$",
        ),
        (tensors() | {"head.weight": np.ones((1, 3)), "fc.weight": np.ones((1, 3))}, "got 'fc.weight', 'head.weight'"),
        (
            {f"w{n:02}": np.ones((1, 3)) for n in range(10)},
            "tensors must hold a recurrent module, got 'w00', .* 'w07' and 2 more: save",
        ),
        ({}, "tensors must hold a recurrent module, got none: save"),
        (
            tensors() | {"lstm.weight_ih_l1": np.ones((12, 3)), "lstm.weight_hh_l1": np.ones((12, 3))},
            "recurrent modules must be one, or be chosen, got '', 'lstm': say which",
        ),
        (
            tensors() | {"weight_hh": np.ones((12, 3))},
            "must be there once, got an LSTM's and a cell's: save one module a prefix",
        ),
        (
            tensors() | {"weight_ih_l0": np.ones((13, 2))},
            r"weight_ih of layer 0 must have shape \(12, 2\), got shape \(13, 2\): weight_hh says LSTM of 3 units",
        ),
        (tensors() | {"weight_ih_l0": np.ones(12)}, r"tensor 'weight_ih_l0' must have two axes .*, got shape \(12,\)"),
        (
            tensors() | {"weight_hh_l0": np.ones((12, 5))},
            r"weight_hh of layer 0 must have 4 rows a unit \(LSTM\), 3 \(GRU\) or 1 \(RNN\), got 12 rows of 5 units",
        ),
        (
            tensors() | {"bias_hh_l0": np.ones((12, 1))},
            r"tensor 'bias_hh_l0' must have one axis and no empty one, got shape \(12, 1\)",
        ),
        (tensors() | {"bias_hh_l0": np.ones(11)}, r"bias_hh of layer 0 must have shape \(12,\), got shape \(11,\)"),
        (tensors() | {"weight_ih_l0": np.ones((12, 0))}, r"must have two axes and no empty one, got shape \(12, 0\)"),
        (
            tensors() | {"weight_hr_l0": np.ones((3, 4))},
            r"weight_hh of layer 0 must have shape|weight_ih of layer 0|rows",
        ),
        (
            tensors() | {"bias_ih_l0": np.full(12, np.nan)},
            "tensor 'bias_ih_l0' must be finite, got NaN or infinity: train",
        ),
        (
            tensors() | {"bias_ih_l0": np.full(12, np.inf, np.float32)},
            "tensor 'bias_ih_l0' must be finite, got NaN or infinity: train",
        ),
        (
            tensors() | {"bias_ih_l0": np.ones(12, int)},
            "'bias_ih_l0' must be float16, bfloat16, .*, got int64: convert",
        ),
        (
            tensors() | {"bias_ih_l0": np.ones(12, bool)},
            "'bias_ih_l0' must be float16, bfloat16, .*, got bool: convert",
        ),
        (
            {name.replace("l0", "l0_reverse"): array for name, array in tensors().items()},
            "layer 0 must have a forward direction, got only a reverse: save both",
        ),
    ],
)
def test_refused_by_name(write, arrays, message):
    with pytest.raises(FileFormatError, match=message):
        load(write(arrays))


def test_one_row_a_unit_is_a_plain_rnn_of_tanh(write):
    inputs, recurrent = np.array([[0.5], [-1.0]]), np.array([[0.1, 0.2], [-0.3, 0.4]])
    first = np.tanh(inputs[:, 0] * 0.7)
    rnn = load(write({"weight_ih_l0": inputs, "weight_hh_l0": recurrent}))
    expected = [first, np.tanh(inputs[:, 0] * -0.2 + recurrent @ first)]
    np.testing.assert_allclose(rnn([[0.7], [-0.2]]).h, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["head", "fc", "model.classifier", "out_1"])
def test_a_linear_layer_that_clearly_follows_is_the_head(write, name):
    head = {f"{name}.weight": np.ones((2, 3)), f"{name}.bias": np.arange(2.0)}
    lstm = load(write({f"lstm.{key}": array for key, array in tensors().items()} | head))
    np.testing.assert_array_equal(lstm.head.weights, head[f"{name}.weight"])
    np.testing.assert_array_equal(lstm.head.bias, head[f"{name}.bias"])
    alone = load(write({f"lstm.{key}": array for key, array in tensors().items()} | head), only="lstm")
    assert alone.head is None


def test_only_says_what_follows_what(write):
    first = {f"a.{key}": array for key, array in tensors().items()}
    second = {f"b.{key}": array for key, array in tensors(inputs=3).items()}
    path = write(first | second | {"c.weight": np.ones((1, 3)), "norm.weight": np.ones(3)})
    lstm = load(path, only=("a", "b", "c"))
    assert (lstm.sizes, lstm.head.output_size) == ((3, 3), 1)
    with pytest.raises(FileFormatError, match="only must end with the linear layer, got 'c': name the recurrent"):
        load(path, only=("a", "c", "b"))
    with pytest.raises(InvalidValueError, match=r"only must name modules of the file, a recurrent one .* got 'c'"):
        load(path, only="c")


def test_biases_whose_sum_overflows_are_refused(write):
    most = np.full(12, np.finfo(float).max)
    with pytest.raises(InvalidValueError, match="cell bias must be finite, got inf"):
        load(write(tensors() | {"bias_ih_l0": most, "bias_hh_l0": most}))


def test_a_metadata_of_null_is_none(write):
    arrays = serialize(tensors())
    length = struct.unpack("<Q", arrays[:8])[0]
    described = json.dumps(json.loads(arrays[8 : 8 + length]) | {"__metadata__": None}).encode()
    try:
        assert load(write(struct.pack("<Q", len(described)) + described + arrays[8 + length :])).name == "file"
    except FileFormatError as error:
        assert "content must be in safetensors format" in str(error)  # noqa: PT017


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileAccessError, match=r"file '.*none\.safetensors' must be readable, got No such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(FileAccessError, match="must be writable"):
        save(random_lstm(np.random.default_rng(1), inputs=1, hidden=1), tmp_path / "no" / "a.safetensors")
