"""Random ONNX graphs against onnxruntime: `python benchmarks/random_onnx.py [count] [first seed]`, 500 from 0 else.

Each seed makes a graph of one to three recurrent nodes with whatever exporters and people put around them, right and
wrong: layouts, states from anywhere, lengths, detours of data, layers between, read-outs. What `load` takes as a whole
must answer what onnxruntime does, and each node taken by `only=` what it does in that run; all else must be refused by
a message of ours. `store` as the first word writes the sample that CI takes to tests/model/others.

Needs onnx and onnxruntime 1.32.0; ten seconds.
"""

import itertools
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import LSTM, State, load

STORED = Path(__file__).resolve().parent.parent / "tests" / "model" / "others" / "random_onnx.npz"
SAMPLE = range(40)
BOUND = 2e-5
"""Largest error against float32, which the relu of an RNN magnifies."""

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
BATCH, TIME, FLOAT = 2, 4, TensorProto.FLOAT


@dataclass
class Made:
    """A graph being put together, what it is fed, and what our LSTM is given instead."""

    rng: np.random.Generator
    nodes: list = field(default_factory=list)
    stored: list = field(default_factory=list)
    opened: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    feeds: dict = field(default_factory=dict)
    starts: list = field(default_factory=list)
    recurrent: list = field(default_factory=list)
    lengths: np.ndarray | None = None
    batch_first: bool = False
    notes: list = field(default_factory=list)

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, *options):
        choice = options[self.rng.integers(len(options))]
        self.notes.append(str(choice))
        return choice

    def const(self, value, kind=np.float32):
        name = f"k{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(value, dtype=kind), name))
        return name

    def ints(self, *value):
        return self.const(value, np.int64)

    def add(self, operation, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{n}" for n in range(outputs)]
        self.nodes.append(helper.make_node(operation, list(inputs), names, name=f"n{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def feed(self, name, array, axes=None):
        kind = {"f": FLOAT, "i": TensorProto.INT64 if array.dtype == np.int64 else TensorProto.INT32}[array.dtype.kind]
        self.opened.append(helper.make_tensor_value_info(name, kind, axes or list(array.shape)))
        self.feeds[name] = array
        return name

    def normal(self, *shape):
        return self.rng.normal(0.0, 0.8, size=shape).astype(np.float32)


def made(seed):
    """Return the graph of `seed`."""
    m = Made(rng=np.random.default_rng(seed))
    size = int(m.rng.integers(1, 4))
    signal, size = source(m, size)
    if m.chance(0.15):
        lengths = np.array([TIME - 1, TIME], dtype=np.int32)
        m.feed("lengths", lengths, m.pick(None, [None], ["batch"]))
        m.lengths = lengths
    layers = int(m.rng.choice([1, 1, 2, 3]))
    plan = [layer_plan(m) for _ in range(layers)]
    states = m.pick("none", "none", "zeros", "filled", "inputs", "packed", "stacked", "swapped", "constant", "of x")
    pools = pooled(m, plan, states)
    for n, (kind, ways, units) in enumerate(plan):
        signal, y_h, y_c = recurrent(m, signal, size, kind, ways, units, states, pools, n, layers)
        size = units * ways
        if n + 1 < layers and m.chance(0.15):
            signal = trouble(m, signal, size)
    ends(m, signal, y_h, y_c, size, plan[-1][1])
    return m


def source(m, size):
    """Feed x and bring it to (time, batch, features)."""
    m.batch_first = m.chance(0.5)
    x = m.normal(BATCH, TIME, size) if m.batch_first else m.normal(TIME, BATCH, size)
    axes = m.pick(None, [None] * 3, ["batch", "time", None], [None, "time", size], ["n", "t", "features"])
    signal = m.feed("x", x, axes)
    for _ in range(int(m.rng.integers(0, 3))):
        way = m.pick("Identity", "Cast", "Dropout", "there and back")
        if way == "there and back":
            signal = m.add("Squeeze", m.add("Unsqueeze", signal, m.ints(1)), m.ints(1))
        else:
            signal = m.add(way, signal, **({"to": FLOAT} if way == "Cast" else {}))
    if m.batch_first:
        signal = m.add("Transpose", signal, perm=[1, 0, 2])
    if m.chance(0.15):
        signal = trouble(m, signal, size)
    if m.chance(0.1):
        signal, size = m.add("MatMul", signal, m.const(m.normal(size, 2))), 2
    return signal, size


def trouble(m, signal, size):
    """Do something to a signal (time, batch, size) that is no part of a recurrent layer."""
    way = m.pick("Relu", "Add", "turned", "permuted", "Mul", "rounded", "other batch")
    if way == "turned":
        return m.add("Slice", signal, m.ints(-1), m.ints(-(2**60)), m.ints(0), m.ints(-1))
    if way == "permuted":
        return m.add("Gather", signal, m.const(m.rng.permutation(size), np.int64), axis=2)
    if way == "other batch":
        return m.add("Gather", signal, m.ints(*m.rng.permutation(BATCH)), axis=1)
    if way == "rounded":
        return m.add("Cast", m.add("Cast", signal, to=TensorProto.INT64), to=FLOAT)
    return m.add(way, signal) if way == "Relu" else m.add(way, signal, m.const(m.normal(size)))


def layer_plan(m):
    return m.pick("LSTM", "LSTM", "GRU", "RNN"), int(m.rng.choice([1, 1, 2])), int(m.rng.integers(1, 4))


def pooled(m, plan, states):
    """Feed the states of all layers in one array, where that is how they come."""
    if states not in ("packed", "stacked", "swapped"):
        return {}
    units = plan[0][2]
    plan[:] = [(plan[0][0], plan[0][1], units)] * len(plan)
    chains = plan[0][1] * len(plan)
    parts = 2 if plan[0][0] == "LSTM" else 1
    if states == "packed":
        whole = m.normal(parts * chains, BATCH, units)
        m.feed("state", whole, m.pick(None, [None] * 3, [None, "batch", units]))
        return {"state": whole, "chains": chains}
    h, c = m.normal(chains, BATCH, units), m.normal(chains, BATCH, units)
    m.feed("h0", h, m.pick(None, [None] * 3))
    if parts == 2:
        m.feed("c0", c, m.pick(None, [None] * 3))
    return {"h0": h, "c0": c, "chains": chains}


def state_of(m, part, states, pools, n, layers, ways, units, signal, size):
    """Return the name of the initial state `part` (0 h, 1 c) of layer n, and its numbers; or "" and zeros."""
    zeros = np.zeros((ways, BATCH, units))
    if states == "zeros":
        return m.const(zeros), zeros
    if states == "filled":
        batch = m.add("Gather", m.add("Shape", signal), m.ints(1), axis=0)
        shape = m.add("Concat", m.ints(ways), batch, m.ints(units), axis=0)
        way = m.pick("ConstantOfShape", "Expand")
        return (m.add(way, shape) if way == "ConstantOfShape" else m.add(way, m.const(np.zeros(1)), shape)), zeros
    if states == "constant":
        value = m.normal(ways, BATCH, units)
        return m.const(value), value
    if states == "of x":
        first = m.add("Slice", signal, m.ints(0), m.ints(1), m.ints(0))
        return m.add("Expand", m.add("MatMul", first, m.const(np.zeros((size, units)))), m.ints(ways, 1, 1)), zeros
    if states == "inputs":
        way = m.pick("whole", "units", "batch, units")
        shape = {"whole": (ways, BATCH, units), "units": (units,), "batch, units": (BATCH, units)}[way]
        value = m.normal(*shape)
        name = m.feed(f"s{part}{n}", value, m.pick(None, [None] * len(shape)))
        if way == "units":
            name = m.add("Expand", m.add("Unsqueeze", name, m.ints(0, 1)), m.ints(ways, BATCH, units))
        elif way == "batch, units":
            name = m.add("Expand", m.add("Unsqueeze", name, m.ints(0)), m.ints(ways, BATCH, units))
        return name, np.broadcast_to(value, (ways, BATCH, units))
    at = layers - 1 - n if states == "swapped" else n
    start = at * ways + (part * pools["chains"] if states == "packed" else 0)
    name = "state" if states == "packed" else ("h0", "c0")[part]
    value = pools[name][start : start + ways]
    way = m.pick("Slice", "Gather", "Split")
    if way == "Slice":
        return m.add("Slice", name, m.ints(start), m.ints(start + ways), m.ints(0)), value
    if way == "Gather":
        return m.add("Gather", name, m.ints(*range(start, start + ways)), axis=0), value
    rest = len(pools[name]) - start - ways
    cuts = [size for size in (start, ways, rest) if size]
    names = m.add("Split", name, m.ints(*cuts), outputs=len(cuts), axis=0)
    return (names if isinstance(names, str) else names[1 if start else 0]), value


def recurrent(m, signal, size, kind, ways, units, states, pools, n, layers):
    """Add a recurrent node and bring its outputs to (time, batch, ways units)."""
    gates = GATES[kind]
    w, r = m.const(m.normal(ways, gates * units, size)), m.const(m.normal(ways, gates * units, units))
    b = m.const(m.normal(ways, 2 * gates * units)) if m.chance(0.7) else ""
    lengths = "lengths" if m.lengths is not None and m.chance(0.95) else ""
    parts, values = ["", ""], [np.zeros((ways, BATCH, units))] * 2
    if states != "none":
        for part in range(2 if kind == "LSTM" else 1):
            parts[part], values[part] = state_of(m, part, states, pools, n, layers, ways, units, signal, size)
    inputs = [signal, w, r, b, lengths, *parts]
    options = {"hidden_size": units}
    options["direction"] = "bidirectional" if ways == 2 else m.pick("forward", "forward", "reverse")
    if kind == "LSTM":
        inputs.append(m.const(m.normal(ways, 3 * units)) if m.chance(0.2) else "")
        options |= {"input_forget": 1} if m.chance(0.15) else {}
    else:
        inputs = inputs[:6]
        options |= {"linear_before_reset": 1} if kind == "GRU" and m.chance(0.5) else {}
    if m.chance(0.2):
        words = {"LSTM": ["HardSigmoid", "Tanh", "Softplus"], "GRU": ["HardSigmoid", "Tanh"], "RNN": ["Relu"]}[kind]
        options["activations"] = words * ways
    made_of = m.add(kind, *inputs, outputs=3 if kind == "LSTM" else 2, **options)
    m.recurrent.append((m.nodes[-1].name, signal, made_of[0], *values, lengths))
    m.starts.append(values)
    way = m.pick("reshape", "squeeze") if ways == 1 else m.pick("reshape", "reshape", "swapped ways")
    y = made_of[0]
    if way == "squeeze":
        y = m.add("Squeeze", y, m.ints(1))
    else:
        y = m.add("Gather", y, m.ints(1, 0), axis=1) if way == "swapped ways" and m.chance(0.4) else y
        y = m.add("Reshape", m.add("Transpose", y, perm=[0, 2, 1, 3]), m.ints(0, 0, -1))
    return y, made_of[1], made_of[2] if kind == "LSTM" else None


def ends(m, signal, y_h, y_c, size, ways):
    """Read the last signal out, or hand it out in some arrangement."""
    way = m.pick("h", "h", "head", "head", "last", "state", "state head", "both", "trouble", "c")
    last = m.add("Reshape", m.add("Transpose", y_h, perm=[1, 0, 2]), m.ints(0, -1))
    if way in ("last", "both"):
        last = m.add("Gather", signal, m.const(m.pick(-1, TIME - 1, 0), np.int64), axis=0)
    answer = {"last": last, "state": y_h, "state head": last, "c": y_c or y_h}.get(way, signal)
    if way in ("head", "last", "state head", "both") and m.chance(0.85):
        answer = head(m, answer if way != "both" else signal, size, 3 if answer is signal or way == "both" else 2)
    if way == "trouble":
        answer = trouble(m, signal, size)
    if answer is signal and m.batch_first:
        answer = m.add("Transpose", answer, perm=[1, 0, 2])
    m.outputs = [answer, *([last] if way == "both" else []), *([y_h] if m.chance(0.3) else [])]
    m.outputs = list(dict.fromkeys(m.outputs))


def head(m, x, size, axes):
    count = int(m.rng.integers(1, 5))
    way = m.pick("MatMul", "MatMul and Add", "Gemm", "twice", "bias on the wrong axis")
    if way == "Gemm" and axes == 2:
        matrix = m.const(m.normal(count, size))
        return m.add("Gemm", x, matrix, m.const(m.normal(count)), transB=1, alpha=0.5, beta=2.0)
    y = m.add("MatMul", x, m.const(m.normal(size, count)))
    if way == "bias on the wrong axis" and axes == 3:
        turned = m.add("Add", m.add("Transpose", y, perm=[1, 2, 0]), m.const(m.normal(TIME)))
        return m.add("Transpose", turned, perm=[2, 0, 1])
    if way in ("MatMul and Add", "twice"):
        y = m.add("Add", y, m.const(m.normal(count)))
    return m.add("Add", y, m.const(m.normal(count))) if way == "twice" else y


def model_of(m, shown=()):
    """Return the ONNX model, with the values called `shown` among its outputs."""
    outputs = [helper.make_tensor_value_info(name, FLOAT, None) for name in dict.fromkeys((*m.outputs, *shown))]
    graph = helper.make_graph(m.nodes, "g", m.opened, outputs, m.stored)
    model: ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model


def answers(m):
    """Return what onnxruntime answers: the outputs, and of each recurrent node what it reads and makes."""
    import onnxruntime

    shown = [name for _, x, y, *_ in m.recurrent for name in (x, y) if name not in m.feeds]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model_of(m, shown).SerializeToString(), options)
    names = [each.name for each in session.get_outputs()]
    got = dict(zip(names, session.run(None, m.feeds), strict=True))
    return {name: array.astype(np.float64) for name, array in (m.feeds | got).items()}


def whole_error(m, lstm: LSTM, got):
    """Return how far `lstm` is from every output of the graph, in whatever arrangement of axes it stands."""
    x = np.asarray(m.feeds["x"], dtype=float)
    lengths = m.lengths if any(entry[-1] for entry in m.recurrent) else None
    outputs = lstm(x if m.batch_first else x.transpose(1, 0, 2), state_for(lstm, m.starts), lengths)
    state = outputs.state
    ours = [np.concatenate(state.h[-len(lstm.layers[-1].cells) :], axis=-1)]
    ours += [outputs.h] if outputs.y is None else [outputs.y, outputs.h]
    ours += [outputs.h[:, -1]]
    top = len(lstm.layers[-1].cells)
    ours += [np.stack(state.h[-top:]), np.stack(state.c[-top:])]
    first = [outputs.y] if outputs.y is not None else ours
    errors = [min(apart(got[m.outputs[0]], each) for each in first)]
    errors += [min(apart(got[name], each) for each in ours) for name in m.outputs[1:]]
    if lengths is not None and outputs.y is not None and outputs.y.ndim > 2:
        # beyond its end a sequence has y = 0 with us, and the bias in the graph
        theirs = got[m.outputs[0]].reshape(outputs.y.swapaxes(0, 1).shape).swapaxes(0, 1)
        errors[0] = float(abs(outputs.y - theirs)[np.arange(TIME) < lengths[:, None]].max())
    return max(errors)


def state_for(lstm, starts):
    h = [one for values in starts for one in values[0]]
    c = [one for values in starts for one in values[1]]
    sizes = lstm.state_sizes
    return State(h=tuple(h), c=tuple(each[:, :size] for each, (_, size) in zip(c, sizes, strict=True)))


def apart(theirs, ours):
    """Return the error of `ours` in the order of axes that fits best, infinity if none has the shape."""
    theirs, errors = np.squeeze(theirs), [np.inf]
    ours = np.squeeze(ours)
    for order in itertools.permutations(range(ours.ndim)):
        turned = ours.transpose(order)
        if turned.shape == theirs.shape:
            errors.append(float(abs(turned - theirs).max(initial=0.0)))
    return min(errors)


def node_error(entry, lstm, got, m):
    """Return how far a node taken alone is from what it does in the run of the graph."""
    _, x, y, h0, c0, lengths = entry
    ours = lstm(got[x].transpose(1, 0, 2), state_for(lstm, [(h0, c0)]), m.lengths if lengths else None)
    theirs = got[y].transpose(2, 0, 1, 3)
    return float(abs(ours.h - theirs.reshape(ours.h.shape)).max())


def outcome(m, got, path):
    """Return the error of the graph as a whole or the refusal, and of each node taken alone."""
    path.write_bytes(model_of(m).SerializeToString())
    alone = {}
    for entry in m.recurrent:
        try:
            alone[entry[0]] = node_error(entry, load(path, only=entry[0]), got, m)
        except LstmAnalogError as error:
            alone[entry[0]] = str(error)
    try:
        lstm = load(path)
    except LstmAnalogError as error:
        return str(error).split("': ", 1)[1], alone
    return whole_error(m, lstm, got), alone


def store():
    """Write what onnxruntime answers to the graphs of `SAMPLE`, but for those that it cannot run."""
    stored = {}
    for seed in SAMPLE:
        m = made(seed)
        keep = {*m.outputs, *(name for _, x, y, *_ in m.recurrent for name in (x, y))} - set(m.feeds)
        stored |= {f"{seed}.{name}": array.astype("f4") for name, array in answers(m).items() if name in keep}
    np.savez_compressed(STORED, **stored)


def counted(seed, folder, found):
    """Count in `found` what becomes of the graph of `seed`, say what is wrong, and return the largest error."""
    m = made(seed)
    whole, alone = outcome(m, answers(m), Path(folder) / "m.onnx")
    for each in alone.values():
        found[f"node alone: {'refused' if isinstance(each, str) else 'right' if each <= BOUND else 'WRONG'}"] += 1
    errors = [each for each in (whole, *alone.values()) if isinstance(each, float)]
    if isinstance(whole, str):
        found["whole: refused"] += 1
        found["whole: " + " ".join(whole.split(", got")[0].split()[-9:])] += 1
    else:
        found[f"whole: {'right' if whole <= BOUND else 'WRONG'}"] += 1
    if max(errors, default=0.0) > BOUND or any(isinstance(each, str) for each in alone.values()):
        print("LOOK AT", seed, whole, alone, m.notes)
    return max(errors, default=0.0)


def main(words):
    if words[:1] == ["store"]:
        store()
        return
    count, first = (int(word) for word in (*words, *("500", "0")[len(words) :]))
    found = Counter()
    with tempfile.TemporaryDirectory() as folder:
        worst = max(counted(seed, folder, found) for seed in range(first, first + count))
    print(f"{count} graphs from seed {first}; largest error {worst:.1e}")
    for word, number in found.most_common():
        print(f"{number:6d}  {word}")


if __name__ == "__main__":
    main(sys.argv[1:])
