import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as serialize

from lstm_analog.errors import FileAccessError, FileFormatError, InvalidValueError, LstmAnalogError, UnsupportedError
from lstm_analog.model import load, random_lstm, save

GOLDEN = Path(__file__).parent / "golden"


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


def header(tensors_described, data=b""):
    text = json.dumps(tensors_described).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 3])
def test_round_trip_is_exact(tmp_path, bias, layers):
    lstm = random_lstm(np.random.default_rng(1), inputs=2, hidden=5, layers=layers, bias=bias, name="kept.name")
    save(lstm, tmp_path / "other.safetensors")
    again = load(tmp_path / "other.safetensors")
    assert (again.name, again.digest) == ("kept.name", lstm.digest)
    for ours, theirs in zip(lstm.layers, again.layers, strict=True):
        for part in ("input", "recurrent") + ("bias",) * bias:
            np.testing.assert_array_equal(getattr(ours.forward, part), getattr(theirs.forward, part))
        assert (theirs.forward.bias is None) is not bias


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
    ],
)
def test_named_after_metadata_or_file(write, metadata, file, name):
    assert load(write(tensors(), metadata, name=file)).name == name


def test_a_hostile_name_is_refused(write):
    with pytest.raises(InvalidValueError, match="name must be 1 to 64 of the characters"):
        load(write(tensors(), {"name": "../../etc"}))


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
        (tensors() | {"head.weight": np.ones((1, 3))}, "tensors must all belong to one LSTM, got 'head.weight': save"),
        (tensors() | {"weight_ih_l00": np.ones((1, 3))}, "tensors must all belong to one LSTM, got 'weight_ih_l00'"),
        (tensors() | {"xweight_ih_l0": np.ones((1, 3))}, "tensors must all belong to one LSTM, got 'xweight_ih_l0'"),
        (tensors() | {"weight_ci_l0": np.ones((1, 3))}, "tensors must all belong to one LSTM, got 'weight_ci_l0'"),
        (
            {f"w{n:02}": np.ones((1, 3)) for n in range(10)},
            "got 'w00', 'w01', 'w02', 'w03', 'w04', 'w05', 'w06', 'w07' and 2 more: save",
        ),
        ({}, "tensors must all belong to one LSTM, got none: save"),
        (
            tensors() | {"lstm.weight_ih_l1": np.ones((12, 3)), "lstm.weight_hh_l1": np.ones((12, 3))},
            "tensors must share one prefix, got '', 'lstm.': save one LSTM a file",
        ),
        (
            tensors() | {"weight_ih_l0": np.ones((13, 2))},
            r"weight_ih of layer 0 must have shape \(12, 2\), got shape \(13, 2\): weight_hh says 3 units",
        ),
        (
            tensors() | {"weight_ih_l0": np.ones(12)},
            r"weight_ih of layer 0 must have shape \(12, 12\), got shape \(12,\)",
        ),
        (
            tensors() | {"weight_hh_l0": np.ones((12, 4))},
            r"weight_hh of layer 0 must have shape \(16, 4\), got shape \(12, 4\)",
        ),
        (
            tensors() | {"bias_hh_l0": np.ones((12, 1))},
            r"bias_hh of layer 0 must have shape \(12,\), got shape \(12, 1\)",
        ),
        (
            tensors() | {"bias_hh_l0": np.ones((4, 3, 1))},
            r"tensor 'bias_hh_l0' must have one or two axes and no empty one, got shape \(4, 3, 1\): save",
        ),
        (
            tensors() | {"weight_ih_l0": np.ones((12, 0))},
            r"tensor 'weight_ih_l0' must have one or two axes and no empty one, got shape \(12, 0\)",
        ),
        (
            tensors() | {"bias_ih_l0": np.full(12, np.nan)},
            "tensor 'bias_ih_l0' must be finite, got NaN or infinity: train",
        ),
        (
            tensors() | {"bias_ih_l0": np.full(12, np.inf, np.float32)},
            "tensor 'bias_ih_l0' must be finite, got NaN or infinity: train",
        ),
        (tensors(dtype=np.float16), "tensor '.*' must be float32 or float64, got F16: convert"),
        (tensors() | {"bias_ih_l0": np.ones(12, int)}, "tensor 'bias_ih_l0' must be float32 or float64, got I64"),
        (tensors() | {"bias_ih_l0": np.ones(12, bool)}, "tensor 'bias_ih_l0' must be float32 or float64, got BOOL"),
    ],
)
def test_refused_by_name(write, arrays, message):
    with pytest.raises(FileFormatError, match=message):
        load(write(arrays))


