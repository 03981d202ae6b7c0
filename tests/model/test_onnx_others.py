"""ONNX files of the shapes that others publish (`others/make_onnx_models.py`), and ONNX' own tests of its nodes."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import stored_table
from onnx import TensorProto, helper, numpy_helper

from lstm_analog.errors import FileFormatError, InvalidTypeError, InvalidValueError, LstmAnalogError, UnsupportedError
from lstm_analog.model import State, load, load_model

HERE = Path(__file__).parent / "others"
SINGLE = 1e-6
"""Largest error against answers in float32."""

STORED = dict(np.load(HERE / "onnx.npz"))
NODES = sorted({tuple(key.split("|")[:2]) for key in STORED})
FILES = sorted({file for file, _ in NODES})
KEPT = r"load_model\(path\), which keeps the rest as numbers, or "
READS = (
    r"node '{}' \(\w+\) must read the graph's input as it is, .* got node '{}' \(\w+\): {}take a recurrent part alone"
)
WHOLE = {
    "beats_dynamo.onnx": READS.format("node_LSTM_60", "node_relu", KEPT),
    "beats_legacy.onnx": READS.format("/lstm/LSTM", "/Relu", KEPT),
    "decoding_legacy.onnx": READS.format("/Loop/body//LSTM", "/Loop", ""),
    "doubled_bias.onnx": None,
    "function.onnx": READS.format("layer/lstm", "layer/Relu_0", KEPT),
    "layout.onnx": r"graph output 'z' must be h, a state or a linear read-out, got node 'Relu_1' \(Relu\): " + KEPT,
    "learned_dynamo.onnx": r"initial_h of node 'node_lstm__2' \(LSTM\) must be zero, or an .* got numbers: take",
    "learned_legacy.onnx": r"initial_h of node '/lstm/LSTM' \(LSTM\) must be zero, .* got node '/Equal' ",
    "rates_legacy.onnx": "recurrent modules must be one, or be chosen, got '/If/else_branch//LSTM_1', '/If/then",
    "reading_dynamo.onnx": READS.format("node_lstm__2", "node_Conv_280", ""),
    "reading_legacy.onnx": READS.format("/first/LSTM", "/cnn/cnn.0/Conv", ""),
    "speech_dynamo.onnx": READS.format("node_lstm__2", "node_conv1d", ""),
    "speech_legacy.onnx": READS.format("/lstm/LSTM", "/encoder/encoder.0/Conv", ""),
    "text_dynamo.onnx": READS.format("node_gru__1", "node_embedding", KEPT),
    "text_legacy.onnx": READS.format("/gru/GRU", "/embedding/Gather", KEPT),
}
"""What is said of each file as a whole, None if it loads."""


def state_of(h, c=None):
    """Return ONNX' states (directions, batch, units) as ours."""
    cells = np.zeros((*h.shape[:2], 0)) if c is None else c
    return State(h=tuple(h.astype(float)), c=tuple(cells.astype(float)))


@pytest.mark.parametrize(("file", "node"), NODES)
def test_every_node_taken_alone_does_what_it_does_in_onnxruntime(file, node):
    given = {key.split("|")[2]: array for key, array in STORED.items() if tuple(key.split("|")[:2]) == (file, node)}
    state = state_of(given["h0"], given.get("c0")) if "h0" in given else None
    h = load(HERE / file, only=node)(given["x"].transpose(1, 0, 2).astype(float), state).h
    assert abs(h - given["y"].transpose(2, 0, 1, 3).reshape(h.shape)).max() <= SINGLE


