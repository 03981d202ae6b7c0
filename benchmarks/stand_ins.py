"""What stands in the table of forms for a form that a framework does not have: the nearest that its user would bring.

Of PyTorch and flax that is a module of one's own and its parameters, of ONNX an operator of another domain, of Keras a
layer of one's own or an option that only other frameworks know.
"""

import json
import zipfile
from functools import cache
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parents[1] / "tests" / "model" / "golden" / "frameworks"
INPUTS, UNITS = 2, 3


@cache
def drawn(*shape):
    return np.random.default_rng(len(shape)).normal(0.2, 0.6, shape)


def pytorch(gates):
    """Return the arrays of one layer by PyTorch's names."""
    rows = gates * UNITS
    shapes = {"weight_ih_l0": (rows, INPUTS), "weight_hh_l0": (rows, UNITS), "bias_ih_l0": (rows,)}
    return {name: drawn(*shape) for name, shape in (shapes | {"bias_hh_l0": (rows,)}).items()}


def linears(gates):
    """Return the arrays of a cell that has two Linear layers a gate."""
    sizes = {"x": INPUTS, "h": UNITS}
    return {f"{gate}_{way}.weight": drawn(UNITS, size) for gate in gates for way, size in sizes.items()}


STATE_DICTS = {
    "peepholes": lambda: pytorch(4) | {f"weight_c{gate}_l0": drawn(UNITS) for gate in "ifo"},
    "coupled input and forget gates": lambda: linears("fgo"),
    "backward only": lambda: {f"{name}_reverse": array for name, array in pytorch(4).items()},
    "backward, not turned": lambda: pytorch(4),
    "hard sigmoid": lambda: pytorch(4),
    "relu": lambda: pytorch(4),
    "GRU, reset before": lambda: pytorch(3),
    "minimal gated unit": lambda: pytorch(2),
    "minimal gated unit, reset after": lambda: pytorch(2),
    "read-out of the last": lambda: pytorch(4) | {"fc.weight": drawn(1, UNITS), "fc.bias": drawn(1)},
}
"""By form: the state dict of a module of one's own."""


