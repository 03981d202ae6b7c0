"""Whole models: steps of numbers before and after a recurrent part, against Keras' own answers (`others/`)."""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import (
    FileFormatError,
    InvalidShapeError,
    InvalidTypeError,
    InvalidValueError,
    LstmAnalogError,
    UnsupportedError,
)
from lstm_analog.model import (
    TANH,
    Affine,
    Dense,
    Embedding,
    Formula,
    Masking,
    Model,
    Operation,
    Pool,
    Pooling,
    Reshape,
    Softmax,
    load,
    load_model,
    random_lstm,
    save_model,
)
from lstm_analog.model.formats.keras_layers import CURVES
from lstm_analog.model.formats.own_model import WORD
from lstm_analog.model.formats.safetensor import read_safetensors, write_safetensors
from lstm_analog.model.steps import StepValue
from lstm_analog.model.whole import apply_all

OTHERS = Path(__file__).parent / "others"
ANSWERS = dict(np.load(OTHERS / "keras.npz"))
SINGLE = 1e-6
"""Keras answered in float32: six steps of sums of a few products of size one."""

WHOLE = {
    **{f"keras_{name}": f"keras_{name}.keras" for name in ("text", "sleep", "sleep_functional", "forecaster")},
    **{f"keras_{name}": f"keras_{name}.h5" for name in ("sentiment", "music", "cudnn")},
    "keras_masked_backwards": "keras_masked_backwards.keras",
    **{
        f"keras_{name}": f"keras_{name}.keras"
        for name in ("between", "linear", "steps_ahead", "rows_of_images", "curves")
    },
}
JSON = OTHERS / "keras_text.json"


def answered(model, case):
    return abs(model(ANSWERS[f"{case}.x"]) - ANSWERS[f"{case}.y"]).max()


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_model_answers_as_keras_does(case):
    model = load_model(OTHERS / WHOLE[case])
    assert answered(model, case) <= SINGLE
    first = ANSWERS[f"{case}.x"][0]
    np.testing.assert_allclose(model(first), ANSWERS[f"{case}.y"][0], rtol=0, atol=SINGLE)


@pytest.mark.parametrize("name", [key.removeprefix("curve.") for key in ANSWERS if key.startswith("curve.")])
def test_a_curve_is_that_of_keras(name):
    ours = apply_all(CURVES[name], StepValue(values=ANSWERS["grid"].astype(float))).values
    np.testing.assert_allclose(ours, ANSWERS[f"curve.{name}"], rtol=1e-5, atol=SINGLE)


def test_every_curve_is_held_against_keras():
    assert set(CURVES) == {key.removeprefix("curve.") for key in ANSWERS if key.startswith("curve.")}


@pytest.mark.parametrize("file", ["keras_text.weights.h5", "keras_text_2.h5"])
def test_weights_alone_are_whole_with_their_architecture(file):
    model = load_model(OTHERS / file, config=JSON)
    assert answered(model, "keras_text") <= SINGLE
    whole = load_model(OTHERS / "keras_text.keras")
    assert model.lstm.digest == whole.lstm.digest


def test_cudnn_weights_are_told_by_their_bias(tmp_path):
    """One layer of a file without words is the one of the whole file."""
    whole = load_model(OTHERS / "keras_cudnn.h5").lstm
    for layer, name in zip(whole.layers, ("rnn_1", "rnn_2"), strict=True):
        assert load(OTHERS / "keras_cudnn_weights.h5", only=name).digest == replace(whole, layers=(layer,)).digest