@pytest.mark.parametrize("file", FILES)
def test_the_whole_loads_or_says_what_else_it_does_and_the_advice_works(file):
    if WHOLE[file] is None:
        assert load(HERE / file).digest == load(HERE / file, only="lstm").digest
        return
    with pytest.raises((FileFormatError, UnsupportedError), match=WHOLE[file]) as refusal:
        load(HERE / file)
    (advised,) = re.findall(r"alone, only='([^']*)'", str(refusal.value))
    others = re.findall(r"'([^']*)'", "".join(re.findall(r"\(or ([^)]*)\)", str(refusal.value))))
    assert {advised, *others} == {node for other, node in NODES if other == file}
    for name in (advised, *others):
        assert load(HERE / file, only=name).sizes
    if "load_model(path)" in str(refusal.value):
        assert load_model(HERE / file).lstm.sizes


# Random graphs; `python benchmarks/random_onnx.py` makes 500 of them and asks onnxruntime itself.


@pytest.fixture(scope="module")
def script():
    """Return the module that makes random graphs."""
    with stored_table.script("random_onnx") as module:
        yield module


def test_random_graphs_are_right_or_refused(script, tmp_path):
    stored, counts = dict(np.load(script.STORED)), {"right": 0, "refused": 0}
    for seed in script.SAMPLE:
        made = script.made(seed)
        got = {key.partition(".")[2]: each for key, each in stored.items() if key.partition(".")[0] == str(seed)}
        whole, alone = script.outcome(made, made.feeds | got, tmp_path / "m.onnx")
        assert all(isinstance(each, float) and each <= script.BOUND for each in alone.values()), (seed, alone)
        assert isinstance(whole, str) or whole <= script.BOUND, seed
        counts["refused" if isinstance(whole, str) else "right"] += 1
    assert min(counts.values()) >= len(script.SAMPLE) // 5


# ONNX' own tests of LSTM, GRU and RNN, whose weights are inputs of the graph.


def node_tests():
    from onnx.backend.test.case.node import gru, lstm, rnn

    found = {}
    for module, case in ((lstm, lstm.LSTM), (gru, gru.GRU), (rnn, rnn.RNN)):
        for name in sorted(vars(case)):
            if name.startswith("export"):
                kept = module.expect
                module.expect = lambda node, inputs, outputs, name: found.update({name: (node, inputs, outputs)})
                getattr(case, name)()
                module.expect = kept
    return found


OWN = node_tests()


def own_model(node, inputs):
    """Return the node's graph and what its inputs are by name."""
    given = dict(zip(filter(None, node.input), inputs, strict=True))
    kinds = {name: TensorProto.INT32 if array.dtype.kind == "i" else TensorProto.FLOAT for name, array in given.items()}
    opened = [helper.make_tensor_value_info(name, kinds[name], array.shape) for name, array in given.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in filter(None, node.output)]
    model = helper.make_model(helper.make_graph([node], "g", opened, outputs))
    return model.SerializeToString(), given


@pytest.mark.parametrize("name", OWN)
def test_onnx_own_tests_of_its_nodes(tmp_path, name):
    node, inputs, outputs = OWN[name]
    content, given = own_model(node, inputs)
    (tmp_path / "m.onnx").write_bytes(content)
    weights = {word: given[word] for word in node.input if word in "WRBP" and word}
    lstm = load(tmp_path / "m.onnx", weights=weights)
    layout = next((each.i for each in node.attribute if each.name == "layout"), 0)
    x = given["X"] if layout else given["X"].transpose(1, 0, 2)
    state = state_of(given["initial_h"], given.get("initial_c")) if "initial_h" in given else None
    ours = lstm(x.astype(float), state, given.get("sequence_lens"))
    for word, expected in zip(filter(None, node.output), outputs, strict=True):
        if word == "Y":
            theirs = expected if layout else expected.transpose(2, 0, 1, 3)
            assert abs(ours.h - theirs.reshape(ours.h.shape)).max() <= SINGLE
        else:
            theirs = expected.transpose(1, 0, 2) if layout else expected
            assert abs(np.stack({"Y_h": ours.state.h, "Y_c": ours.state.c}[word]) - theirs).max() <= SINGLE


