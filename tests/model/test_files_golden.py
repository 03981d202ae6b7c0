"""Every format and form of model file against what its own framework answered (`golden/frameworks`, `make_*.py`).

`FORMS` is the table form x file: the worst error allowed, or the text of the refusal.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstm_analog.errors import FileAccessError, FileFormatError, LstmAnalogError, UnsupportedError
from lstm_analog.model import LSTM, State, load, save

FOLDER = Path(__file__).parent / "golden" / "frameworks"
SINGLE, DOUBLE = 1e-6, 1e-12
"""Largest error against answers in float32 and in float64."""

ANSWERS = {name: dict(np.load(FOLDER / f"{name}.npz")) for name in ("torch", "onnx", "keras", "flax")}

TORCH = {
    "lstm_f32.pt": SINGLE,
    "lstm_f64.pt": DOUBLE,
    "lstm_legacy.pth": SINGLE,
    "stacked_bidirectional.pt": DOUBLE,
    "projection.safetensors": DOUBLE,
    "projection_f32.pt": SINGLE,
    "no_bias.npz": DOUBLE,
    "gru_f32.pt": SINGLE,
    "gru_f64.safetensors": DOUBLE,
    "gru_no_bias.npz": DOUBLE,
    "half.pt": DOUBLE,  # 16-bit weights, run in float64 by both
    "bfloat.safetensors": DOUBLE,
    "lengths_lstm.pt": DOUBLE,
    "lengths_gru.pt": DOUBLE,
    "lstm_cell.pt": DOUBLE,
    "gru_cell.pt": DOUBLE,
    "sequential.pt": DOUBLE,
}
ONNX = {
    **dict.fromkeys(("stacked_legacy.onnx", "stacked_dynamo.onnx", "last_legacy.onnx", "last_dynamo.onnx"), SINGLE),
    **dict.fromkeys(("gru_legacy.onnx", "gru_dynamo.onnx", "state_legacy.onnx", "state_dynamo.onnx"), SINGLE),
    **dict.fromkeys(("plain.onnx", "peephole.onnx", "reverse.onnx", "input_forget.onnx", "hard_sigmoid.onnx"), SINGLE),
    **dict.fromkeys(("relu.onnx", "no_bias.onnx", "lengths.onnx", "gru_before.onnx", "gru_after.onnx"), SINGLE),
    **dict.fromkeys(("double_legacy.onnx", "double_dynamo.onnx"), DOUBLE),
}
KERAS = {
    "lstm_f32.keras": SINGLE,
    **dict.fromkeys(("stacked.keras", "backwards.h5", "hard_sigmoid.keras", "cells.h5", "gru_before.h5"), DOUBLE),
    **dict.fromkeys(("bidirectional.keras", "gru_after.keras", "last_backwards.keras", "state.keras"), DOUBLE),
    **dict.fromkeys(("lengths.keras", "relu.keras", "mixed_cells.keras"), DOUBLE),
}
FLAX = {
    **dict.fromkeys(("flax_lstm.msgpack", "flax_gru.msgpack", "flax_mgu.msgpack"), None),
    "flax_stack.msgpack": ("cells_0", "cells_1", "Dense_0"),
    **dict.fromkeys(("flax_lengths.msgpack", "flax_state.msgpack", "flax_rnn.msgpack"), None),
    "flax_rnn_stack.msgpack": ("cells_0", "cells_1", "Dense_0"),
    **dict.fromkeys(("nnx_lstm.msgpack", "nnx_optimized.npz", "nnx_gru.safetensors", "nnx_simple.msgpack"), None),
    "nnx_bidirectional.msgpack": ("layers.0", "layers.1", "out"),
}
"""What to take of each: a flax file of several cells does not say which follows which."""
REFUSED = {
    "projection_dynamo.onnx": r"initial_c of node .* must be of 1 directions and 2 units, got 1 and 3: save",
    "softmax.keras": r"layer 'dense_?[0-9]*' \('Dense'\) must be linear, got 'Softmax': .*; or load_model\(path\)",
    "reversed.keras": "must return its outputs in the order of time, got 'go_backwards with return_sequences': set",
    "masking.keras": r"layer 'masking_?[0-9]*' \('Masking'\) must be one of LSTM, .* load_model\(path\), .*='lstm",
    "convolution.keras": r"layer 'conv1d_?[0-9]*' \('Conv1D'\) must be one of LSTM, .*; or load\(path, only='lstm_",
    "alone.weights.h5": r"must come with a configuration, .* got weights alone, of 'dense_?[0-9]*', 'lstm_?[0-9]*'",
    "checkpoint.pt": r"recurrent modules must be one, .* got 'decoder', 'encoder\.lstm': say .* only='decoder'",
    "flax_stack.msgpack": "recurrent modules must be one, or be chosen, got 'cells_0', 'cells_1': say which",
    "nnx_bidirectional.msgpack": r"recurrent modules must be one, .* got 'layers\.0', 'layers\.1': say which",
    "flax_no_reset.msgpack": "cell 'cells_0' must have a reset gate, and so hn.bias, got 'hf.kernel', 'hn.kernel'",
}


def answers(group: str, file: str) -> dict[str, np.ndarray]:
    case = file.split(".", maxsplit=1)[0]
    return {key.partition(".")[2]: value for key, value in ANSWERS[group].items() if key.startswith(f"{case}.")}


def torch_state(given: dict[str, np.ndarray]) -> State | None:
    """Return PyTorch's state (chains, batch, units) as ours."""
    if "h0" not in given:
        return None
    shape = given["h0"].shape[:2]
    cells = given.get("c0", np.zeros((*shape, 0)))
    return State(h=tuple(given["h0"].astype(float)), c=tuple(cells.astype(float)))