@pytest.mark.parametrize("case", WHOLE)
def test_a_model_is_saved_and_loaded_to_the_last_bit(tmp_path, case):
    model = load_model(OTHERS / WHOLE[case])
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors")
    assert (again.lstm.digest, again.lstm.name) == (model.lstm.digest, model.lstm.name)
    np.testing.assert_array_equal(again(ANSWERS[f"{case}.x"]), model(ANSWERS[f"{case}.x"]))
    with pytest.raises(FileFormatError, match=r"got a whole model: load_model\(path\), whose lstm is that"):
        load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (lambda said: said.pop("held"), "header's 'lstm_analog_model' must say what the steps are, got KeyError"),
        (lambda said: said["before"].append({"step": "Lambda"}), "must say what the steps are, got KeyError: \"'Lam"),
        (lambda said: said["before"].clear(), "tensors must all be named in the header, got 'before"),
        (lambda said: said["before"][0].update(value="x"), "masked value must hold float32, float64 or integer"),
        (lambda said: said["after"].append({"step": "Pooling", "pool": "min"}), "must say what the steps are, got Val"),
        (lambda said: said.update(before=7), "must say what the steps are, got TypeError"),
    ],
)
def test_words_that_make_no_model(tmp_path, word, message):
    path = tmp_path / "model.safetensors"
    save_model(load_model(OTHERS / "keras_sleep.keras"), path)
    tensors, words = read_safetensors(path.read_bytes())
    said = json.loads(words[WORD])
    said["before"].append({"step": "Affine"})
    word(said)
    arrays = {name: tensor.numbers() for name, tensor in tensors.items()}
    arrays |= {f"before.1.{name}": np.ones(3) for name in ("scale", "offset")}
    write_safetensors(path, arrays, {**words, WORD: json.dumps(said)})
    with pytest.raises(LstmAnalogError, match=message):
        load_model(path)


def test_a_file_with_a_head_is_a_model_too(tmp_path):
    lstm = random_lstm(np.random.default_rng(1), inputs=2, hidden=3)
    headed = replace(lstm, head=la.model.Head(weights=np.ones((1, 3)), bias=np.array([0.5])))
    la.save(headed, tmp_path / "m.safetensors")
    x = np.random.default_rng(2).normal(size=(2, 5, 2))
    np.testing.assert_array_equal(load_model(tmp_path / "m.safetensors")(x), headed(x).y)


def test_linear_layers_are_in_the_weights_of_what_reads_them():
    """`load` has no numeric steps: all of the model is in its layers and its head."""
    lstm = load(OTHERS / "keras_linear.keras")
    assert len(lstm.layers) == 4  # two of them are the cells of one RNN
    np.testing.assert_allclose(lstm(ANSWERS["keras_linear.x"]).y, ANSWERS["keras_linear.y"], rtol=0, atol=SINGLE)
    names = ("rnn_1", "norm", "mix", "rnn_2", "mix_2", "rnn_3")
    taken, whole = load(OTHERS / "keras_between.keras", only=names), load_model(OTHERS / "keras_between.keras")
    fed = whole.encode(ANSWERS["keras_between.x"])
    ways = whole.lstm(fed.x, lengths=fed.lengths).state.h[-2:]
    y = taken(fed.x, lengths=fed.lengths).y  # the mean of two directions: a head here, a step of numbers there
    np.testing.assert_allclose(y, 0.5 * (ways[0] + ways[1]), rtol=0, atol=1e-15)