def test_there_are_own_tests_of_each_kind():
    assert {node.op_type for node, *_ in OWN.values()} == {"LSTM", "GRU", "RNN"}
    assert len(OWN) >= 14


@pytest.fixture
def peepholes(tmp_path):
    """Return the path of a node whose weights are inputs, and these."""
    content, given = own_model(*OWN["test_lstm_with_peepholes"][:2])
    (tmp_path / "m.onnx").write_bytes(content)
    return tmp_path / "m.onnx", given


def test_weights_that_are_missing_are_named(peepholes):
    path, given = peepholes
    got = (
        "the graph's input 'W' for W, the graph's input 'R' for R, the graph's input 'B' for B, the graph's input 'P' f"
    )
    with pytest.raises(
        UnsupportedError, match=f"weights of node 'LSTM_0' .LSTM. must be numbers, got {got}"
    ) as refusal:
        load(path)
    assert "give their numbers: load(path, weights={'W': ..., 'R': ..., 'B': ..., 'P': ...})" in str(refusal.value)
    with pytest.raises(UnsupportedError, match="got the graph's input 'B' for B, the graph's input 'P' for P: give"):
        load(path, weights={"W": given["W"], "R": given["R"]}, only="LSTM_0")


def test_weights_are_checked(peepholes):
    path, given = peepholes
    with pytest.raises(InvalidValueError, match="weights must name inputs of the graph, got 'V': choose of 'B', 'P', "):
        load(path, weights={"V": given["W"]})
    with pytest.raises(InvalidValueError, match=r"weights\['W'\] must be finite, got nan at index"):
        load(path, weights=given | {"W": np.full((1, 12, 4), np.nan)})
    with pytest.raises(InvalidTypeError, match="weights must be a mapping of names to arrays, got list"):
        load(path, weights=[given["W"]])
    with pytest.raises(FileFormatError, match=r"input of node 'LSTM_0' .* must have shape \(1, 12, 7\), got"):
        load(path, weights=given | {"W": np.ones((1, 11, 7))})
    with pytest.raises(
        InvalidValueError, match=r"weights must be None but for ONNX, .* got some for safetensors: leave"
    ):
        load(Path(__file__).parent / "golden" / "one_layer.safetensors", weights={"W": given["W"]})


# Graphs put together here.


def saved(path, nodes, *, x=("time", "batch", "features"), inputs=(), outputs=("y",), functions=(), ways=1):
    """Save a graph whose weights are W, R (2 inputs, 3 units) and R2 for a second layer."""
    rng = np.random.default_rng(5)
    shapes = {"W": (ways, 12, 2), "R": (ways, 12, 3), "W2": (ways, 12, 3 * ways), "R2": (ways, 12, 3)}
    stored = [numpy_helper.from_array(rng.normal(size=s).astype("f4"), name) for name, s in shapes.items()]
    stored += [
        numpy_helper.from_array(np.array(value), name) for name, value in (("zero", [0]), ("one", [1]), ("true", True))
    ]
    opened = [helper.make_tensor_value_info(name, TensorProto.FLOAT, axes) for name, axes in (("x", x), *inputs)]
    said = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", opened, said, stored)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions), str(path))
    return path


def lstm_node(*inputs, outputs=("y",), **options):
    return helper.make_node("LSTM", ["x", "W", "R", *inputs] if inputs[:1] != ("h",) else [*inputs], outputs, **options)


@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("outputs", [("y",), ("y_h",), ("y_c",), ("y", "y_h", "y_c")])
def test_layout_1_is_layout_0_turned_in_every_place(tmp_path, ways, outputs):
    way = {"direction": "bidirectional"} if ways == 2 else {}
    states = [("h0", (2, ways, 3)), ("c0", (2, ways, 3))]
    node = lstm_node("", "", "h0", "c0", outputs=["y", "y_h", "y_c"], layout=1, **way)
    turned = saved(tmp_path / "a.onnx", [node], x=(2, 5, 2), inputs=states, outputs=outputs, ways=ways)
    plain = saved(tmp_path / "b.onnx", [lstm_node(**way)], x=(5, 2, 2), ways=ways)
    assert load(turned).digest == load(plain).digest


