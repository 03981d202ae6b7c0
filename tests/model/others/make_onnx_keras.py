"""Makes the whole models of this folder that come from Keras by tf2onnx, and `whole_keras.npz`, as make_onnx_whole.py.

Run `KERAS_BACKEND=tensorflow python make_onnx_keras.py` with keras 3.15.1, tensorflow 2.21.0, tf2onnx 1.17.0 and
onnxruntime 1.32.0.
"""

from pathlib import Path

import keras
import numpy as np
import onnxruntime
from keras import layers

HERE = Path(__file__).parent


def exported(rng):
    """Export Keras models by tf2onnx, as Keras 3 does, and return the feeds by model."""
    keras.utils.set_random_seed(7)
    tags = keras.Sequential(
        [
            layers.Input((None, 3)),
            layers.Rescaling(0.5, offset=0.1),
            layers.Dense(4, activation="selu"),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.LSTM(3),
            layers.Dense(3, activation="softplus"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    text = keras.Sequential(
        [
            layers.Input((6,), dtype="int32"),
            layers.Embedding(9, 3),
            layers.LSTM(3, return_sequences=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3, activation="hard_sigmoid"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    feeds = {"whole_keras.onnx": {"x": rng.normal(size=(2, 5, 3)).astype("f4")}}
    feeds["whole_keras_text.onnx"] = {"x": rng.integers(0, 9, (2, 6)).astype("i4")}
    for model, file in ((tags, "whole_keras.onnx"), (text, "whole_keras_text.onnx")):
        model(feeds[file]["x"])
        model.export(str(HERE / file), format="onnx", verbose=False)
    return feeds


def answered(file, feeds):
    """Return what onnxruntime answers to the `feeds` of a file, and the feeds, by name."""
    session = onnxruntime.InferenceSession(str(HERE / file))
    names = [each.name for each in session.get_inputs()]
    fed = dict(zip(names, feeds.values(), strict=True))
    outputs = [each.name for each in session.get_outputs()]
    return {**feeds, **dict(zip(outputs, session.run(None, fed), strict=True))}


if __name__ == "__main__":
    stored = {}
    for case, given in exported(np.random.default_rng(21)).items():
        stored |= {f"{case}|{name}": array for name, array in answered(case, given).items()}
    np.savez_compressed(HERE / "whole_keras.npz", **stored)