@pytest.mark.parametrize("case", ["keras_text", "keras_sentiment", "keras_sleep", "keras_between"])
def test_a_machine_goes_through_the_same_steps(case):
    """24 time constants a phase leave 1e-8 of h, and softmax and sigmoid have slopes below one."""
    model, x = load_model(OTHERS / WHOLE[case]), ANSWERS[f"{case}.x"][:3]
    machine = la.compile(model.lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    fed = model.encode(x)
    run = machine.run(fed.x, lengths=fed.lengths, engine=la.engines.Settle())
    np.testing.assert_allclose(model.decode(run.outputs, fed), model(x), rtol=0, atol=1e-7)


def test_a_model_says_what_it_is_in_a_few_lines():
    said = repr(load_model(OTHERS / "keras_sentiment.h5")).splitlines()
    assert said[:2] == ["Model", "  steps before  Embedding(11 words to 4)"]
    assert "  name          keras_sentiment" in said
    assert said[-1] == "  steps after   mean over time, Dense(6 to 4), relu, Dense(4 to 1), sigmoid"
    assert len(said) <= 8


# Masks: where the steps that count stand does not matter, and what is not counted is not looked at.


def masked_model(bidirectional=False, after=(), final=False, held=True):
    rng = np.random.default_rng(5)
    lstm = random_lstm(rng, inputs=2, hidden=3, bidirectional=bidirectional)
    return Model(lstm=lstm, before=(Masking(value=0.0),), after=after, final=final, held=held)


def padded(rng, mask):
    return np.where(mask[..., None], rng.normal(1, 1, (*mask.shape, 2)), 0.0)


@pytest.mark.parametrize("ways", [False, True])
def test_padding_anywhere_is_the_sequence_without_it(ways):
    rng = np.random.default_rng(6)
    mask = rng.random((20, 7)) < 0.6
    mask[:, 3] = True
    x, model = padded(rng, mask), masked_model(ways, held=False)
    for row, inside, answer in zip(x, mask, model(x), strict=True):
        alone = model.lstm(row[inside])
        np.testing.assert_allclose(answer[inside], alone.h, rtol=0, atol=1e-14)
        assert not answer[~inside].any()
    pooled = masked_model(ways, after=(Pooling(pool=Pool.MEAN),), held=False)
    means = [model.lstm(row[inside]).h.mean(axis=0) for row, inside in zip(x, mask, strict=True)]
    np.testing.assert_allclose(pooled(x), means, rtol=0, atol=1e-14)


def test_held_outputs_repeat_the_last_that_counted():
    mask = np.array([[False, True, False, False, True]])
    x = padded(np.random.default_rng(7), mask)
    answer, alone = masked_model()(x)[0], masked_model().lstm(x[0][mask[0]]).h
    np.testing.assert_allclose(answer, [np.zeros(3), alone[0], alone[0], alone[0], alone[1]], rtol=0, atol=1e-15)


def test_a_masked_value_is_compared_in_float32():
    """-1.1 in float64 is not that of float32, which Keras sees."""
    step = replace(masked_model(), before=(Masking(value=-1.1),))
    x = np.array([[1.0, 2.0], [-1.1, -1.1]])
    np.testing.assert_array_equal(step(x), step(x.astype(np.float32)))
    np.testing.assert_array_equal(step(x)[0], step(x)[1])


# Refusals.


def tried(message, path):
    """Do what a `message` about the file at `path` proposes, and return how many ways that were."""
    assert message.startswith(f"file {str(path)!r}: ")
    ways = re.findall(r"load\(path, only=(\(.*?\)|'.*?')\)", message)
    for names in ways:
        assert load(path, only=re.findall("'(.*?)'", names)).layers
    if "load_model(path)" in message:
        assert load_model(path).lstm.layers
    return len(ways)


def test_what_is_beyond_is_named_and_what_is_proposed_works():
    proposals = 0
    for path in sorted(OTHERS.glob("keras_*.*")):
        if path.suffix == ".json" or path.name == "keras_linear.keras":
            continue
        for read in (load, load_model):
            if read is load or path.name in REFUSED:
                with pytest.raises((UnsupportedError, FileFormatError)) as refusal:
                    read(path)
                proposals += tried(str(refusal.value), path)
    assert proposals >= 20


REFUSED = {
    "keras_convolution.keras": r"layer 'conv1d' \('Conv1D'\) must be one of Embedding, .* load\(path, only='core'\)",
    "keras_product.keras": r"layer 'both' .* must merge its directions by concat, sum or ave, got 'mul': build it with",
    "keras_curved.keras": r"layer 'curve' \('Dense'\) must be linear, got 'relu': .* load\(path, only='lower'\) \(or",
    "keras_branches.keras": r"must follow each other in one chain, .* load\(path, only='left'\) \(or 'right'\)",
    "keras_text.weights.h5": r"must come with a configuration, .* model\.to_json\(\) writes, as config='model\.json'",
}


@pytest.mark.parametrize("file", REFUSED)
def test_refused_by_name(file):
    with pytest.raises((UnsupportedError, FileFormatError), match=REFUSED[file]):
        load_model(OTHERS / file)


def test_weights_alone_do_not_say_what_a_dense_layer_reads():
    with pytest.raises(FileFormatError, match=r"layer 'dense' must be recurrent where weights come alone, which say"):
        load(OTHERS / "keras_text.weights.h5", only=("rnn_1", "rnn_2", "dense"))
    with pytest.raises(FileFormatError, match="layer 'embedding' must be recurrent"):
        load(OTHERS / "keras_text_2.h5", only=("rnn_1", "embedding"))


def test_an_architecture_belongs_to_weights_alone(tmp_path):
    with pytest.raises(InvalidValueError, match="config must come with weights alone, got a whole model: leave"):
        load(OTHERS / "keras_text.keras", config=JSON)
    la.save(random_lstm(np.random.default_rng(1), inputs=2, hidden=3), tmp_path / "m.safetensors")
    with pytest.raises(InvalidValueError, match="config must come with a Keras file of weights alone, got one beside"):
        load(tmp_path / "m.safetensors", config=JSON)


def changed(tmp_path, change):
    """Return the text model's weights and its architecture after `change` of the options of its layers by name."""
    words = json.loads(JSON.read_text())
    layers = words["config"]["layers"]
    if "reshape" in change:
        layers.insert(2, {"class_name": "Reshape", "config": {"name": "reshape"}})
    for entry in layers:
        entry["config"] |= change.get(entry["config"]["name"], {})
    (tmp_path / "model.json").write_text(json.dumps(words))
    return {"path": OTHERS / "keras_text.weights.h5", "config": tmp_path / "model.json"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dense": {"activation": "swash"}}, r"layer 'dense' \('Dense'\) must have an activation of .*, got 'swash'"),
        (
            {"rnn_1": {"activation": "gelu"}},
            "must have an activation of sigmoid, tanh, relu, linear, softplus, hard_sigm",
        ),
        ({"dense": {"units": 4}}, "must have 4 units, as it says, got arrays of 11"),
        ({"embedding": {"input_dim": 12}}, r"must have a table of shape \(12, 4\), as it says, got shape \(11, 4\)"),
        ({"embedding": {"lookup": 1}}, "layer 'embedding' .* must have options known here, got 'lookup'"),
        ({"rnn_1": {"return_sequences": False}}, "layer 'rnn_2' .* must follow a layer with return_sequences"),
        ({"rnn_2": {"go_backwards": True, "return_sequences": True}}, "must return its outputs in the order of time"),
        (
            {"embedding": {"mask_zero": True}, "rnn_1": {"go_backwards": True}, "rnn_2": {"go_backwards": True}},
            "layer 'rnn_1' .* must run forward, or return its last h, behind a mask, got 'go_backwards'",
        ),
        (
            {"reshape": {"target_shape": [6, 4]}, "embedding": {"mask_zero": True}},
            "layer 'reshape' .* must follow no mask, whose shape it leaves, got 'a mask': mask behind it",
        ),
        ({"reshape": {"target_shape": 5}, "embedding": {"mask_zero": True}}, "must have a target shape, got 5"),
        ({"reshape": {"target_shape": [-2.0]}}, r"layer 'reshape' .* must have a target shape, got \[-2.0\]"),
        ({"reshape": {"target_shape": [5, -1]}}, r"have a target shape of as many numbers as \(6, 4\), got \(5, -1\)"),
        (
            {"reshape": {"target_shape": [-1, 4]}, "input_layer": {"batch_shape": [None, None]}},
            r"must follow sequences of a fixed number of steps, got 'shape \(None, 4\)': build the model with Input",
        ),
        (
            {"embedding": {"mask_zero": True}, "rnn_2": {"zero_output_for_mask": True}},
            "layer 'rnn_2' .* must return sequences, got 'zero_output_for_mask without them'",
        ),
    ],
)
def test_an_architecture_that_does_not_fit_is_named(tmp_path, change, message):
    with pytest.raises((UnsupportedError, FileFormatError), match=message):
        load_model(**changed(tmp_path, change))