def test_open_axes_take_their_sizes_from_the_weights(tmp_path):
    states = [("h0", ("units",)), ("c0", (None,))]
    nodes = [helper.make_node("Unsqueeze", [name, "axes"], [f"{name}_"]) for name in ("h0", "c0")]
    nodes.insert(0, helper.make_node("Constant", [], ["axes"], value_ints=[0, 1]))
    path = saved(tmp_path / "m.onnx", [*nodes, lstm_node("", "", "h0_", "c0_")], inputs=states)
    assert (load(path).input_size, load(path).sizes) == (2, (3,))


def test_axes_that_contradict_the_weights_do_not_matter_to_one_node(tmp_path):
    path = saved(tmp_path / "m.onnx", [lstm_node()], x=(5, 2, 7))
    with pytest.raises(UnsupportedError, match=r"must have 2 features, as W says, got 7: take .*, only='LSTM_0'"):
        load(path)
    assert load(path, only="LSTM_0").input_size == 2


def test_nodes_of_one_name_are_told_apart(tmp_path):
    nodes = [lstm_node(name="n"), helper.make_node("LSTM", ["x", "W", "R"], ["z"], name="n", direction="reverse")]
    path = saved(tmp_path / "m.onnx", nodes, outputs=["y", "z"])
    with pytest.raises(FileFormatError, match="must be one, or be chosen, got 'n', 'n:z': say which: take"):
        load(path)
    assert (load(path, only="n").layers[0].forward, load(path, only="n:z").layers[0].backward) != (None, None)


@pytest.mark.parametrize("between", [[], ["Relu"]])
def test_a_known_branch_is_taken(tmp_path, between):
    inner = [helper.make_node("LSTM", ["x", "W", "R"], ["u"], name="in")]
    inner += [helper.make_node(operation, ["u"], ["v"]) for operation in between]
    out = [helper.make_tensor_value_info("v" if between else "u", TensorProto.FLOAT, None)]
    then = helper.make_graph(inner, "then", [], out)
    other = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["w"])],
        "else",
        [],
        [helper.make_tensor_value_info("w", TensorProto.FLOAT, None)],
    )
    path = saved(
        tmp_path / "m.onnx", [helper.make_node("If", ["true"], ["y"], name="if", then_branch=then, else_branch=other)]
    )
    if between:
        with pytest.raises(UnsupportedError, match=r"graph output 'y' must be h, .* got node 'if/then_branch/Relu_1'"):
            load(path)
    else:
        assert load(path).sizes == (3,)


def test_lengths_of_one_layer_alone_and_states_out_of_order_are_refused(tmp_path):
    squeezed = [helper.make_node("Squeeze", ["y", "one"], ["h"]), helper.make_node("LSTM", ["h", "W2", "R2"], ["z"])]
    path = saved(
        tmp_path / "m.onnx", [lstm_node("", "lengths"), *squeezed], inputs=[("lengths", ("batch",))], outputs=["z"]
    )
    with pytest.raises(
        UnsupportedError, match=r"sequence_lens of node 'LSTM_2' .* must be those of the layers below, got n"
    ):
        load(path)
    assert load(path, only=("LSTM_0", "LSTM_2")).sizes == (3, 3)


@pytest.mark.parametrize("only", [3, [3], {"LSTM_0"}, b"LSTM_0"])
def test_only_is_names(tmp_path, only):
    path = saved(tmp_path / "m.onnx", [lstm_node()])
    with pytest.raises(InvalidTypeError, match=r"only must be a name or several in order, got .*: those there are 'L"):
        load(path, only=only)


