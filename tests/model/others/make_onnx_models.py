"""Makes the ONNX files of this folder: shapes of models that people publish, small, by PyTorch's own exporters.

Run with torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2 and onnxruntime 1.32.0: `python make_onnx_models.py`. What no
exporter of PyTorch writes (functions, a bias put together of two, `layout=1`) is put together node by node.

`onnx.npz` holds of each recurrent node, as `<file>|<node>|<x, h0, c0, y>`, what onnxruntime fed it and what it gave in
the run of the whole graph. Of a node in a body, or of `layout=1`, which onnxruntime does not show or run, it is the
answer of the same node with the same weights in a graph of its own, in layout 0.
"""

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

HERE = Path(__file__).parent
RECURRENT = ("LSTM", "GRU", "RNN")


class Speech(nn.Module):
    """Speech against silence: convolutions, an LSTM whose two states come and go in one array, a decision."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(1, 4, 3, stride=2), nn.ReLU())
        self.lstm = nn.LSTM(4, 3)
        self.decoder = nn.Linear(3, 1)

    def forward(self, x, state):
        features = self.encoder(x).permute(2, 0, 1)
        h, (hn, cn) = self.lstm(features, (state[0:1], state[1:2]))
        return torch.sigmoid(self.decoder(torch.relu(h))).mean(0), torch.cat([hn, cn])


class Reading(nn.Module):
    """Letters of a line: convolutions, the columns read both ways, twice, with a linear layer between."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d((4, 2)))
        self.first = nn.LSTM(3, 2, bidirectional=True, batch_first=True)
        self.between = nn.Linear(4, 3)
        self.second = nn.LSTM(3, 2, bidirectional=True, batch_first=True)
        self.letters = nn.Linear(4, 5)

    def forward(self, image):
        columns = self.cnn(image).squeeze(2).permute(0, 2, 1)
        return self.letters(self.second(self.between(self.first(columns)[0]))[0])


class Beats(nn.Module):
    """Beats of music, frame by frame: no batch, states of one layer without any axis but the units."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.lstm = nn.LSTM(3, 3, num_layers=2)
        self.out = nn.Linear(3, 2)

    def forward(self, x, h0, h1, c0, c1):
        h = torch.stack([h0, h1])
        out, (hn, cn) = self.lstm(torch.relu(self.linear(x)), (h, torch.stack([c0, c1])))
        return self.out(out), hn, cn


class Text(nn.Module):
    """Words to a mood: a table of embeddings, a GRU, the last of its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 3)
        self.gru = nn.GRU(3, 3, batch_first=True)
        self.fc = nn.Linear(3, 2)

    def forward(self, words):
        return self.fc(self.gru(self.embedding(words))[1][-1])


class Learned(nn.Module):
    """A normalisation before the LSTM, and a state to begin with that was learned."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(3)
        self.lstm = nn.LSTM(3, 2, batch_first=True)
        self.start = nn.Parameter(torch.tensor([0.3, -0.6]))

    def forward(self, x):
        start = self.start.expand(1, x.shape[0], 2).contiguous()
        return self.lstm(self.norm(x), (start, torch.tanh(start)))[0]


class Rates(nn.Module):
    """One LSTM for each rate of sampling, chosen when it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.slow, self.fast = nn.LSTM(2, 3), nn.LSTM(2, 3)

    def forward(self, x, rate: int):
        if rate > 8000:
            return self.fast(x)[0]
        return self.slow(x)[0]


class Decoding(nn.Module):
    """A loop that feeds an LSTM its own answers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 3)

    def forward(self, x, steps: int):
        for _ in range(steps):
            x = self.lstm(x)[0]
        return x


def exported():
    """Export each module as each exporter can, and return the feeds by file."""
    torch.manual_seed(12)
    rng, feeds = np.random.default_rng(12), {}

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    sound = {"x": {0: "batch", 2: "samples"}, "state": {1: "batch"}}
    beats = {"x": {0: "frames"}, **{name: {0: f"n_{name}"} for name in ("h0", "h1", "c0", "c1")}}
    cases = {
        "speech": (Speech(), {"x": normal(2, 1, 15), "state": normal(2, 2, 3)}, sound),
        "reading": (Reading(), {"image": normal(2, 1, 4, 10)}, {"image": {0: "batch", 3: "width"}}),
        "beats": (Beats(), {"x": normal(5, 4), **{k: normal(3) for k in ("h0", "h1", "c0", "c1")}}, beats),
        "text": (Text(), {"words": rng.integers(0, 7, (2, 5))}, {"words": {0: "batch", 1: "time"}}),
        "learned": (Learned(), {"x": normal(2, 5, 3)}, {"x": {0: "batch", 1: "time"}}),
    }
    for name, (module, given, axes) in cases.items():
        arguments = tuple(torch.as_tensor(each) for each in given.values())
        for way in ("legacy", "dynamo"):
            file = f"{name}_{way}.onnx"
            sized = {} if (way == "dynamo" and name == "beats") else axes
            opened = {"dynamic_axes": sized} if way == "legacy" else {"dynamic_shapes": dynamic(sized, given)}
            export(module.eval(), arguments, file, list(given), way == "dynamo", **opened)
            feeds[file] = given
    for name, module, number in (("rates", Rates(), 16000), ("decoding", Decoding(), 2)):
        given = {"x": normal(4, 2, 2 if name == "rates" else 3), "n": np.array(number)}
        scripted = torch.jit.script(module.eval())
        export(scripted, (torch.as_tensor(given["x"]), number), f"{name}_legacy.onnx", ["x", "n"], False)
        feeds[f"{name}_legacy.onnx"] = given
    return feeds


def dynamic(axes, given):
    """Return the open axes as the new exporter wants them."""
    return {name: dict.fromkeys(axes.get(name, {}), torch.export.Dim.DYNAMIC) for name in given} if axes else None


def export(module, arguments, file, names, dynamo, **options):
    """Export by one of PyTorch's exporters."""
    path = HERE / file
    if dynamo and options.get("dynamic_shapes"):
        options["dynamic_shapes"] = tuple(options["dynamic_shapes"].values())
    program = torch.onnx.export(
        module, arguments, str(path), input_names=names, dynamo=dynamo, verbose=False, **options
    )
    if program is not None:
        program.save(str(path), external_data=False)
    model = onnx.load(str(path))
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for graph in graphs(model.graph):
        for node in graph.node:
            node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    onnx.save(model, str(path))
    path.with_suffix(".onnx.data").unlink(missing_ok=True)