def torch_error(lstm: LSTM, given: dict[str, np.ndarray]) -> float:
    outputs = lstm(given["x"].astype(float), torch_state(given), given.get("lengths"))
    errors = [abs(outputs.h - given["h"]).max()]
    errors += [abs(np.stack(ours) - given[key]).max() for key, ours in (("hn", outputs.state.h),) if key in given]
    errors += [abs(np.stack(ours) - given[key]).max() for key, ours in (("cn", outputs.state.c),) if key in given]
    errors += [abs(outputs.y - given["y"]).max()] if "y" in given else []
    return max(errors)


def error(lstm: LSTM, given: dict[str, np.ndarray]) -> float:
    """Return how far `lstm` is from the answer of Keras or flax, of every step or of the last."""
    state = State(h=(given["h0"],), c=(given["c0"],)) if "h0" in given else None
    outputs, y = lstm(given["x"].astype(float), state, given.get("lengths")), given["y"]
    ours = outputs.h if outputs.y is None else outputs.y
    if ours.ndim > y.ndim:
        ours = np.concatenate(outputs.state.h[-len(lstm.layers[-1].cells) :], axis=-1)
    assert ours.shape == y.shape
    inside = np.ones(y.shape[:2], dtype=bool)
    if "lengths" in given and y.ndim == 3:
        inside = np.arange(y.shape[1]) < given["lengths"][:, None]
    return float(abs(ours - y)[inside].max())


