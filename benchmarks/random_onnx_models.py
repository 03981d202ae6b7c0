"""Random whole models in ONNX against onnxruntime: `python benchmarks/random_onnx_models.py [count] [first seed]`.

500 from seed 0 unless told. Each seed makes a graph of recurrent nodes as `random_onnx.py` does, with numeric steps
before, between and after them, right ones and some that mix what belongs to different steps or sequences; words or
numbers go in, in either order of axes. What `load_model` takes must answer what onnxruntime does; all else must be
refused by a message of ours, whose advice is followed. `store` as the first word writes the sample that CI takes.

Needs onnx and onnxruntime 1.32.0; a minute.
"""

import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from random_onnx import BATCH, BOUND, TIME, Made, answers, apart, layer_plan, model_of, recurrent, state_for

from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import load, load_model

STORED = Path(__file__).resolve().parent.parent / "tests" / "model" / "others" / "random_onnx_models.npz"
SAMPLE = range(60)
CURVES = ["Relu", "Tanh", "Sigmoid", "Softplus", "Softsign", "LeakyRelu", "Elu", "Selu", "HardSigmoid", "HardSwish"]
WORDS = 7


def step(m, x, size):
    """Do a numeric step to the features, the last axis, of `x`; return the answer and its features."""
    kinds = ["linear", "linear", "gemm", "scaling", "curve", "curve", "clip", "batch norm", "layer norm"]
    way = m.pick(*kinds, "spelled norm", "gelu", "silu", "around", "softmax", "cast", "features", "power")
    if way in ("linear", "gemm"):
        count = int(m.rng.integers(1, 5))
        return linear(m, x, size, count, way == "gemm"), count
    if way == "features" and size > 1:
        count = int(m.rng.integers(1, size + 1))
        return m.add("Gather", x, m.const(m.rng.permutation(size)[:count], np.int64), axis=-1), count
    return alike(m, x, size, way), size


def linear(m, x, size, count, flat):
    """Multiply with a matrix and add a bias, on rows laid flat if asked to."""
    if flat:
        rows = m.add("Reshape", x, m.ints(-1, size))
        y = m.add("Gemm", rows, m.const(m.normal(count, size)), m.const(m.normal(count)), transB=1)
        shape = m.add("Shape", x)
        lead = m.add("Slice", shape, m.ints(0), m.ints(-1), m.ints(0))
        return m.add("Reshape", y, m.add("Concat", lead, m.ints(count), axis=0))
    y = m.add("MatMul", x, m.const(m.normal(size, count)))
    return m.add("Add", m.const(m.normal(count)), y) if m.chance(0.7) else y


def alike(m, x, size, way):
    """Do a step that leaves the number of features."""
    return ALIKE[way](m, x, size)


def scaling(m, x, size):
    some = m.normal(*m.pick((size,), (1,), (1, 1, size), ()))
    return m.add(m.pick("Mul", "Add", "Sub", "Div"), x, m.const(np.where(abs(some) < 0.2, 0.5, some)))


def clip(m, x, size):
    low, high = sorted(m.rng.normal(size=2))
    return m.add("Clip", x, *m.pick((m.const(low), m.const(high)), (m.const(low),), ("", m.const(high))))


def batch_norm(m, x, size):
    numbers = [m.const(np.abs(m.normal(size)) + (0.3 if n in (0, 3) else 0.0)) for n in range(4)]
    rows = m.add("Reshape", x, m.ints(-1, size))
    return m.add("Reshape", m.add("BatchNormalization", rows, *numbers), m.add("Shape", x))


def layer_norm(m, x, size):
    return m.add("LayerNormalization", x, m.const(m.normal(size)), m.const(m.normal(size)), epsilon=1e-2)


def spelled_norm(m, x, size):
    centred = m.add("Sub", x, m.add("ReduceMean", x, axes=[-1]))
    spread = m.add("ReduceMean", m.add("Pow", centred, m.const(2.0)), axes=[-1], keepdims=1)
    return m.add("Div", centred, m.add("Sqrt", m.add("Add", spread, m.const(0.01))))