def put_together():
    """Put together what no exporter of PyTorch writes, and return the feeds by file."""
    rng = np.random.default_rng(13)
    w = {"W": (1, 12, 2), "R": (1, 12, 3), "b": (1, 12), "b2": (1, 12)}
    stored = [numpy_helper.from_array(rng.normal(size=s).astype(np.float32), k) for k, s in w.items()]
    x = rng.normal(size=(4, 2, 2)).astype(np.float32)
    opened = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, None, None])]
    doubled = [
        helper.make_node("Concat", ["b", "b2"], ["B"], axis=1),
        helper.make_node("LSTM", ["x", "W", "R", "B"], ["y"], hidden_size=3, name="lstm"),
    ]
    save("doubled_bias.onnx", doubled, opened, "y", stored)
    turned = [
        helper.make_node("LSTM", ["x", "W", "R"], ["y", "", "c"], hidden_size=3, name="lstm", layout=1),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    save("layout.onnx", turned, opened, "z", stored[:2])
    inner = [
        helper.make_node("Relu", ["v"], ["positive"]),
        helper.make_node("LSTM", ["positive", "w", "r"], ["u"], name="lstm"),
    ]
    inner[1].attribute.append(
        onnx.AttributeProto(name="hidden_size", ref_attr_name="units", type=onnx.AttributeProto.INT)
    )
    function = helper.make_function(
        "own", "Layer", ["v", "w", "r"], ["u"], inner, [helper.make_opsetid("", 17)], ["units"]
    )
    called = [helper.make_node("Layer", ["x", "W", "R"], ["y"], name="layer", domain="own", units=3)]
    save("function.onnx", called, opened, "y", stored[:2], [function])
    return {"doubled_bias.onnx": {"x": x}, "layout.onnx": {"x": x}, "function.onnx": {"x": x}}


def save(file, nodes, opened, output, stored, functions=()):
    """Save a graph of `nodes` with one output."""
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", opened, outputs, stored)
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid("own", 1)] if functions else [])]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions), str(HERE / file))


def graphs(graph):
    """Yield a graph and those in its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def noted(file, feeds, answers):
    """Note what each recurrent node of the file was fed and answered."""
    model = onnx.load(str(HERE / file))
    top = [node for node in model.graph.node if node.op_type in RECURRENT]
    shown = "layout" not in file
    for node in top if shown else ():
        names = [node.input[0], *node.input[5:7]] if len(node.input) > 5 else [node.input[0]]
        keys = dict(zip(("x", "h0", "c0"), names, strict=False)) | {"y": node.output[0]}
        for name in set(keys.values()) - {each.name for each in model.graph.output} - {""}:
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        session = onnxruntime.InferenceSession(model.SerializeToString())
        names = {each.name for each in session.get_inputs()}
        fed = {k: v for k, v in feeds.items() if k in names}
        got = dict(zip([each.name for each in session.get_outputs()], session.run(None, fed), strict=True))
        answers.update({f"{file}|{node.name}|{key}": got[name] for key, name in keys.items() if name})
    for owner, path in (*bodies(model), *([(model.graph, "")] if not shown else [])):
        for number, node in enumerate(owner.node):
            if node.op_type in RECURRENT:
                alone(file, path + (node.name or f"{node.op_type}_{number}"), node, model, owner, answers)


def bodies(model):
    """Yield the graphs in nodes and the functions, with the path to each."""
    for number, node in enumerate(model.graph.node):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield attribute.g, f"{node.name or f'{node.op_type}_{number}'}/{attribute.name}/"
    for function in model.functions:
        yield function, "layer/"


def alone(file, name, node, model, owner, answers):
    """Note the answer of a node with its weights, and whatever makes these, in a graph of its own."""
    wanted, makers = [each for each in node.input[1:4] if each], []
    weights = {"w": "W", "r": "R"} if model.functions else {}
    for entry in reversed([*model.graph.node, *owner.node]):
        if set(entry.output) & set(wanted):
            makers.insert(0, entry)
            wanted += entry.input
    if not makers and weights:
        wanted = list(weights.values())
    stored = {each.name: each for graph in graphs(model.graph) for each in graph.initializer if each.name in wanted}
    inputs = ["x", *(weights.get(each, each) for each in node.input[1:4])]
    single = helper.make_node(node.op_type, inputs, ["y"])
    single.attribute.append(helper.make_attribute("hidden_size", 3))
    features = {"decoding_legacy.onnx": 3}.get(file, 2)
    x = np.random.default_rng(14).normal(size=(4, 2, features)).astype(np.float32)
    opened = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([*makers, single], "g", opened, outputs, list(stored.values()))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    y = onnxruntime.InferenceSession(made.SerializeToString()).run(None, {"x": x})[0]
    answers.update({f"{file}|{name}|x": x, f"{file}|{name}|y": y})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found: dict[str, np.ndarray] = {}
    for case, given in (exported() | put_together()).items():
        noted(case, given, found)
    np.savez_compressed(HERE / "onnx.npz", **found)