def module(form):
    """Return a PyTorch module of one's own that computes the `form`, time in a loop."""
    from torch import float64, nn, relu, sigmoid, stack, tanh, zeros
    from torch.nn.functional import hardsigmoid

    class Own(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.cell = (nn.GRUCell if "GRU" in form else nn.LSTMCell)(INPUTS, UNITS, dtype=float64)
            self.fc = nn.Linear(UNITS, 1, dtype=float64) if "read-out" in form else None

        def forward(self, x):
            steps = x.shape[1]
            order = range(steps)[::-1] if "backward" in form else range(steps)
            h, c, made = zeros(x.shape[0], UNITS, dtype=float64), zeros(x.shape[0], UNITS, dtype=float64), {}
            for t in order:
                h, c = (self.gru if "GRU" in form else self.lstm)(x[:, t], h, c)
                made[t] = h
            outputs = stack([made[t] for t in (order if form.endswith("not turned") else range(steps))], dim=1)
            return outputs if self.fc is None else self.fc(outputs[:, -1])

        def sums(self, x, h):
            cell = self.cell
            return x @ cell.weight_ih.T + cell.bias_ih, h @ cell.weight_hh.T + cell.bias_hh

        def lstm(self, x, h, c):
            i, f, g, o = sum(self.sums(x, h)).chunk(4, dim=-1)
            gate = hardsigmoid if form == "hard sigmoid" else sigmoid
            if form == "peepholes":
                i, f = i + c, f + c
            kept = gate(f)
            c = kept * c + (1 - kept if "coupled" in form else gate(i)) * (relu if form == "relu" else tanh)(g)
            return gate(o) * tanh(c), c

        def gru(self, x, h, c):
            given, inner = (each.chunk(3, dim=-1) for each in self.sums(x, h))
            r, z = sigmoid(given[0] + inner[0]), sigmoid(given[1] + inner[1])
            n = tanh(given[2] + self.sums(x, r * h)[1].chunk(3, dim=-1)[2])
            return z * h + (1 - z) * n, c

    class Minimal(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            for name, array in pytorch(2).items():
                setattr(self, name, nn.Parameter(zeros(array.shape, dtype=float64)))

    return Minimal() if form.startswith("minimal") else Own()


def keras(form, folder):
    """Return the path to a .keras file that holds the `form` as a layer that is not Keras' own, or by its options."""
    options = {"projection": {"num_proj": 2}, "peepholes": {"use_peepholes": True}}
    names = {
        "coupled input and forget gates": "CoupledLSTM",
        "minimal gated unit": "MGU",
        "minimal gated unit, reset after": "MGU",
    }
    path = folder / "own.keras"
    with zipfile.ZipFile(GOLDEN / "lstm_f32.keras") as golden, zipfile.ZipFile(path, "w") as made:
        config = json.loads(golden.read("config.json"))
        layer = config["config"]["layers"][-1]
        layer["config"] |= options.get(form, {})
        layer["class_name"] = names.get(form, layer["class_name"])
        for name in golden.namelist():
            made.writestr(name, json.dumps(config) if name == "config.json" else golden.read(name))
    return path


def onnx(form, folder):
    """Return the path to an ONNX file of the `form`: inputs turned round by a Slice, or an operator of one's own."""
    from onnx import TensorProto, helper, numpy_helper, save

    model_path = folder / "own.onnx"
    arrays = {"W": (1, 4 * UNITS, INPUTS), "R": (1, 4 * UNITS, UNITS)}
    arrays = {name: drawn(*shape).astype(np.float32) for name, shape in arrays.items()}
    if form == "backward, not turned":
        slices = {"first": [-1], "last": [-(1 << 31)], "axis": [0], "step": [-1]}
        arrays |= {name: np.array(value, dtype=np.int64) for name, value in slices.items()}
        nodes = [
            helper.make_node("Slice", ["x", *slices], ["turned"]),
            helper.make_node("LSTM", ["turned", "W", "R"], ["y"], hidden_size=UNITS),
        ]
    else:
        nodes = [helper.make_node("MGU", ["x", "W", "R"], ["y"], domain="own", hidden_size=UNITS)]
    opened, closed = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", [5, 2, INPUTS]), ("y", [5, 1, 2, UNITS]))
    )
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "own", opened, closed, stored)
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    save(helper.make_model(graph, opset_imports=domains, ir_version=9), str(model_path))
    return model_path


def flax(form, folder):
    """Return the path to a flax file of the `form`: parameters say it, or they do not."""
    cell = {f"i{gate}": (INPUTS, UNITS) for gate in "ifgo"} | {f"h{gate}": (UNITS, UNITS) for gate in "ifgo"}
    if form.startswith("GRU"):
        cell = {name.translate(str.maketrans("fgo", "rzn")): shape for name, shape in cell.items() if name[1] != "i"}
    if form.startswith("minimal"):
        cell = {name.replace("g", "n"): shape for name, shape in cell.items() if name[1] in "fg"}
    if form.startswith("coupled"):
        cell = {name: shape for name, shape in cell.items() if name[1] != "i"}
    tree = {name: {"kernel": drawn(*shape)} for name, shape in cell.items()}
    if form != "no bias":
        biased = "i" if form.startswith(("GRU", "minimal")) else "h"
        tree = {name: leaf | ({"bias": drawn(UNITS)} if name[0] == biased else {}) for name, leaf in tree.items()}
    extra = {"projection": {"hp": {"kernel": drawn(UNITS, 2)}}, "peepholes": {"wci": drawn(UNITS), "wcf": drawn(UNITS)}}
    tree = {"cell": tree | extra.get(form, {})}
    if form == "both directions":
        tree = {"forward_cell": tree["cell"], "backward_cell": tree["cell"]}
    if form == "read-out of the last":
        tree["Dense_0"] = {"kernel": drawn(UNITS, 1), "bias": drawn(1)}
    path = folder / "own.msgpack"
    path.write_bytes(_packed({"params": tree}))
    return path


def _packed(tree):
    from msgpack import ExtType, packb

    def array(leaf):
        return ExtType(1, packb((leaf.shape, leaf.dtype.name, leaf.tobytes())))

    return packb(tree, default=array)