@pytest.mark.parametrize("operation", ["MatMul", "Gemm", "Add", "LSTM", "If", "Constant", "Split"])
def test_a_node_that_reads_nothing_is_refused_by_name(tmp_path, operation):
    path = saved(tmp_path / "m.onnx", [helper.make_node(operation, [], ["y"])])
    with pytest.raises((FileFormatError, UnsupportedError), match=f"node '{operation}_0'"):
        load(path)


@pytest.mark.parametrize("case", ["bias on the wrong axis", "output before its bias"])
def test_a_bias_is_taken_only_where_it_stands(tmp_path, case):
    nodes = [
        lstm_node(),
        helper.make_node("Squeeze", ["y", "one"], ["h"]),
        helper.make_node("Constant", [], ["m"], value=numpy_helper.from_array(np.eye(3, dtype="f4"))),
        helper.make_node("Constant", [], ["b"], value=numpy_helper.from_array(np.arange(3, dtype="f4"))),
        helper.make_node("MatMul", ["h", "m"], ["u"]),
    ]
    if case == "output before its bias":
        nodes, outputs = [*nodes, helper.make_node("Add", ["u", "b"], ["z"])], ["u", "z"]
    else:
        turned = helper.make_node("Transpose", ["u"], ["t"], perm=[1, 2, 0])
        back = helper.make_node("Transpose", ["a"], ["z"], perm=[2, 0, 1])
        nodes, outputs = [*nodes, turned, helper.make_node("Add", ["t", "b"], ["a"]), back], ["z"]
    path = saved(tmp_path / "m.onnx", nodes, x=(3, 2, 2), outputs=outputs)
    several = "answers of the graph must be one, or be chosen, got 'u', 'z': load_model.path, output='u'. takes one"
    alone = "graph output 'z' must be h, a state or a linear read-out"
    with pytest.raises(UnsupportedError, match=several if outputs[1:] else alone):
        load(path)
    if outputs[1:]:
        x = np.random.default_rng(3).normal(size=(2, 3, 2))
        before, after = (load_model(path, output=name)(x) for name in outputs)
        np.testing.assert_allclose(after - before, np.broadcast_to(np.arange(3.0), after.shape), rtol=0, atol=1e-15)


def function(inner, name="F", **options):
    return helper.make_function("own", name, ["v"], ["u"], inner, [helper.make_opsetid("own", 1)], **options)


def test_functions_that_never_end_are_refused(tmp_path):
    call = [helper.make_node("F", ["v"], ["u"], domain="own")]
    path = saved(tmp_path / "m.onnx", [helper.make_node("F", ["x"], ["y"], domain="own")], functions=[function(call)])
    with pytest.raises(UnsupportedError, match="must lie in at most 24 others, got more: export it with its functions"):
        load(path)
    names = ["v", *(f"w{n}" for n in range(1, 9)), "u"]
    bomb = []
    for n in range(9):
        inner = [helper.make_node(f"F{n + 1}", [a], [b], domain="own") for a, b in pairwise(names)]
        bomb.append(function(inner, f"F{n}"))
    bomb.append(function([helper.make_node("Identity", ["v"], ["u"])], "F9"))
    path = saved(tmp_path / "b.onnx", [helper.make_node("F0", ["x"], ["y"], domain="own")], functions=bomb)
    with pytest.raises(UnsupportedError, match="graph must need at most 20000 nodes, got more"):
        load(path)


def test_a_signal_that_is_rounded_on_the_way_is_not_taken_for_itself(tmp_path):
    casts = [
        helper.make_node("Cast", ["y"], ["i"], to=TensorProto.INT64),
        helper.make_node("Cast", ["i"], ["z"], to=TensorProto.FLOAT),
    ]
    path = saved(tmp_path / "m.onnx", [lstm_node(), *casts], outputs=["z"])
    with pytest.raises(LstmAnalogError, match=r"graph output 'z' must be h, .* got node 'Cast_1' \(Cast\)"):
        load(path)
