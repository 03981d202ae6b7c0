"""Makes the files of plain RNNs: run with keras 3 and its torch backend from this folder: `python make_rnn.py`.

`rnn.npz` holds for each the inputs and the model's own answer, in float32: Keras rounds to it on any backend but
TensorFlow.
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent
TIME, INPUTS, UNITS = 5, 2, 3
EACH = {"return_sequences": True}


def cases():
    """Yield name, ending and layers."""
    yield "rnn_two_ways", ".keras", [layers.Bidirectional(layers.SimpleRNN(UNITS, **EACH)), layers.Dense(2)]
    yield "rnn_relu", ".keras", [layers.SimpleRNN(UNITS, activation="relu", use_bias=False, **EACH)]
    cells = [layers.SimpleRNNCell(UNITS), layers.LSTMCell(2)]
    yield "rnn_cells", ".h5", [layers.RNN(layers.StackedRNNCells(cells)), layers.Dense(1)]
    yield "rnn_alone", ".weights.h5", [layers.SimpleRNN(UNITS, **EACH)]


def main():
    answers = {}
    for seed, (name, ending, chain) in enumerate(cases()):
        rng = np.random.default_rng(seed)
        model = keras.Sequential([keras.Input((TIME, INPUTS)), *chain], name=name)
        model.set_weights([rng.normal(0.3, 0.7, size=weights.shape) for weights in model.get_weights()])
        x = rng.normal(size=(2, TIME, INPUTS)).astype("float32")
        answers |= {f"{name}.x": x, f"{name}.answer": keras.ops.convert_to_numpy(model(x))}
        path = HERE / f"{name}{ending}"
        model.save_weights(path) if ending == ".weights.h5" else model.save(path)
    np.savez(HERE / "rnn.npz", **answers)


if __name__ == "__main__":
    main()