@pytest.mark.parametrize(
    ("file", "kind", "option", "value", "message"),
    [
        (
            "keras_between.keras",
            "Bidirectional",
            "merge_mode",
            [None],
            r"concat, sum or ave, got \[None\]: build it with",
        ),
        ("keras_between.keras", "Bidirectional", "merge_mode", {}, "concat, sum or ave, got {}: build it with"),
        (
            "keras_linear.keras",
            "RNN",
            "cell",
            {"class_name": "StackedRNNCells", "config": {"cells": None}},
            "hold cells",
        ),
        ("keras_linear.keras", "RNN", "cell", {"class_name": "StackedRNNCells", "config": {"cells": []}}, "hold cells"),
        ("keras_curves.keras", "LayerNormalization", "epsilon", 10**400, "must have a number epsilon, got 10000"),
        (
            "keras_forecaster.keras",
            "Rescaling",
            "scale",
            10**400,
            "must have a number scale, or one a feature, got 1000",
        ),
        ("keras_curves.keras", "ReLU", "max_value", 0.0, "must have its max_value above zero, got 0.0: save"),
        (
            "keras_curves.keras",
            "LayerNormalization",
            "epsilon",
            -1.0,
            "must have its epsilon above zero, got -1.0: save",
        ),
    ],
)
def test_an_option_of_another_kind_is_named(tmp_path, file, kind, option, value, message):
    with zipfile.ZipFile(OTHERS / file) as old, zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                words = json.loads(content)
                for entry in words["config"]["layers"]:
                    if entry["class_name"] == kind:
                        entry["config"][option] = value
                content = json.dumps(words).encode()
            new.writestr(name, content)
    with pytest.raises((UnsupportedError, FileFormatError), match=message):
        load_model(tmp_path / "m.keras")


