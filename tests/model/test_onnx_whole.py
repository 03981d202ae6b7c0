"""Whole models in ONNX files (`others/make_onnx_whole.py`): they answer as onnxruntime does, or are refused by name."""

from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la

HERE = Path(__file__).parent / "others"
STORED = dict(np.load(HERE / "whole.npz")) | dict(np.load(HERE / "whole_keras.npz"))
FILES = sorted({key.split("|")[0] for key in STORED})
SINGLE = 1e-6
"""Largest error against answers in float32."""


def stored(file):
    """Return what the file was fed and answered, by name."""
    return {key.split("|")[1]: array for key, array in STORED.items() if key.split("|")[0] == file}


def called(model, given):
    """Return what `model` answers to x, with the states and lengths that the graph was given."""
    x = given["x"] if given["x"].ndim > 2 or given["x"].dtype.kind == "i" else given["x"][..., None]
    state = (given["h0"], given["c0"]) if "h0" in given else None
    return model(x, state, given.get("lengths"))


@pytest.mark.parametrize("file", FILES)
def test_a_whole_model_answers_as_onnxruntime_does(file):
    given = stored(file)
    answers = [name for name in given if name not in ("x", "h0", "c0", "lengths")]
    for name in answers:
        model = la.load_model(HERE / file, output=name if answers[1:] else None)
        ours = called(model, given)
        assert abs(ours.reshape(given[name].shape) - given[name]).max() <= SINGLE