def gelu(m, x, size):
    erf = m.add("Erf", m.add("Div", x, m.const(np.sqrt(2.0))))
    return m.add("Mul", m.add("Mul", x, m.add("Add", erf, m.const(1.0))), m.const(0.5))


ALIKE = {
    "scaling": scaling,
    "curve": lambda m, x, size: m.add(m.pick(*CURVES), x),
    "clip": clip,
    "batch norm": batch_norm,
    "layer norm": layer_norm,
    "spelled norm": spelled_norm,
    "gelu": gelu,
    "silu": lambda m, x, size: m.add("Mul", x, m.add("Sigmoid", x)),
    "around": lambda m, x, size: m.add(m.pick("Add", "Mul", "Sub"), x, m.add("Tanh", linear(m, x, size, size, False))),
    "softmax": lambda m, x, size: m.add(m.pick("Softmax", "LogSoftmax"), x, axis=-1),
    "power": lambda m, x, size: m.add("Pow", x, m.const(m.pick(2.0, 3.0))),
    "cast": lambda m, x, size: m.add("Cast", x, to=1),
    "features": lambda m, x, size: m.add("Identity", x),
}


def beyond(m, x, size):
    """Do to `x (time, batch, size)` what is no step on each row."""
    way = m.pick(
        "last twenty",
        "softmax",
        "bias",
        "mean",
        "turned",
        "largest",
        "length",
        "other batch",
        "running",
        "matrix of time",
    )
    if way == "softmax":
        return m.add("Softmax", x, axis=0)
    if way == "bias":
        return m.add("Add", x, m.const(m.normal(TIME, 1, 1)))
    if way in ("mean", "largest"):
        return m.add("Sub", x, m.add("ReduceMean" if way == "mean" else "ReduceMax", x, axes=[1]))
    if way == "turned":
        return m.add("Slice", x, m.ints(-1), m.ints(-(2**60)), m.ints(0), m.ints(-1))
    if way == "last twenty":
        return m.add("Slice", x, m.ints(-20), m.ints(2**40), m.ints(0), m.ints(1))
    if way == "length":
        steps = m.add("Cast", m.add("Gather", m.add("Shape", x), m.ints(0)), to=1)
        return m.add("Div", x, steps)
    if way == "other batch":
        return m.add("Gather", x, m.ints(1, 0), axis=1)
    if way == "running":
        return m.add("CumSum", x, m.const(0, np.int64))
    turned = m.add("Transpose", x, perm=[1, 2, 0])
    return m.add("Transpose", m.add("MatMul", turned, m.const(m.normal(TIME, TIME))), perm=[2, 0, 1])


def source(m):
    """Feed words or numbers and bring them to (time, batch, features)."""
    m.batch_first = m.chance(0.5)
    lead = (BATCH, TIME) if m.batch_first else (TIME, BATCH)
    axes = m.pick(None, ["b", "t"] if m.batch_first else ["t", "b"])
    kind = m.pick("words", "numbers", "numbers", "numbers", "series")
    size = {"words": 3, "series": 1}.get(kind) or int(m.rng.integers(1, 4))
    if kind == "words":
        words = m.feed("x", m.rng.integers(0, WORDS, lead), axes)
        x = m.add("Gather", m.const(m.normal(WORDS, size)), words, axis=0)
    elif kind == "series":
        x = m.add("Unsqueeze", m.feed("x", m.normal(*lead), axes), m.ints(-1))
    else:
        x = m.feed("x", m.normal(*lead, size), axes and [*axes, m.pick(size, None)])
    for _ in range(int(m.rng.integers(0, 3))):
        x, size = step(m, x, size)
    return (m.add("Transpose", x, perm=[1, 0, 2]) if m.batch_first else x), size


