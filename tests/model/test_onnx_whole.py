"""Whole models in ONNX files (`others/make_onnx_whole.py`): they answer as onnxruntime does, or are refused by name."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import stored_table
from onnx import TensorProto, helper, numpy_helper

import lstm_analog as la
from lstm_analog.errors import FileFormatError, InvalidValueError, UnsupportedError

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


def test_a_machine_stands_in_for_the_recurrent_part():
    """24 time constants a phase leave 1e-8 of h; the states that the graph takes go into the machine."""
    given = stored("whole_padded_legacy.onnx")
    model = la.load_model(HERE / "whole_padded_legacy.onnx")
    machine = la.compile(model.lstm, la.electrical.BEHAVIOURAL, settling=24.0)
    fed = model.encode(given["x"], given["lengths"])
    state = (given["h0"], given["c0"])
    run = machine.run(fed.x, state=state, lengths=fed.lengths, engine=la.engines.Settle())
    answer = model.decode(run.outputs, fed)
    np.testing.assert_allclose(answer, called(model, given), rtol=0, atol=1e-7)
    assert abs(answer - given["answer"]).max() <= SINGLE


@pytest.mark.parametrize("file", FILES)
def test_a_model_is_kept_in_a_file_of_ours(tmp_path, file):
    given = stored(file)
    model = la.load_model(HERE / file, output="risk" if "series" in file else None)
    la.save_model(model, tmp_path / "m.safetensors")
    np.testing.assert_array_equal(called(la.load_model(tmp_path / "m.safetensors"), given), called(model, given))


def test_lengths_count(tmp_path):
    """Without its padding a sequence is what it is with it."""
    model, given = la.load_model(HERE / "whole_padded_legacy.onnx"), stored("whole_padded_legacy.onnx")
    state = (given["h0"], given["c0"])
    whole = model(given["x"], state, given["lengths"])
    alone = model(given["x"][1:, :3], tuple(each[:, 1:] for each in state))
    np.testing.assert_allclose(whole[1:], alone, rtol=0, atol=1e-15)
    assert abs(model(given["x"], state) - whole)[1].max() > 1e-3


def test_a_model_says_what_it_is():
    said = repr(la.load_model(HERE / "whole_tagger_legacy.onnx")).splitlines()
    assert said[1] == "  steps before  layer normalisation"
    assert said[-1] == "  steps after   formula of 4 lines, Dense(4 to 3), Softmax"


def test_several_answers_are_chosen_by_name():
    path = HERE / "whole_series_legacy.onnx"
    with pytest.raises(UnsupportedError, match=r"must be one, or be chosen, got 'level', 'risk': load_model"):
        la.load_model(path)
    with pytest.raises(InvalidValueError, match="output must name an output of the graph, got 'x': choose of 'level'"):
        la.load_model(path, output="x")
    with pytest.raises(InvalidValueError, match=r"output must be None but for ONNX, .*, got 'x' for safetensors"):
        la.load_model(HERE.parent / "golden" / "one_layer.safetensors", output="x")


# Graphs put together here: `x (time, batch, 2)`, an LSTM of 3 units, and what stands around it.


def saved(path, before, after, *, axes=("time", "batch", 2), outputs=("z",), kind=TensorProto.FLOAT):
    """Save a graph whose LSTM reads `v` and answers `h (time, batch, 3)` and `last`; numbers are `c...`."""
    rng = np.random.default_rng(5)
    given = {"W": rng.normal(size=(1, 12, 2)), "R": rng.normal(size=(1, 12, 3)), "c2": rng.normal(size=2)}
    given |= {"c3": rng.normal(size=3), "c33": rng.normal(size=(3, 3)), "c22": rng.normal(size=(2, 2))}
    given |= {"ctime": rng.normal(size=(4, 1, 1)), "cwords": rng.normal(size=(7, 2)), "half": np.array(0.5)}
    stored = [numpy_helper.from_array(each.astype("f4"), name) for name, each in given.items()]
    stored += [numpy_helper.from_array(np.array(n), name) for name, n in (("one", [1]), ("two", 2), ("zero", [0]))]
    nodes = [*before, helper.make_node("LSTM", ["v", "W", "R"], ["y", "last"], name="lstm", hidden_size=3)]
    nodes += [helper.make_node("Squeeze", ["y", "one"], ["h"]), *after]
    opened = [helper.make_tensor_value_info("x", kind, axes)]
    if any("words" in each.input for each in before):
        opened.append(helper.make_tensor_value_info("words", TensorProto.INT64, axes))
    said = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", opened, said, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def node(operation, *inputs, to, **options):
    return helper.make_node(operation, [*inputs], [to], name=f"the {operation}", **options)


AS_IT_IS = node("Identity", "x", to="v")
REFUSED = {
    "a bias of time": ([node("Add", "x", "ctime", to="v")], [], "LSTM. must read .*, got node 'the Add' .Add"),
    "a softmax over time": ([AS_IT_IS], [node("Softmax", "h", to="z", axis=0)], "got node 'the Softmax' .Softmax"),
    "a mean of the batch": (
        [node("ReduceMean", "x", to="m", axes=[1]), node("Sub", "x", "m", to="v")],
        [],
        "ReduceMean",
    ),
    "a sum over time": ([AS_IT_IS], [node("ReduceSum", "h", "zero", to="z")], "got node 'the ReduceSum'"),
    "the third step": ([AS_IT_IS], [node("Gather", "h", "two", to="z", axis=0)], "must be h, a state or computed"),
    "the last twenty": (
        [node("Slice", "x", "twenty", "far", "zero", to="v")],
        [],
        "must read .*, got node 'the Slice' .Slice",
    ),
    "an axis beyond all": ([AS_IT_IS], [node("ReduceMean", "h", to="z", axes=[2**40])], "got node 'the ReduceMean'"),
    "words without a table": (
        [
            node("Cast", "words", to="w"),
            node("Less", "words", "nought", to="l"),
            node("Cast", "l", to="m"),
            node("Add", "w", "m", to="v"),
        ],
        [],
        "input 'words' must be asked whether it is negative only where a table of words reads it, got node 'the Add'",
    ),
    "a convolution": ([node("Conv", "x", "c33", to="u"), node("Relu", "u", to="v")], [], "got node 'the Conv' .Conv"),
    "its own matrix": ([AS_IT_IS], [node("MatMul", "h", "h", to="z")], "got node 'the MatMul'"),
    "a number by a signal": ([node("Div", "c2", "x", to="v")], [], "got node 'the Div'"),
    "divided by nothing": ([node("Div", "x", "cnull", to="v")], [], "got node 'the Div'"),
    "the number of steps": (
        [node("Shape", "x", to="s", start=0, end=1), node("Cast", "s", to="t"), node("Div", "x", "t", to="v")],
        [],
        "graph must compute the same of sequences of any number and length",
    ),
    "rounded": ([node("Cast", "x", to="i"), node("Cast", "i", to="v")], [], "got node 'the Cast' .Cast"),
    "statistics of the batch": (
        [AS_IT_IS],
        [node("BatchNormalization", "last", "one_", "one_", "one_", "one_", to="z", training_mode=1)],
        "got node 'the BatchNormalization'",
    ),
    "a variance below zero": (
        [AS_IT_IS],
        [node("BatchNormalization", "last", "one_", "one_", "one_", "minus", to="z")],
        "got node 'the BatchNormalization'",
    ),
    "in training": ([node("Dropout", "x", "half", "true", to="v")], [], "got node 'the Dropout'"),
    "the state alone": ([AS_IT_IS], [helper.make_node("LSTM", ["v", "W", "R"], ["", "", "z"], name="b")], "be one, or"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_beyond_is_named_with_the_way_to_take_the_rest(tmp_path, case):
    before, after, message = REFUSED[case]
    for each in before:
        if each.op_type == "Cast":
            to = TensorProto.INT64 if each.output[0] == "i" else TensorProto.FLOAT
            each.attribute.extend([helper.make_attribute("to", to)] if not each.attribute else [])
    ends = {"cnull": np.zeros(2, "f4"), "one_": np.ones(2, "f4"), "minus": -np.ones(2, "f4"), "true": np.array(True)}
    ends |= {"twenty": np.array([-20]), "far": np.array([2**62]), "nought": np.array(0)}
    constants = [node("Constant", to=name, value=numpy_helper.from_array(each)) for name, each in ends.items()]
    made = after or [node("Identity", "h", to="z")]
    path = saved(tmp_path / "m.onnx", [*constants, *before], made)
    with pytest.raises((UnsupportedError, FileFormatError), match=message) as refusal:
        la.load_model(path)
    (advised,) = re.findall(r"only='(\w+)'", str(refusal.value))
    assert la.load(path, only=advised).sizes == (3,)


def test_the_third_step_is_not_the_last(tmp_path):
    """Of three steps it is: whoever tried that length alone took it for the last."""
    after = [node("Gather", "h", "two", to="g", axis=0), node("MatMul", "g", "c33", to="z")]
    path = saved(tmp_path / "m.onnx", [AS_IT_IS], after)
    with pytest.raises(UnsupportedError, match="graph output 'z' must be h, a state or a linear read-out as they are"):
        la.load(path)


def test_a_bias_of_time_is_none_of_features(tmp_path):
    """Of a graph whose axes are fixed it has the right size."""
    path = saved(tmp_path / "m.onnx", [node("Add", "x", "ctime", to="v")], [node("Relu", "h", to="z")], axes=(4, 2, 2))
    with pytest.raises(UnsupportedError, match=r"LSTM. must read .*, got node 'the Add' .Add"):
        la.load_model(path)


def test_a_mean_over_padding_is_refused(tmp_path):
    """ONNX counts the zeros beyond the end of a sequence, a model with lengths does not."""
    read = helper.make_node("LSTM", ["u", "W2", "R", "", "ends"], ["w"], name="top", hidden_size=3)
    ways = {"w": [node("Squeeze", "w", "one", to="z")], "m": [node("ReduceMean", "w", to="z", axes=[0])]}
    for word, after in ways.items():
        path = saved(tmp_path / f"{word}.onnx", [AS_IT_IS], [node("Identity", "h", to="u"), read, *after])
        model = onnx.load(str(path))
        del model.graph.node[1].input[3:]
        model.graph.node[1].input.extend(["", "ends"])
        model.graph.input.append(helper.make_tensor_value_info("ends", TensorProto.INT32, ["batch"]))
        weights = np.random.default_rng(6).normal(size=(1, 12, 3)).astype("f4")
        model.graph.initializer.append(numpy_helper.from_array(weights, "W2"))
        onnx.save(model, str(path))
    x = np.random.default_rng(7).normal(size=(2, 5, 2))
    answer = la.load_model(tmp_path / "w.onnx")(x, lengths=[5, 3])
    assert answer[0].all()
    assert not answer[1, 3:].any()
    with pytest.raises(
        UnsupportedError, match=r"ReduceMean. must average valid steps alone, got all, also those beyond s"
    ):
        la.load_model(tmp_path / "m.onnx")


def test_an_axis_that_an_input_says_is_not_known(tmp_path):
    """The labels of its first input begin at 1, which is an axis, too."""
    after = [node("Transpose", "h", to="t", perm=[1, 0, 2]), node("ReduceMax", "t", "axes", to="z")]
    model = onnx.load(str(saved(tmp_path / "m.onnx", [AS_IT_IS], after)))
    model.graph.input.insert(0, helper.make_tensor_value_info("axes", TensorProto.INT64, [1]))
    onnx.save(model, str(tmp_path / "m.onnx"))
    with pytest.raises(UnsupportedError, match="got node 'the ReduceMax'"):
        la.load_model(tmp_path / "m.onnx")


def test_sizes_are_divided_as_in_c(tmp_path):
    """-7 / 2 is -3, the third element from the end, in a graph that computes a place."""
    whole = {"minus": np.array([-7]), "by": np.array([2]), "where": np.array([2])}
    made = [node("Constant", to=name, value=numpy_helper.from_array(each)) for name, each in whole.items()]
    made += [node("Div", "minus", "by", to="place"), node("Gather", "h", "place", to="z", axis=2)]
    x = np.random.default_rng(7).normal(size=(2, 5, 2))
    model = la.load_model(saved(tmp_path / "m.onnx", [AS_IT_IS], made))
    np.testing.assert_array_equal(model(x), model.lstm(x).h[..., :1])


def test_whole_numbers_may_be_features(tmp_path):
    cast = node("Cast", "x", to="f")
    cast.attribute.append(helper.make_attribute("to", TensorProto.FLOAT))
    path = saved(
        tmp_path / "m.onnx",
        [cast, node("Mul", "f", "half", to="v")],
        [node("Relu", "h", to="z")],
        kind=TensorProto.INT32,
    )
    model, x = la.load_model(path), np.arange(12).reshape(2, 3, 2)
    np.testing.assert_allclose(model(x), np.maximum(model.lstm(x / 2.0).h, 0.0), rtol=0, atol=1e-15)


def test_words_that_no_table_has(tmp_path):
    path = saved(
        tmp_path / "m.onnx",
        [node("Gather", "cwords", "x", to="u"), node("Transpose", "u", to="v", perm=[1, 0, 2])],
        [node("Relu", "h", to="z")],
        axes=("batch", "time"),
        kind=TensorProto.INT64,
    )
    model = la.load_model(path)
    assert model(np.array([[0, 6, 3], [1, 1, 1]])).shape == (2, 3, 3)
    for words in ([[0, 7]], [[-1, 0]], [[0.5, 1]]):
        with pytest.raises(InvalidValueError, match="x must hold whole numbers from 0 to 6, the rows of the embedding"):
            model(np.array(words))


@pytest.mark.parametrize("seed", range(60))
def test_random_models_are_right_or_refused(script, tmp_path, seed):
    made = script.made(seed)
    said = script.outcome(made, {made.outputs[0]: RANDOM[str(seed)]}, tmp_path / "m.onnx")
    assert isinstance(said, str) or said <= script.BOUND


RANDOM = dict(np.load(HERE / "random_onnx_models.npz"))


@pytest.fixture(scope="module")
def script():
    """Return the module that makes random models."""
    with stored_table.script("random_onnx_models") as module:
        yield module
