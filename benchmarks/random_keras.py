"""Random Keras models against Keras: `KERAS_BACKEND=jax python benchmarks/random_keras.py 0 200` for seeds 0 to 199.

With keras 3.15.1, whose answers are in float32. Each seed draws a model (words or numbers in, masks, layers of all
kinds and directions, pooling, Dense layers; some of it beyond what is offered), saves it in one of four ways and loads
it. Prints how many loaded, were refused by name, answered otherwise than Keras (WRONG) or raised a bare error (BARE);
what was refused, and why, goes to the standard error.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers
from keras.src.legacy.saving import legacy_h5_format

from lstm_analog.errors import LstmAnalogError
from lstm_analog.model import load_model

TIME, WORDS = 6, 9
LARGEST = 2e-5
"""Error allowed, of the largest answer: float32 through up to three layers with ReLUs that need not stay small."""

ACTIVATIONS = (
    "linear",
    "relu",
    "tanh",
    "sigmoid",
    "softmax",
    "softplus",
    "gelu",
    "softsign",
    "silu",
    "elu",
    "selu",
    "mish",
    "relu6",
)


def recurrent(rng, sequence):
    kind = str(rng.choice(["LSTM", "GRU", "SimpleRNN"]))
    options = {"return_sequences": bool(sequence), "use_bias": bool(rng.random() < 0.85)}
    if kind == "GRU":
        options["reset_after"] = bool(rng.random() < 0.6)
    if rng.random() < 0.2:
        options["activation"] = str(rng.choice(["relu", "tanh", "softsign"]))
    if kind != "SimpleRNN" and rng.random() < 0.2:
        options["recurrent_activation"] = "hard_sigmoid"
    units, way = int(rng.integers(1, 5)), rng.random()
    if way < 0.3:
        mode = str(rng.choice(["concat", "sum", "ave", "mul"], p=[0.6, 0.2, 0.15, 0.05]))
        return layers.Bidirectional(getattr(layers, kind)(units, **options), merge_mode=mode)
    options |= {"go_backwards": way < 0.38, "zero_output_for_mask": way > 0.95}
    return getattr(layers, kind)(units, **options)


def between(rng):
    """Return a layer that may stand between two recurrent ones; one in six of them is not linear."""
    linear = layers.Dense(int(rng.integers(1, 5)), use_bias=bool(rng.random() < 0.6))
    choices = [layers.BatchNormalization(), layers.BatchNormalization(center=False, scale=False), linear]
    choices += [layers.TimeDistributed(layers.Dense(2)), layers.Rescaling(0.7, -0.2), layers.Dense(2, "relu")]
    return choices[rng.integers(len(choices))]


def dense(rng):
    usual, rare = ACTIVATIONS[:5], ACTIVATIONS[5:]
    activation = str(rng.choice(usual, p=[0.4, 0.2, 0.15, 0.1, 0.15]) if rng.random() < 0.8 else rng.choice(rare))
    return layers.Dense(int(rng.integers(1, 5)), activation=activation, use_bias=bool(rng.random() < 0.8))


def chain_of(rng, words):
    """Return layers that Keras may refuse to put together."""
    masked = bool(rng.random() < 0.5)
    chain = [layers.Embedding(WORDS, int(rng.integers(1, 4)), mask_zero=masked)] if words else []
    if not words:
        scaling = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 0.5, 2.0])
        choices = [layers.Masking(float(rng.choice([0.0, -1.1]))), scaling, layers.Rescaling(0.3, 0.1), dense(rng)]
        chain += [choices[n] for n in rng.permutation(4)[: rng.integers(0, 3)]]
    chain += [layers.Conv1D(2, 2, padding="same")] if rng.random() < 0.1 else []
    count, final = int(rng.integers(1, 4)), rng.random() < 0.5
    for number in range(count):
        chain += [recurrent(rng, number < count - 1 or not final), layers.Dropout(0.1)]
        chain += [between(rng) for _ in range(rng.integers(1, 3))] if rng.random() < 0.25 else []
    if not final:
        pools = [layers.GlobalAveragePooling1D(), layers.GlobalMaxPooling1D(keepdims=True), layers.Flatten()]
        chain += [[*pools, layers.Reshape((-1,))][rng.integers(4)]] if rng.random() < 0.6 else []
    for _ in range(rng.integers(0, 3)):
        chain += [dense(rng)]
        chain += [layers.BatchNormalization(scale=bool(rng.random() < 0.5))] if rng.random() < 0.2 else []
        extra = [layers.ReLU(), layers.Softmax(), layers.LayerNormalization(), layers.LeakyReLU(), layers.ELU()]
        chain += [extra[rng.integers(5)]] if rng.random() < 0.25 else []
    if final and rng.random() < 0.15:
        chain += [layers.Dense(6), layers.Reshape((3, -1))]
    return chain


def drawn(rng):
    """Return a model with weights drawn one by one, and inputs for it, padded here and there."""
    words = rng.random() < 0.5
    flat = not words and rng.random() < 0.15
    source, chain = keras.Input((TIME,) if words else (TIME * 3,) if flat else (TIME, 3)), chain_of(rng, words)
    chain = [layers.Reshape((TIME, 3)), *chain] if flat else chain
    if rng.random() < 0.5:
        model = keras.Sequential([source, *chain])
    else:
        h = source
        for layer in chain:
            h = layer(h)
        model = keras.Model(source, h)
    for weights in model.weights:
        if weights.path.split("/")[-1] not in ("count", "mean", "variance") and "seed" not in weights.path:
            values = rng.normal(0.1, 0.6, weights.shape)
            weights.assign(np.abs(values) + 0.3 if "variance" in weights.path else values)
    x = rng.integers(0, WORDS, (5, TIME)) if words else rng.normal(1, 1.5, (5, TIME, 3)).astype("f4")
    if words:
        x[:, 2] = 1
    for layer in chain:
        if isinstance(layer, layers.Masking):
            x[0, :2] = x[1, 4:] = x[2, [1, 3]] = layer.mask_value
    x = x.reshape(5, -1) if flat else x
    return model, x, np.asarray(model(x))


def saved(model, way, folder):
    """Save `model` in one of four ways, and return what `load_model` is given."""
    path, config = folder / f"m{('.keras', '.h5', '.weights.h5', '_2.h5')[way]}", folder / "model.json"
    if way < 2:
        model.save(path)
        return {"path": path}
    config.write_text(model.to_json())
    if way == 2:
        model.save_weights(path)
    else:
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return {"path": path, "config": config}


def outcome(seed, folder):
    keras.backend.clear_session()
    try:
        model, x, y = drawn(np.random.default_rng(seed))
    except Exception:  # noqa: BLE001 - what Keras itself does not build or run
        return "not built by Keras"
    given = saved(model, seed % 4, folder)
    try:
        error = abs(load_model(**given)(x) - y).max() / max(1, abs(y).max())
    except LstmAnalogError as error:
        sys.stderr.write(f"{seed} refused: {error}\n")
        return "refused"
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        return f"BARE {seed}: {type(error).__name__} {error}"
    return "loaded" if error < LARGEST else f"WRONG {seed}: {error}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        seeds = range(int(sys.argv[1]), int(sys.argv[2]))
        for result, number in Counter(outcome(seed, Path(temporary)) for seed in seeds).items():
            sys.stdout.write(f"{number:6} {result}\n")