def pooled(m, x, y_h, size):
    """Take one vector a sequence of `x (time, batch, size)`, or all of them."""
    way = m.pick("every", "every", "last", "state", "state", "mean", "mean", "largest", "global", "first", "sum")
    if way == "state":
        return m.add("Reshape", m.add("Transpose", y_h, perm=[1, 0, 2]), m.ints(-1, size))
    if way in ("last", "first"):
        return m.add("Gather", x, m.const(-1 if way == "last" else 0, np.int64), axis=0)
    if way == "global":
        return m.add("Squeeze", m.add("GlobalAveragePool", m.add("Transpose", x, perm=[1, 2, 0])), m.ints(2))
    if way == "sum":
        return m.add("ReduceSum", x, m.ints(0), keepdims=0)
    word = {"mean": "ReduceMean", "largest": "ReduceMax"}.get(way)
    return m.add(word, x, axes=[0], keepdims=0) if word else x


def made(seed):
    """Return the graph of `seed`."""
    m = Made(rng=np.random.default_rng(seed))
    x, size = source(m)
    if m.chance(0.05):
        x = beyond(m, x, size)
    if m.chance(0.12):
        m.lengths = np.array([TIME - 1, TIME], dtype=np.int32)
        m.feed("lengths", m.lengths, ["b"])
    layers, states = int(m.rng.choice([1, 1, 2])), m.pick("none", "none", "none", "filled", "inputs")
    for n in range(layers):
        kind, ways, units = layer_plan(m)
        x, y_h, _ = recurrent(m, x, size, kind, ways, units, states, {}, n, layers)
        size = units * ways
        for _ in range(int(m.rng.integers(0, 3)) if n + 1 < layers else 0):
            x = linear(m, x, size, size, False) if m.chance(0.8) else alike(m, x, size, "curve")
    if m.chance(0.05):
        x = beyond(m, x, size)
    x = pooled(m, x, y_h, size)
    for _ in range(int(m.rng.integers(0, 4))):
        x, size = step(m, x, size)
    m.outputs = [x, *([y_h] if m.chance(0.1) and x != y_h else [])]
    return m


def outcome(m, got, path):
    """Return how far the model in the graph is from onnxruntime, or the refusal."""
    path.write_bytes(model_of(m).SerializeToString())
    try:
        model = load_model(path)
    except LstmAnalogError as refusal:
        for name in re.findall(r"with only='([^']*)'", str(refusal)):
            assert load(path, only=name).layers
        for name in re.findall(r"output='([^']*)'", str(refusal)):
            assert load_model(path, output=name).lstm.layers
        return str(refusal).split("': ", 1)[1]
    x = m.feeds["x"] if m.batch_first else m.feeds["x"].swapaxes(0, 1)
    x = x[..., None] if x.ndim == 2 and x.dtype.kind == "f" else x
    lengths = m.lengths if any(entry[-1] for entry in m.recurrent) else None
    theirs = got[m.outputs[0]]
    return apart(theirs, model(x, state_for(model.lstm, m.starts), lengths)) / max(1.0, abs(theirs).max())


def store():
    """Write what onnxruntime answers to the graphs of `SAMPLE`."""
    graphs = {seed: made(seed) for seed in SAMPLE}
    stored = {f"{seed}": answers(m)[m.outputs[0]].astype("f4") for seed, m in graphs.items()}
    np.savez_compressed(STORED, **stored)


def main(words):
    if words[:1] == ["store"]:
        store()
        return
    count, first = (int(word) for word in (*words, *("500", "0")[len(words) :]))
    found, worst = Counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            m = made(seed)
            said = outcome(m, answers(m), Path(folder) / "m.onnx")
            if isinstance(said, str):
                found["refused"] += 1
                found["refused: " + re.sub("'[nv][0-9_]+' ", "", said).split(": take")[0]] += 1
                continue
            worst = max(worst, said)
            found["right" if said <= BOUND else "WRONG"] += 1
            if not said <= BOUND:
                print("LOOK AT", seed, said, m.notes)
    print(f"{count} models from seed {first}; largest error {worst:.1e}")
    for word, number in found.most_common():
        print(f"{number:6d}  {word}")


if __name__ == "__main__":
    main(sys.argv[1:])