def test_folders_without_names_are_taken_in_the_order_of_the_classes(tmp_path):
    """The second LSTM is in `lstm_1`, whatever it is called, where no word says so."""
    import h5py

    path = tmp_path / "m.weights.h5"
    path.write_bytes((OTHERS / "keras_text.weights.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        for folder in file["layers"].values():
            if "name" in folder["vars"].attrs:
                del folder["vars"].attrs["name"]
    assert answered(load_model(path, config=JSON), "keras_text") <= SINGLE


def test_a_softmax_layer_behind_a_mask_is_refused(tmp_path):
    """Keras hands it the mask; as an activation it has none."""
    words = json.loads(JSON.read_text())
    layers = words["config"]["layers"]
    layers[1]["config"]["mask_zero"] = layers[-2]["config"]["return_sequences"] = True
    layers.append({"class_name": "Softmax", "config": {"name": "softmax", "axis": -1}})
    (tmp_path / "model.json").write_text(json.dumps(words))
    with pytest.raises(
        UnsupportedError, match=r"layer 'softmax' \('Softmax'\) must follow no mask, .*: give the softmax"
    ):
        load_model(OTHERS / "keras_text.weights.h5", config=tmp_path / "model.json")


@pytest.mark.parametrize(("version", "slope"), [({}, 1 / 6), ({"keras_version": "2.15.0"}, 0.2)])
def test_a_hard_sigmoid_is_that_of_the_release_that_wrote_the_architecture(tmp_path, version, slope):
    given = changed(tmp_path, {"rnn_1": {"recurrent_activation": "hard_sigmoid"}})
    given["config"].write_text(json.dumps(json.loads(given["config"].read_text()) | version))
    assert load_model(**given).lstm.layers[0].forward.gate.slope == slope


def test_a_softmax_and_its_layer_are_told_apart(tmp_path):
    """The activation counts: without it another model answers."""
    other = load_model(**changed(tmp_path, {"dense": {"activation": "linear"}}))
    assert answered(other, "keras_text") > 0.05


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.full((2, 3), 11), InvalidValueError, "x must hold whole numbers from 0 to 10, .* got 11: encode the text"),
        (np.full((2, 3), 1.5), InvalidValueError, "x must hold whole numbers from 0 to 10"),
        (np.full((2, 3), np.nan), InvalidValueError, "x must hold whole numbers from 0 to 10"),
        (np.array(["a"]), InvalidTypeError, "x must hold whole numbers, got <U1"),
        (np.ones((2, 3, 1)), InvalidShapeError, r"x must have shape \(batch, time\) or \(time,\), not empty"),
        (np.zeros((1, 4)), InvalidValueError, "valid steps of a sequence must be at least one, got none in sequence 0"),
    ],
)
def test_what_no_model_of_words_takes(x, error, message):
    with pytest.raises(error, match=message):
        load_model(OTHERS / "keras_sentiment.h5")(x)


