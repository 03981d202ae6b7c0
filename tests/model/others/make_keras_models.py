"""Makes the Keras files of this folder: `KERAS_BACKEND=jax python make_keras_models.py`, with keras 3.15.1 and h5py.

Each is the shape of a kind of model that people publish, small, with weights drawn one by one; `keras.npz` holds inputs
and Keras' own answer to each, in float32. Files of Keras 2 are written by h5py in the layout of Keras 2.15
(`hdf5_format.save_weights_to_hdf5_group`, `_convert_rnn_weights` turned round for CuDNN), since that needs tensorflow;
their answers are those of the same model in Keras 3.
"""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
from keras import layers

HERE = Path(__file__).parent
TIME, WORDS = 6, 11
EACH = {"return_sequences": True}


def text():
    """Characters to a word: an embedding, two layers of which each answers, the last h to a softmax."""
    return [
        keras.Input((TIME,)),
        layers.Embedding(WORDS, 4),
        layers.LSTM(3, **EACH, name="rnn_1"),
        layers.LSTM(3, name="rnn_2"),
        layers.Dense(WORDS, activation="softmax"),
    ]


def sentiment():
    """Padded sentences: a masked embedding, both directions, the mean of the words that count."""
    source = keras.Input((TIME,))
    h = layers.Embedding(WORDS, 4, mask_zero=True)(source)
    h = layers.SpatialDropout1D(0.2)(h)
    h = layers.Bidirectional(layers.GRU(3, **EACH))(h)
    h = layers.GlobalAveragePooling1D()(h)
    h = layers.Dense(4, activation="relu")(h)
    return keras.Model(source, layers.Dense(1, activation="sigmoid")(h))


def sleep():
    """Nights of different length: masking, a class a step of time, held where a step is masked."""
    return [
        keras.Input((TIME, 3)),
        layers.Masking(-1.1),
        layers.LSTM(4, **EACH),
        layers.LSTM(3, **EACH),
        layers.TimeDistributed(layers.Dense(5, activation="softmax")),
    ]


def sleep_functional():
    """The same as Keras 3 writes it from calls: the mask is operations of the graph."""
    source = keras.Input((TIME, 3))
    h = layers.Masking(0.0)(source)
    h = layers.Bidirectional(layers.LSTM(3, **EACH))(h)
    return keras.Model(source, layers.Dense(2, activation="tanh")(layers.LSTM(3)(h)))


def forecaster():
    """Weather or load: inputs scaled, a Dense layer before the LSTM, two behind it."""
    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(3).normal(5, 3, (50, TIME, 2)))
    return [
        keras.Input((TIME, 2)),
        norm,
        layers.Rescaling(0.5, offset=0.1),
        layers.Dense(3, activation="relu"),
        layers.LSTM(4),
        layers.BatchNormalization(),
        layers.Dense(3, activation="tanh"),
        layers.Dropout(0.3),
        layers.Dense(2),
    ]


def music():
    """DNA or music: both directions, the largest of each feature, dense layers."""
    return [
        keras.Input((TIME, 4)),
        layers.Bidirectional(layers.LSTM(3, **EACH)),
        layers.GlobalMaxPooling1D(),
        layers.Dense(4),
        layers.Activation("relu"),
        layers.Dense(3),
        layers.Softmax(),
    ]


def masked_backwards():
    """A layer that runs backward through padded sequences to its final h."""
    return [
        keras.Input((TIME,)),
        layers.Embedding(WORDS, 3, mask_zero=True),
        layers.SimpleRNN(3, go_backwards=True),
        layers.Dense(2),
    ]


def convolution():
    """Beyond what is offered: a convolution in front."""
    return [keras.Input((TIME, 2)), layers.Conv1D(3, 2), layers.LSTM(3, name="core"), layers.Dense(2)]


def branches():
    """Beyond what is offered: two branches."""
    source = keras.Input((TIME, 2))
    ways = [layers.LSTM(2, name="left")(source), layers.GRU(3, name="right")(source)]
    return keras.Model(source, layers.Dense(2)(layers.Concatenate()(ways)))