def onnx_answer(lstm: LSTM, file: str, given: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return our answer and onnxruntime's, in one layout: (batch, time, features)."""
    x, y = given["feed0"].astype(float), given["y"]
    if "legacy" in file or "dynamo" in file:
        state = None
        if file.startswith("state"):
            state = State(h=tuple(given["feed1"].astype(float)), c=tuple(given["feed2"].astype(float)))
        outputs = lstm(x, state)
        return (outputs.h if outputs.y is None else outputs.y), y
    ours = lstm(x.transpose(1, 0, 2), lengths=given.get("feed1")).h
    return ours, y.transpose(2, 0, 1, 3).reshape(ours.shape)


@pytest.mark.parametrize("file", TORCH)
def test_pytorch(file):
    assert torch_error(load(FOLDER / file), answers("torch", file)) <= TORCH[file]


@pytest.mark.parametrize("file", ONNX)
def test_onnx(file):
    ours, theirs = onnx_answer(load(FOLDER / file), file, answers("onnx", file))
    assert ours.shape == theirs.shape
    assert abs(ours - theirs).max() <= ONNX[file]


@pytest.mark.parametrize("file", KERAS)
def test_keras(file):
    assert error(load(FOLDER / file), answers("keras", file)) <= KERAS[file]


def test_keras_weights_alone_take_presets_for_a_recurrent_layer():
    import h5py

    given = answers("keras", "alone.weights.h5")
    with pytest.raises(FileFormatError) as refusal:
        load(FOLDER / "alone.weights.h5")
    names = re.findall(r"'((?:lstm|dense)_?[0-9]*)'", str(refusal.value))
    with pytest.raises(FileFormatError, match="which say neither what else computes nor what that reads"):
        load(FOLDER / "alone.weights.h5", only=[names[1], names[0]])
    lstm = load(FOLDER / "alone.weights.h5", only=names[1])
    with h5py.File(FOLDER / "alone.weights.h5") as file:
        weights, bias = (file[f"layers/dense/vars/{n}"][()] for n in "01")
    assert abs(lstm(given["x"]).h @ weights + bias - given["y"]).max() <= DOUBLE


@pytest.mark.parametrize("file", FLAX)
def test_flax(file):
    assert error(load(FOLDER / file, only=FLAX[file]), answers("flax", file)) <= DOUBLE


def test_flax_mgu_is_a_gru_of_one_gate():
    cell = load(FOLDER / "flax_mgu.msgpack").layers[0].forward
    np.testing.assert_array_equal(cell.input[0], cell.input[1])
    np.testing.assert_array_equal(cell.recurrent[0], cell.recurrent[1])
    assert abs(cell.input[0] - cell.input[2]).max() > 0.1


def test_a_folder_of_orbax_is_named(tmp_path):
    (tmp_path / "_CHECKPOINT_METADATA").touch()
    with pytest.raises(FileAccessError, match="must be a file, got a folder of orbax: restore it, and save its tree"):
        load(tmp_path)


def test_a_tree_that_orbax_restores(tmp_path):
    """Each array is the `value` of a variable there."""
    arrays = {f"{name}.value": array for name, array in np.load(FOLDER / "nnx_optimized.npz").items()}
    np.savez(tmp_path / "nnx_optimized.npz", **arrays)
    assert load(tmp_path / "nnx_optimized.npz").digest == load(FOLDER / "nnx_optimized.npz").digest


def test_nnx_without_a_bias_or_a_kernel(tmp_path):
    """A GRU of nnx has its biases on the side of the inputs, an LSTM on that of h; either may have none."""
    arrays = dict(np.load(FOLDER / "nnx_optimized.npz"))
    bias = arrays.pop("layers.0.cell.dense_h.bias")
    np.savez(tmp_path / "no_bias.npz", **arrays)
    assert load(tmp_path / "no_bias.npz").layers[0].forward.bias is None
    np.savez(tmp_path / "moved.npz", **arrays, **{"layers.0.cell.dense_i.bias": bias})
    assert load(tmp_path / "moved.npz").digest == replace(load(FOLDER / "nnx_optimized.npz"), name="moved").digest
    np.savez(tmp_path / "half.npz", **{"layers.0.cell.dense_h.kernel": arrays["layers.0.cell.dense_h.kernel"]})
    with pytest.raises(
        FileFormatError, match=r"cell .* must have one kernel from inputs and one from h, got no 'dense_i"
    ):
        load(tmp_path / "half.npz")
    twice = {f"{name}.kernel": np.eye(2) for name in ("ii", "if", "if_")}
    np.savez(tmp_path / "twice.npz", **twice)
    with pytest.raises(FileFormatError, match=r"must be there once, got 'if\.kernel' and 'if_\.kernel': save one tree"):
        load(tmp_path / "twice.npz")


@pytest.mark.parametrize("file", REFUSED)
def test_refused_by_name(file):
    with pytest.raises((FileFormatError, UnsupportedError), match=REFUSED[file]) as refusal:
        load(FOLDER / file)
    assert str(refusal.value).startswith(f"file '{FOLDER / file}': ")


def test_a_module_of_several_is_taken_by_name():
    given = answers("torch", "checkpoint.pt")
    assert torch_error(load(FOLDER / "checkpoint.pt", only="decoder"), given) <= DOUBLE
    other = load(FOLDER / "checkpoint.pt", only=["encoder.lstm"])
    assert torch_error(other, given) > 0.01
    with pytest.raises(
        LstmAnalogError, match=r"only must name modules of the file, .* got 'coder': those there are 'decoder'"
    ):
        load(FOLDER / "checkpoint.pt", only="coder")


@pytest.mark.parametrize("file", [*TORCH, *ONNX, *KERAS, "flax_lstm.msgpack", "flax_mgu.msgpack", "flax_rnn.msgpack"])
def test_our_own_round_trip_is_exact(tmp_path, file):
    lstm = load(FOLDER / file)
    save(lstm, tmp_path / "own.safetensors")
    again = load(tmp_path / "own.safetensors")
    assert (again.digest, again.name) == (lstm.digest, lstm.name)


@pytest.mark.parametrize("file", [*TORCH, *ONNX, *KERAS, "flax_lstm.msgpack"])
def test_the_ending_says_nothing(tmp_path, file):
    (tmp_path / "model.bin").write_bytes((FOLDER / file).read_bytes())
    assert load(tmp_path / "model.bin").digest == load(FOLDER / file).digest


# The orders of the gates. A swap of two gates in a copy of the file must be seen: the error of the right order is below
# 1e-6, that of any wrong one above 1e-2.


def swapped_onnx(path: Path, file: str, first: int, second: int) -> None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(FOLDER / file))
    gates = 4 if model.graph.node[0].op_type == "LSTM" else 3
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        rows = array.reshape(array.shape[0], -1, gates, 3, *array.shape[2:]) if tensor.name in "WRB" else None
        if rows is not None:
            rows[:, :, [first, second]] = rows[:, :, [second, first]]
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.save(model, str(path))