@pytest.mark.parametrize(
    "x", [np.ones((2, 3, 5)), np.ones(3), np.array(1.0), np.array([["a"]]), [[None]], np.ones((0, 3, 2))]
)
@pytest.mark.parametrize("case", ["keras_forecaster", "keras_sleep", "keras_music"])
def test_no_bare_error_for_other_inputs(case, x):
    with pytest.raises(LstmAnalogError):
        load_model(OTHERS / WHOLE[case])(x)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"before": (Dense(weights=np.ones((3, 2))),)}, InvalidShapeError, "inputs of the recurrent part must be 3"),
        ({"after": (Dense(weights=np.ones((3, 2))),)}, InvalidShapeError, "features of a Dense step must be 2, got 3"),
        ({"before": (Pooling(pool=Pool.MAX),)}, InvalidValueError, "steps before must keep the axis of time"),
        (
            {"after": (Pooling(pool=Pool.MAX),), "final": True},
            InvalidShapeError,
            "a Pooling step takes must be 2, got 1",
        ),
        ({"after": (Reshape(taken=(6,), made=(2, 3)),)}, InvalidShapeError, "a Reshape step takes must be 1, got 2"),
        ({"before": (Reshape(taken=(2, 2), made=(4,)),)}, InvalidValueError, "steps before must keep the axis of time"),
        ({"after": (np.tanh,)}, InvalidTypeError, "steps after must be numeric steps, got ufunc"),
    ],
)
def test_steps_that_do_not_chain(change, error, message):
    with pytest.raises(error, match=message):
        replace(masked_model(), **change)


def test_what_is_not_finite_is_answered_as_frameworks_do():
    log = Formula(name="log", steps=(Operation.LOG, Operation.EXP), reads=((0,), (1,)))
    x = np.random.default_rng(1).normal(size=(9, 2))
    h = masked_model().lstm(x).h
    answer = replace(masked_model(), before=(), after=(log,))(x)
    np.testing.assert_allclose(answer, np.where(h < 0, np.nan, h), rtol=1e-14)
    assert np.isnan(answer).any()


def test_steps_by_hand():
    rng = np.random.default_rng(8)
    lstm = random_lstm(rng, inputs=2, hidden=2)
    table, x = rng.normal(size=(4, 3)), np.array([[0, 3, 1]])
    dense, scale = (
        Dense(weights=rng.normal(size=(2, 3)), bias=np.array([0.1, 0.2])),
        Affine(scale=[2.0, 3.0], offset=[1, 0]),
    )
    model = Model(lstm=lstm, before=(Embedding(table=table), dense, TANH, scale), after=(Softmax(),), final=True)
    fed = np.tanh(table[x] @ dense.weights.T + [0.1, 0.2]) * [2, 3] + [1, 0]
    np.testing.assert_allclose(model.encode(x).x, fed, rtol=0, atol=1e-15)
    powers = np.exp(lstm(fed).h[:, -1])
    np.testing.assert_allclose(model(x), powers / powers.sum(), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("name", "version", "layers"), [("sleep", "3.15.1", 2), ("masked_backwards", "3.16.0", 1)])
def test_a_mask_is_read_where_the_keras_of_the_file_hands_it_on(tmp_path, name, version, layers):
    assert len(load_model(told_version(tmp_path, name, version)).lstm.layers) == layers


@pytest.mark.parametrize("version", ["3.16.0", "3.20.1", "4.0.0"])
def test_a_mask_that_keras_does_not_hand_on_is_refused(tmp_path, version):
    words = r"layer 'lstm_?[0-9]*' \('LSTM'\) must follow no mask, which Keras from 3\.16 on does not hand on to it"
    with pytest.raises(UnsupportedError, match=words):
        load_model(told_version(tmp_path, "sleep", version))


def told_version(tmp_path, name, version):
    """Return the path of a copy of a model of `others` that says it was written by this version of Keras."""
    path = tmp_path / f"{name}.keras"
    with zipfile.ZipFile(OTHERS / f"keras_{name}.keras") as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            told = json.dumps({"keras_version": version}) if member == "metadata.json" else old.read(member)
            new.writestr(member, told)
    return path