def between():
    """Masked words through layers between the recurrent ones that are linear, and directions that are added."""
    return [
        keras.Input((TIME,)),
        layers.Embedding(WORDS, 4, mask_zero=True),
        layers.Bidirectional(layers.LSTM(3, **EACH), merge_mode="sum", name="rnn_1"),
        layers.BatchNormalization(name="norm"),
        layers.Dropout(0.2),
        layers.Dense(4, name="mix"),
        layers.GRU(3, **EACH, name="rnn_2"),
        layers.TimeDistributed(layers.Dense(2, use_bias=False), name="mix_2"),
        layers.Bidirectional(layers.LSTM(3), merge_mode="ave", name="rnn_3"),
        layers.BatchNormalization(),
        layers.Dense(2, activation="softmax"),
    ]


def linear():
    """Nothing but recurrent and linear layers: `load` takes it, the last ones as its head."""
    return [
        keras.Input((TIME, 2)),
        layers.Bidirectional(layers.GRU(3, **EACH, reset_after=False, use_bias=False), merge_mode="ave"),
        layers.BatchNormalization(),
        layers.Rescaling(2.0, offset=-0.1),
        layers.SimpleRNN(3, **EACH),
        layers.Dense(3),
        layers.RNN([keras.layers.LSTMCell(2), keras.layers.GRUCell(3)]),
        layers.BatchNormalization(center=False),
        layers.Dense(2),
    ]


def steps_ahead():
    """A forecaster of three steps at once: all h side by side, Dense, a shape of its own."""
    return [
        keras.Input((TIME, 3)),
        layers.LSTM(3, **EACH),
        layers.Flatten(),
        layers.Dense(6),
        layers.Reshape((3, -1)),
        layers.Dense(2, activation="tanh"),
    ]


def rows_of_images():
    """Images by rows of all their pixels, the largest of each feature, kept as a sequence of one."""
    source = keras.Input((TIME, 3, 2))
    h = layers.Reshape((TIME, -1))(source)
    h = layers.LSTM(3, **EACH)(layers.Dense(4, activation="relu")(h))
    h = layers.GlobalMaxPooling1D(keepdims=True)(h)
    return keras.Model(source, layers.Dense(2, activation="softmax")(h))


def curves():
    """Layers that are curves, activations that stay numbers, and what normalises the features of a step."""
    return [
        keras.Input((TIME, 3)),
        layers.Dense(4, activation="gelu"),
        layers.LayerNormalization(center=False),
        layers.LSTM(4, **EACH),
        layers.LayerNormalization(epsilon=0.05),
        layers.LeakyReLU(negative_slope=0.2),
        layers.ELU(alpha=0.7),
        layers.ReLU(max_value=0.9),
        layers.Dense(3, activation="softsign"),
    ]


CURVES = ("gelu", "softsign", "elu", "celu", "selu", "leaky_relu", "relu6", "hard_tanh", "silu", "swish", "hard_silu")
CURVES += ("hard_swish", "mish", "log_sigmoid", "exponential", "softmax", "log_softmax")


def product():
    """Beyond what is offered: the product of two directions."""
    return [keras.Input((TIME, 2)), layers.Bidirectional(layers.LSTM(2, name="core"), merge_mode="mul", name="both")]


def curved():
    """Beyond what is offered: a layer that is not linear between two."""
    return [
        keras.Input((TIME, 2)),
        layers.LSTM(3, **EACH, name="lower"),
        layers.Dense(3, activation="relu", name="curve"),
        layers.LSTM(2, name="upper"),
    ]


def built(made, rng):
    model = made if isinstance(made, keras.Model) else keras.Sequential(made)
    for weights in model.weights:
        if weights.path.split("/")[-1] in ("count", "mean", "variance") or "seed" in weights.path:
            continue
        values = rng.normal(0.1, 0.6, size=weights.shape)
        weights.assign(np.abs(values) + 0.2 if "variance" in weights.path else values)
    return model


def inputs(name, model, rng):
    if len(model.input_shape) == 2:
        x = rng.integers(1, WORDS, size=(4, TIME))
        if name != "keras_text":
            x[0, :2] = 0  # padded before
            x[1, 4:] = 0  # behind
            x[2, [1, 4]] = 0  # between
        return x
    x = rng.normal(1.0, 1.5, size=(4, *model.input_shape[1:])).astype("f4")
    if "sleep" in name:
        value = 0.0 if "functional" in name else -1.1
        x[0, :2] = x[1, 4:] = x[2, [1, 4]] = value
    return x


