"""Makes the Keras files: run with keras 3.15.1 and tensorflow 2.21.0 from this folder: `python make_keras.py`.

Each case is a small model whose weights are drawn one by one, in float64 but for `lstm_f32`. `keras.npz` holds for each
the inputs, perhaps a state `h0, c0` or `lengths` (a mask), and the model's own answer. TensorFlow, because Keras rounds
to float32 whatever its layers multiply on any other backend (`keras.backend.result_type`).
"""

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent
TIME, INPUTS, UNITS = 5, 2, 3
EACH = {"return_sequences": True}
DTYPES = ("float32", *("float64",) * 18)


def cases():
    """Yield name, ending and layers."""
    yield "lstm_f32", ".keras", [layers.LSTM(UNITS, **EACH)]
    yield "stacked", ".keras", [layers.LSTM(UNITS, **EACH), layers.Dropout(0.1), layers.LSTM(4, **EACH)]
    yield "bidirectional", ".keras", [layers.Bidirectional(layers.LSTM(UNITS)), layers.Dense(2)]
    yield "gru_after", ".keras", [layers.GRU(UNITS, **EACH), layers.TimeDistributed(layers.Dense(2))]
    yield "gru_before", ".h5", [layers.GRU(UNITS, reset_after=False, **EACH)]
    yield "backwards", ".h5", [layers.LSTM(UNITS, go_backwards=True, **EACH), layers.LSTM(2, go_backwards=True, **EACH)]
    yield "hard_sigmoid", ".keras", [layers.LSTM(UNITS, recurrent_activation="hard_sigmoid", use_bias=False, **EACH)]
    yield "cells", ".h5", [layers.RNN(layers.StackedRNNCells([layers.LSTMCell(UNITS), layers.GRUCell(2)]), **EACH)]
    yield "last_backwards", ".keras", [layers.GRU(UNITS, go_backwards=True), layers.Dense(2, use_bias=False)]
    yield "alone", ".weights.h5", [layers.LSTM(UNITS, **EACH), layers.Dense(2)]
    yield "softmax", ".keras", [layers.LSTM(UNITS), layers.Dense(2, activation="softmax")]
    yield "reversed", ".keras", [layers.LSTM(UNITS, go_backwards=True, **EACH)]
    yield "convolution", ".keras", [layers.Conv1D(UNITS, 2), layers.LSTM(UNITS)]
    yield "lengths", ".keras", [layers.Bidirectional(layers.LSTM(UNITS, **EACH)), layers.GRU(UNITS)]
    yield "state", ".keras", [layers.LSTM(UNITS, **EACH)]
    yield "relu", ".keras", [layers.LSTM(UNITS, activation="relu", **EACH)]
    yield "gru_before_alone", ".weights.h5", [layers.GRU(UNITS, reset_after=False, **EACH)]
    cells = [layers.LSTMCell(UNITS), layers.GRUCell(2), layers.LSTMCell(4), layers.GRUCell(UNITS)]
    yield "mixed_cells", ".keras", [layers.RNN(cells, **EACH)]
    yield "masking", ".keras", [layers.Masking(), layers.LSTM(UNITS)]


def make(name, ending, chain, dtype, answers, seed):
    """Save one model and note its answer."""
    rng = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input((TIME, INPUTS), dtype=dtype), *chain], name=name)
    model.set_weights([rng.normal(0.3, 0.7, size=weights.shape) for weights in model.get_weights()])
    x = rng.normal(size=(2, TIME, INPUTS)).astype(dtype)
    noted, options = {"x": x}, {}
    if name == "lengths":
        noted["lengths"] = np.array([2, TIME])
        options = {"mask": np.arange(TIME) < noted["lengths"][:, None]}
    if name == "state":
        noted |= {key: rng.normal(size=(2, UNITS)) for key in ("h0", "c0")}
        options = {"initial_state": [keras.ops.convert_to_tensor(noted[key]) for key in ("h0", "c0")]}
    answer = (model.layers[0] if name == "state" else model)(x, **options)
    noted["y"] = keras.ops.convert_to_numpy(answer)
    answers |= {f"{name}.{key}": value for key, value in noted.items()}
    (model.save_weights if ending == ".weights.h5" else model.save)(HERE / f"{name}{ending}")


if __name__ == "__main__":
    found: dict[str, np.ndarray] = {}
    for number, dtype in enumerate(DTYPES):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        keras.backend.clear_session()  # names count from 1 again
        chosen = next(case for n, case in enumerate(cases()) if n == number)
        make(*chosen, dtype, found, seed=90 + number)
    np.savez_compressed(HERE / "keras.npz", **found)
