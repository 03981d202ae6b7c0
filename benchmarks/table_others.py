"""ONNX files of the shapes that others publish, kind by kind: `python benchmarks/table_others.py`.

Of each file in tests/model/others it says whether it loads as a stack with a linear head and as a whole model, how many
of its recurrent nodes load by `only=`, and the largest error against what onnxruntime answered: of these, or of the
whole model. With `PYTHONPATH` at another checkout it is that one's.
"""

from pathlib import Path

import numpy as np

from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import State, load, load_model

HERE = Path(__file__).resolve().parent.parent / "tests" / "model" / "others"


def error(file, node, given):
    """Return how far the node taken alone is from onnxruntime, or the refusal."""
    try:
        lstm = load(HERE / file, only=node)
    except LstmAnalogError as refusal:
        return str(refusal)
    state = None
    if "h0" in given:
        cells = given.get("c0", np.zeros((*given["h0"].shape[:2], 0)))
        state = State(h=tuple(given["h0"].astype(float)), c=tuple(cells.astype(float)))
    h = lstm(given["x"].transpose(1, 0, 2).astype(float), state).h
    return float(abs(h - given["y"].transpose(2, 0, 1, 3).reshape(h.shape)).max())


def said(read, path):
    """Return whether `read` takes the file at `path`, or what it refuses."""
    try:
        read(path)
    except LstmAnalogError as refusal:
        return f"refused: {str(refusal).split(': ', 1)[1].split(': ')[0]}"
    return "loads"


def whole_error(file, given):
    """Return how far the whole model is from onnxruntime, in the worst of its answers, or the refusal."""
    x = given["x"] if given["x"].ndim > 2 or given["x"].dtype.kind == "i" else given["x"][..., None]
    state = (given["h0"], given["c0"]) if "h0" in given else None
    names = [name for name in given if name not in ("x", "h0", "c0", "lengths")]
    worst = 0.0
    for name in names:
        model = load_model(HERE / file, output=name if names[1:] else None)
        ours = model(x, state, given.get("lengths"))
        worst = max(worst, float(abs(ours.reshape(given[name].shape) - given[name]).max()))
    return worst


def grouped(stored, parts):
    """Return what is `stored` by the first `parts` words of its names."""
    found = {}
    for key, each in stored.items():
        words = key.split("|")
        found.setdefault(tuple(words[:parts]), {})[words[-1]] = each
    return found


def main():
    nodes = grouped(dict(np.load(HERE / "onnx.npz")), 2)
    print("| file | as a stack | as a whole model | nodes by `only=` | largest error |\n|---|---|---|---|---|")
    for file in sorted({file for file, _ in nodes}):
        found = [error(file, node, each) for (other, node), each in sorted(nodes.items()) if other == file]
        right = [each for each in found if isinstance(each, float)]
        worst = f"{max(right):.1e}" if right else "-"
        ways = " | ".join(said(read, HERE / file) for read in (load, load_model))
        print(f"| {file} | {ways} | {len(right)} of {len(found)} | {worst} |")
    stored = dict(np.load(HERE / "whole.npz")) | dict(np.load(HERE / "whole_keras.npz"))
    for (file,), given in sorted(grouped(stored, 1).items()):
        ways = " | ".join(said(read, HERE / file) for read in (load, load_model))
        print(f"| {file} | {ways} | | {whole_error(file, given):.1e} |")


if __name__ == "__main__":
    main()