def cudnn(kernel, recurrent, bias, gates):
    """Return the arrays of a CuDNN layer for those of a plain one."""

    def by_rows(matrix):
        return np.hstack([k.T.reshape(k.shape) for k in np.hsplit(matrix, gates)])

    turned = np.hstack([k.T for k in np.hsplit(recurrent, gates)])
    return [by_rows(kernel), turned, np.tile(0.5 * bias, 2) if bias.ndim == 1 else bias.reshape(-1)]


def write_keras_2(path, model, config, packed=False):
    """Write what Keras 2.15's `save` writes, or `save_weights` if there is no `config`."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.15.0", b"tensorflow"
        root = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
            root = file.create_group("model_weights")
            root.attrs["keras_version"], root.attrs["backend"] = b"2.15.0", b"tensorflow"
        root.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = root.create_group(layer.name)
            arrays = [np.asarray(w) for w in layer.get_weights()]
            names = [f"{layer.name}/{w.path.split(layer.name + '/')[-1]}:0" for w in layer.weights]
            if packed and isinstance(layer, layers.LSTM | layers.GRU):
                arrays = cudnn(*arrays, 4 if isinstance(layer, layers.LSTM) else 3)
                names = [f"{layer.name}/{word}:0" for word in ("kernel", "recurrent_kernel", "bias")]
            group.attrs["weight_names"] = [name.encode() for name in names] or np.zeros(0)
            for name, array in zip(names, arrays, strict=True):
                group.create_dataset(name, data=array)
        if config is None:
            root.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros(0)


def keras_2_config(chain):
    """Return the configuration that Keras 2 wrote for a Sequential model of (class, options)."""
    common = {"trainable": True, "dtype": "float32"}
    entries = [{"class_name": kind, "config": common | options} for kind, options in chain]
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": entries}}


def cudnn_text():
    """The text model in Keras 2 as a GPU had it: CuDNN cells, their bias doubled."""
    return [
        keras.Input((TIME,)),
        layers.Embedding(WORDS, 4, name="embedding"),
        layers.LSTM(3, **EACH, name="rnn_1"),
        layers.GRU(3, name="rnn_2"),
        layers.Dense(WORDS, activation="softmax", name="output"),
    ]


CUDNN = keras_2_config(
    [
        ("Embedding", {"name": "embedding", "batch_input_shape": [None, TIME], "input_dim": WORDS, "output_dim": 4}),
        ("CuDNNLSTM", {"name": "rnn_1", "units": 3, "return_sequences": True, "return_state": False}),
        ("CuDNNGRU", {"name": "rnn_2", "units": 3, "return_sequences": False, "go_backwards": False}),
        ("Dense", {"name": "output", "units": WORDS, "activation": "softmax", "use_bias": True}),
    ]
)


def main():
    answers = {}

    def noted(name, model, rng):
        x = inputs(name, model, rng)
        answers[f"{name}.x"], answers[f"{name}.y"] = x, np.asarray(model(x))

    whole = (text, sentiment, sleep, sleep_functional, forecaster, music, masked_backwards, convolution, branches)
    whole += (between, linear, steps_ahead, rows_of_images, product, curved, curves)
    for number, make in enumerate(whole):
        keras.backend.clear_session()
        rng = np.random.default_rng(200 + number)
        model, name = built(make(), rng), f"keras_{make.__name__}"
        model.save(HERE / f"{name}.{'h5' if make in (music, sentiment) else 'keras'}")
        noted(name, model, rng)
        if make is text:
            model.save_weights(HERE / "keras_text.weights.h5")
            (HERE / "keras_text.json").write_text(model.to_json())
            write_keras_2(HERE / "keras_text_2.h5", model, None)
    keras.backend.clear_session()
    rng = np.random.default_rng(300)
    model = built(cudnn_text(), rng)
    bias = model.get_layer("rnn_1").weights[2]  # CuDNN's has two halves, whose sum counts
    bias.assign(rng.normal(size=bias.shape))
    write_keras_2(HERE / "keras_cudnn.h5", model, CUDNN, packed=True)
    write_keras_2(HERE / "keras_cudnn_weights.h5", model, None, packed=True)
    noted("keras_cudnn", model, rng)
    answers["grid"] = np.linspace(-8, 8, 48, dtype="f4").reshape(-1, 3)
    answers |= {f"curve.{name}": np.asarray(keras.activations.get(name)(answers["grid"])) for name in CURVES}
    np.savez_compressed(HERE / "keras.npz", **answers)


if __name__ == "__main__":
    main()