@pytest.mark.parametrize("name", ["weight_hr_l0", "weight_ih_l0_reverse", "lstm.bias_hh_l1_reverse"])
def test_not_supported_yet(write, name):
    with pytest.raises(UnsupportedError, match=f"got '{name}': projections and .* are not supported yet"):
        load(write(tensors() | {name: np.ones((3, 3))}))


def test_layers_must_chain(write):
    arrays = tensors(layers=2) | {"weight_ih_l1": np.ones((12, 5))}
    with pytest.raises(LstmAnalogError, match="inputs of layer 1 must be 3, the outputs of the layer below, got 5"):
        load(write(arrays))


def test_biases_whose_sum_overflows_are_refused(write):
    most = np.full(12, np.finfo(float).max)
    with pytest.raises(InvalidValueError, match="cell bias must be finite, got inf"):
        load(write(tensors() | {"bias_ih_l0": most, "bias_hh_l0": most}))


def test_bfloat16_is_refused(write):
    described = {"weight_ih_l0": {"dtype": "BF16", "shape": [4, 1], "data_offsets": [0, 8]}}
    with pytest.raises(FileFormatError, match="tensor 'weight_ih_l0' must be float32 or float64, got BF16: convert"):
        load(write(header(described, bytes(8))))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        b"\x00" * 8,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**64 - 1),
        struct.pack("<Q", 10**8) + b"{}",
        b"not a safetensors file at all",
        header([]),
        header({"weight_ih_l0": {"dtype": "F64", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}, bytes(8)),
        header({"weight_ih_l0": {"dtype": "F64", "shape": [4, 1], "data_offsets": [0, 2**62]}}, bytes(32)),
        header({"weight_ih_l0": {"dtype": "F64", "shape": [-4, -1], "data_offsets": [0, 32]}}, bytes(32)),
        header({"a": {"dtype": "F64", "shape": [4], "data_offsets": [0, 32]}, "__metadata__": 3}, bytes(32)),
        header({"__metadata__": {"name": 3}}),
        struct.pack("<Q", 10**5) + b"[" * 10**5,
    ],
)
def test_damaged_and_hostile_files(write, content):
    with pytest.raises(FileFormatError, match=r"file '.*' must be in safetensors format, got .*: check"):
        load(write(content))


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x80\x02"])
def test_a_pytorch_file_is_refused_with_the_way_to_convert_it(write, start):
    text = r"got what looks like a PyTorch file, a zip or a pickle: convert it: safetensors\.torch\.save_file\(model\."
    with pytest.raises(FileFormatError, match=text):
        load(write(start + bytes(range(256)) * 4))


@pytest.mark.parametrize("shape", [[2**40, 0], [0], [], [1] * 100])
def test_strange_shapes(write, shape):
    size = 8 * int(np.prod(shape))
    described = {"weight_ih_l0": {"dtype": "F64", "shape": shape, "data_offsets": [0, size]}}
    with pytest.raises(FileFormatError, match="tensor 'weight_ih_l0' must have one or two axes and no empty one"):
        load(write(header(described, bytes(size))))


def test_a_metadata_of_null_is_none(write):
    arrays = serialize(tensors())
    length = struct.unpack("<Q", arrays[:8])[0]
    described = json.loads(arrays[8 : 8 + length]) | {"__metadata__": None}
    try:
        assert load(write(header(described, arrays[8 + length :]))).name == "file"
    except FileFormatError as error:
        assert "must be in safetensors format" in str(error)  # noqa: PT017


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileAccessError, match=r"file '.*none\.safetensors' must be readable, got No such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(FileAccessError, match="must be writable"):
        save(random_lstm(np.random.default_rng(1), inputs=1, hidden=1), tmp_path / "no" / "a.safetensors")


def outcome(write, content):
    try:
        load(write(content))
    except LstmAnalogError:
        return "refused"
    return "loaded"


def test_any_mutation_loads_or_is_refused_by_name(write):
    rng = np.random.default_rng(7)
    valid = (GOLDEN / "two_layers.safetensors").read_bytes()
    outcomes = []
    for _ in range(600):
        mutated = bytearray(valid)
        for _ in range(rng.integers(1, 4)):
            # half of the strikes hit the header, where there is more to break
            mutated[rng.integers(len(valid) if rng.random() < 0.5 else 600)] = rng.integers(256)
        outcomes.append(outcome(write, bytes(mutated)))
    assert outcomes.count("loaded") > 50
    assert outcomes.count("refused") > 50


def test_any_truncation_or_extension_is_refused(write):
    valid = (GOLDEN / "one_layer.safetensors").read_bytes()
    assert {outcome(write, valid[:end]) for end in range(0, len(valid), 3)} == {"refused"}
    assert outcome(write, valid + b"\x00") == "refused"
    assert outcome(write, valid) == "loaded"
