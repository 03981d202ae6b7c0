"""Makes the ONNX files: run with torch 2.13.0, onnx 1.23.2, onnxscript and onnxruntime 1.32.0: `python make_onnx.py`.

Some are exported by PyTorch's legacy and new exporter, the others put together node by node for forms that PyTorch does
not have. `onnx.npz` holds for each the feeds and the first output of onnxruntime; of `double`, which that does not run,
PyTorch's.
"""

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from make_torch import drawn
from onnx import TensorProto, helper, numpy_helper
from torch import nn

HERE = Path(__file__).parent
BATCH, TIME, INPUTS, HIDDEN = 2, 5, 2, 3


class WithHead(nn.Module):
    """An LSTM and a linear read-out of each step, or of the last."""

    def __init__(self, last: bool, **options) -> None:
        super().__init__()
        self.lstm = nn.LSTM(INPUTS, HIDDEN, batch_first=True, **options)
        self.fc = nn.Linear(HIDDEN * (1 + self.lstm.bidirectional), 2)
        self.last = last

    def forward(self, x):
        h = self.lstm(x)[0]
        return self.fc(h[:, -1] if self.last else h)


EXPORTED = {
    "stacked": (WithHead, {"last": False, "num_layers": 2, "bidirectional": True}),
    "last": (WithHead, {"last": True}),
    "gru": (nn.GRU, {"input_size": INPUTS, "hidden_size": HIDDEN, "num_layers": 2, "batch_first": True}),
    "state": (nn.LSTM, {"input_size": INPUTS, "hidden_size": HIDDEN, "num_layers": 2, "batch_first": True}),
    "double": (WithHead, {"last": False, "num_layers": 2, "bidirectional": True}),
    "projection": (nn.LSTM, {"input_size": INPUTS, "hidden_size": HIDDEN, "proj_size": 2, "batch_first": True}),
}
HARD = {"activations": ["HardSigmoid", "Tanh", "Tanh"], "activation_alpha": [0.25], "activation_beta": [0.5]}
NODES = {
    "peephole": ("LSTM", {"peephole": True}),
    "reverse": ("LSTM", {"direction": "reverse"}),
    "input_forget": ("LSTM", {"input_forget": 1, "peephole": True}),
    "hard_sigmoid": ("LSTM", HARD),
    "relu": ("LSTM", {"activations": ["Sigmoid", "Relu", "Softplus"]}),
    "no_bias": ("LSTM", {"bias": False}),
    "lengths": ("LSTM", {"direction": "bidirectional", "lengths": True}),
    "gru_before": ("GRU", {"linear_before_reset": 0}),
    "gru_after": ("GRU", {"linear_before_reset": 1, "direction": "bidirectional"}),
    "plain": ("LSTM", {}),
}


def exported(name, kind, options, answers):
    """Export a PyTorch module by both exporters."""
    torch.manual_seed(4)  # of the read-out
    module = kind(**options).eval()
    recurrent = module if isinstance(module, nn.LSTM | nn.GRU) else module.lstm
    drawn(recurrent, torch.Generator().manual_seed(5))
    x = torch.randn(BATCH, TIME, INPUTS, generator=torch.Generator().manual_seed(6))
    state = torch.randn(2, BATCH, HIDDEN, generator=torch.Generator().manual_seed(7))
    arguments = (x, (state, 0.5 * state)) if name == "state" else (x,)
    if name == "double":
        module, arguments = module.double(), (x.double(),)
    for way in ("legacy", "dynamo"):
        if (name, way) == ("projection", "legacy"):
            continue  # it refuses
        path = HERE / f"{name}_{way}.onnx"
        program = torch.onnx.export(module, arguments, str(path), dynamo=way == "dynamo", verbose=False)
        if program is not None:
            program.save(str(path), external_data=False)
        stripped(path)
        if name == "double":
            said = {"feed0": arguments[0], "y": module(*arguments).detach()}
            answers.update({f"{name}_{way}.{key}": value.numpy() for key, value in said.items()})
        elif name != "projection":
            session = onnxruntime.InferenceSession(str(path))
            feeds = dict(
                zip(
                    [i.name for i in session.get_inputs()],
                    [x.numpy(), state.numpy(), 0.5 * state.numpy()],
                    strict=False,
                )
            )
            noted(f"{name}_{way}", session, feeds, answers)


def stripped(path):
    """Take out what exporters note about their own source, which names folders of one machine."""
    model = onnx.load(str(path))
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    onnx.save(model, str(path))
    path.with_suffix(".onnx.data").unlink(missing_ok=True)


def put_together(name, kind, options, answers, seed):
    """Make a graph of one node; each gate has weights with a mean of its own."""
    rng = np.random.default_rng(seed)
    options = dict(options)
    biased, peephole, dtype = options.pop("bias", True), options.pop("peephole", False), np.float32
    lengths = options.pop("lengths", False)
    ways, gates = 1 + (options.get("direction") == "bidirectional"), 4 if kind == "LSTM" else 3
    if options.get("activations") and ways == 2:
        options["activations"] = options["activations"] * 2
    means = np.repeat([0.4, -0.3, 0.8, 0.1][:gates], HIDDEN)
    weights = {"W": rng.normal(means[:, None], 0.7, (ways, gates * HIDDEN, INPUTS))}
    weights["R"] = rng.normal(means[:, None], 0.7, (ways, gates * HIDDEN, HIDDEN))
    if biased:
        weights["B"] = rng.normal(np.tile(means, 2), 0.7, (ways, 2 * gates * HIDDEN))
    if peephole:
        weights["P"] = rng.normal(0.3, 0.7, (ways, 3 * HIDDEN))
    inputs = ["x", "W", "R", "B" if biased else "", "lengths" if lengths else "", "", "", "P" if peephole else ""]
    node = helper.make_node(kind, inputs if kind == "LSTM" else inputs[:6], ["y", "y_h"], hidden_size=HIDDEN, **options)
    element = TensorProto.FLOAT
    opened = [helper.make_tensor_value_info("x", element, [TIME, BATCH, INPUTS])]
    feeds = {"x": rng.normal(size=(TIME, BATCH, INPUTS)).astype(dtype)}
    if lengths:
        opened.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [BATCH]))
        feeds["lengths"] = np.array([3, TIME], dtype=np.int32)
    outputs = [helper.make_tensor_value_info("y", element, [TIME, ways, BATCH, HIDDEN])]
    stored = [numpy_helper.from_array(array.astype(dtype), key) for key, array in weights.items()]
    graph = helper.make_graph([node], name, opened, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(HERE / f"{name}.onnx"))
    noted(name, onnxruntime.InferenceSession(str(HERE / f"{name}.onnx")), feeds, answers)


def noted(name, session, feeds, answers):
    """Note the feeds and the first answer of onnxruntime."""
    answers.update({f"{name}.feed{n}": feed for n, feed in enumerate(feeds.values())})
    answers[f"{name}.y"] = session.run(None, feeds)[0]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found: dict[str, np.ndarray] = {}
    for case, (made, given) in EXPORTED.items():
        exported(case, made, given, found)
    for number, (case, (operation, given)) in enumerate(NODES.items()):
        put_together(case, operation, given, found, seed=60 + number)
    np.savez_compressed(HERE / "onnx.npz", **found)