@pytest.mark.parametrize(
    ("file", "first", "second"),
    [("plain.onnx", a, b) for a in range(4) for b in range(a)]
    + [(file, a, b) for file in ("gru_before.onnx", "gru_after.onnx") for a in range(3) for b in range(a)],
)
def test_onnx_gates_are_i_o_f_c_and_z_r_h(tmp_path, file, first, second):
    swapped_onnx(tmp_path / "m.onnx", file, first, second)
    ours, theirs = onnx_answer(load(tmp_path / "m.onnx"), file, answers("onnx", file))
    assert abs(ours - theirs).max() > 0.01


def test_onnx_peepholes_are_i_o_f(tmp_path):
    import onnx
    from onnx import numpy_helper

    for first, second in ((0, 1), (0, 2), (1, 2)):
        model = onnx.load(str(FOLDER / "peephole.onnx"))
        (tensor,) = (each for each in model.graph.initializer if each.name == "P")
        array = numpy_helper.to_array(tensor).copy().reshape(3, 3)
        array[[first, second]] = array[[second, first]]
        tensor.CopyFrom(numpy_helper.from_array(array.reshape(1, 9), "P"))
        onnx.save(model, str(tmp_path / "m.onnx"))
        ours, theirs = onnx_answer(load(tmp_path / "m.onnx"), "peephole.onnx", answers("onnx", "peephole.onnx"))
        assert abs(ours - theirs).max() > 0.01


def swapped_keras(path: Path, file: str, gates: int, first: int, second: int) -> None:
    import h5py

    path.write_bytes((FOLDER / file).read_bytes())
    with h5py.File(path, "r+") as stored:
        found = []
        stored["model_weights"].visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
        )
        for name in found:
            array = stored["model_weights"][name][()]
            columns = array.reshape(*array.shape[:-1], gates, -1)
            columns[..., [first, second], :] = columns[..., [second, first], :]
            stored["model_weights"][name][...] = array


@pytest.mark.parametrize(
    ("file", "gates", "first", "second"),
    [("backwards.h5", 4, a, b) for a in range(4) for b in range(a)]
    + [("gru_before.h5", 3, a, b) for a in range(3) for b in range(a)],
)
def test_keras_gates_are_i_f_c_o_and_z_r_h(tmp_path, file, gates, first, second):
    swapped_keras(tmp_path / "m.h5", file, gates, first, second)
    given = answers("keras", file)
    assert error(load(tmp_path / "m.h5"), given) > 0.01
