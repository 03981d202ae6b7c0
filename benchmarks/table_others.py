"""ONNX files of the shapes that others publish, kind by kind: `python benchmarks/table_others.py`.

Of each file in tests/model/others it says whether it loads as a whole, how many of its recurrent nodes load by `only=`,
and the largest error of these against what onnxruntime answered; with `PYTHONPATH` at another checkout, of that one.
"""

from pathlib import Path

import numpy as np

from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import State, load

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


def main():
    stored = dict(np.load(HERE / "onnx.npz"))
    nodes = sorted({tuple(key.split("|")[:2]) for key in stored})
    print("| file | as a whole | nodes by `only=` | largest error |\n|---|---|---|---|")
    for file in sorted({file for file, _ in nodes}):
        try:
            load(HERE / file)
            whole = "loads"
        except LstmAnalogError as refusal:
            whole = f"refused: {str(refusal).split(': ', 1)[1].split(', got')[0]}"
        given = {
            node: {key.split("|")[2]: each for key, each in stored.items() if key.startswith(f"{file}|{node}|")}
            for other, node in nodes
            if other == file
        }
        found = [error(file, node, each) for node, each in given.items()]
        right = [each for each in found if isinstance(each, float)]
        worst = f"{max(right):.1e}" if right else "-"
        print(f"| {file} | {whole} | {len(right)} of {len(found)} | {worst} |")


if __name__ == "__main__":
    main()
