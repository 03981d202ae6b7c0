"""Plain RNNs from files, against the answers of the frameworks that wrote them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from lstm_analog.model import load

FOLDER = Path(__file__).parent / "golden" / "frameworks"
KERAS = {
    "rnn_two_ways.keras": None,
    "rnn_relu.keras": None,
    "rnn_cells.h5": None,
    "rnn_alone.weights.h5": "simple_rnn_2",
}


@pytest.mark.parametrize("name", KERAS)
def test_keras_files(name):
    """Within the float32 of Keras' own answer."""
    with np.load(FOLDER / "rnn.npz") as golden:
        x, answer = (golden[f"{name.split('.')[0]}.{word}"] for word in ("x", "answer"))
    made = load(FOLDER / name, only=KERAS[name])(x)
    np.testing.assert_allclose(made.h if made.y is None else made.y, answer, rtol=0, atol=2e-6)


def onnx_rnn(path, direction, activations):
    """Write one RNN node with random weights to `path`, and return the model and its inputs."""
    rng = np.random.default_rng(7)
    ways = 2 if direction == "bidirectional" else 1
    shapes = {"W": (ways, 3, 2), "R": (ways, 3, 3), "B": (ways, 6)}
    weights = [numpy_helper.from_array(rng.normal(size=shape).astype("f4"), name) for name, shape in shapes.items()]
    options = {"activations": activations * ways} if activations else {}
    node = helper.make_node("RNN", ["x", *shapes], ["y"], hidden_size=3, direction=direction, **options)
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", (4, 2, 2)), ("y", None))]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:], weights))
    onnx.save(model, path)
    return model, rng.normal(size=(4, 2, 2)).astype("f4")


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("activations", [None, ["Tanh"]])
def test_onnx_nodes_against_onnx_own_evaluator(tmp_path, direction, activations):
    model, x = onnx_rnn(tmp_path / "rnn.onnx", direction, activations)
    (answer,) = ReferenceEvaluator(model).run(None, {"x": x})
    steps, ways, batch, units = answer.shape
    expected = answer.transpose(2, 0, 1, 3).reshape(batch, steps, ways * units)
    np.testing.assert_allclose(load(tmp_path / "rnn.onnx")(x.swapaxes(0, 1)).h, expected, rtol=0, atol=2e-6)


def test_an_onnx_node_of_relus(tmp_path):
    """By hand: ONNX' evaluator knows no ReLU."""
    model, x = onnx_rnn(tmp_path / "rnn.onnx", "forward", ["Relu"])
    inputs, recurrent, bias = (numpy_helper.to_array(each)[0] for each in model.graph.initializer)
    h, expected = np.zeros((2, 3)), []
    for row in x:
        h = np.maximum(row @ inputs.T + h @ recurrent.T + bias[:3] + bias[3:], 0.0)
        expected.append(h)
    np.testing.assert_allclose(load(tmp_path / "rnn.onnx")(x.swapaxes(0, 1)).h, np.stack(expected, 1), rtol=1e-6)
