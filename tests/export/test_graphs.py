import re

import networkx as nx
import numpy as np
import one_of_each
import pytest

import lstm_analog as la
from lstm_analog.errors import UnsupportedError, UnsupportedPartError
from lstm_analog.export import graphs
from lstm_analog.network.laws import sets
from lstm_analog.network.parts import KINDS, Cells, CheckValves, Diodes, ThresholdSwitches


@pytest.fixture
def network():
    return one_of_each.everything()


def number(data: dict) -> float:
    return data[{"conductance": "conductance", "flow": "current"}.get(data["role"], "value")]


def edges(graph: "nx.MultiDiGraph", label: str) -> set[tuple]:
    return {
        (tail, head, data["kind"], data["role"], number(data), data["unit"])
        for tail, head, data in graph.edges(data=True)
        if data["label"] == label
    }


def test_nodes_say_what_sets_them_and_what_they_store(network):
    graph = graphs.graph(network)
    assert isinstance(graph, nx.MultiDiGraph)
    assert graph.graph["domain"] == "electrical"
    assert {name: data["kind"] for name, data in graph.nodes(data=True)} == {
        "0": "the datum",
        "supply_0": "a source",
        "cap_0": "a storage",
        "node_0": "a junction",
        "buffer_0": "a follower",
        "inner_0": "an internal state",
        "plus_0": "a junction",
        "minus_0": "a junction",
    }
    assert graph.nodes["cap_0"] == {
        "kind": "a storage",
        "label": "cap",
        "capacitance": 1e-9,
        "unit": "F",
        "part": "cap",
        "scale": 1.0,
    }
    assert "capacitance" not in graph.nodes["supply_0"]


def test_every_edge_says_kind_label_role_value_and_unit(network):
    graph = graphs.graph(network)
    for _, _, data in graph.edges(data=True):
        named = {"conductance": "conductance", "flow": "current"}.get(data["role"], "value")
        assert {"kind", "label", "role", named, "unit"} <= set(data)
        assert type(data[named]) is float
        assert ("law" in data) == (data["role"] in ("conductance", "flow", "transconductance"))


def test_an_element_bears_what_its_law_is_made_of(network):
    graph, laws = graphs.graph(network), graphs.law_table(network)
    told = [data for _, _, data in graph.edges(data=True)] + [data for _, data in graph.nodes(data=True)]
    own = {"a", "b", "e", "on", "through", "into", "effort", "rate"}
    functions = {"abs", "exp", "log1p", "max", "min", "sqrt", "tanh"}
    for data in (data for data in told if "law" in data):
        law = laws[data["law"]]
        given = set(re.findall(r"(\w+) =", law["formula"]))
        words = set(re.findall(r"[a-z_]\w*", law["formula"])) - given - own - functions
        assert words <= set(data)
        assert set(law["units"]) <= words
    assert laws["pair linear sigmoid tanh"]["units"]["scale2"] == "1/V"
    assert {data["law"] for data in told if "law" in data} == set(laws)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (
            "buffer",
            {
                ("cap_0", "buffer_0", "Followers", "gain", 2.0, "1"),
                ("supply_0", "buffer_0", "Followers", "gain", -0.1, "1"),
            },
        ),
        (
            "load",
            {
                ("supply_0", "cap_0", "Conductors", "conductance", 1e-3, "S"),
                ("node_0", "0", "Conductors", "conductance", 2e-3, "S"),
            },
        ),
        ("gate", {("node_0", "cap_0", "Switches", "conductance", 1e-2, "S")}),
        (
            "rows",
            {
                ("supply_0", "cap_0", "Transconductors", "transconductance", 1.0, "S"),
                ("buffer_0", "cap_0", "Transconductors", "transconductance", -0.0, "S"),
                ("supply_0", "node_0", "Transconductors", "transconductance", 3.0, "S"),
                ("buffer_0", "node_0", "Transconductors", "transconductance", -4.0, "S"),
            },
        ),
        (
            "product",
            {
                ("0", "node_0", "Pairs", "flow", 5e-4, "A"),
                ("supply_0", "node_0", "Pairs", "control", 1 / 3, "1/V"),
                ("buffer_0", "node_0", "Pairs", "control", 1 / 3, "1/V"),
                ("0", "node_0", "Pairs", "control", -1 / 3, "1/V"),
            },
        ),
        (
            "drain",
            {
                ("cap_0", "0", "Ports", "conductance", 7e-6, "S"),
                ("supply_0", "cap_0", "Ports", "pilot", 1.5, "1/V"),
                ("0", "cap_0", "Ports", "pilot", -1.5, "1/V"),
            },
        ),
    ],
)
def test_the_edges_of_each_kind_of_part(network, label, expected):
    assert edges(graphs.graph(network), label) == expected


def test_an_op_amp_drives_its_state_with_its_gain_and_the_state_its_output(network):
    found = {
        (tail, head): (data["role"], number(data))
        for tail, head, data in graphs.graph(network).edges(data=True)
        if data["label"] == "amp"
    }
    assert found["supply_0", "inner_0"] == ("gain", pytest.approx(1e5))
    assert found["cap_0", "inner_0"] == ("gain", pytest.approx(-1e5))
    assert found["inner_0", "node_0"] == ("conductance", pytest.approx(0.01))


def test_the_surroundings_of_an_unknown_are_what_acts_on_it(network):
    whole, part = graphs.graph(network), graphs.graph(network, around=network.unknowns["cap"])
    assert part.number_of_edges() < whole.number_of_edges()
    assert all(head == "cap_0" or (tail, head) == ("cap_0", "0") for tail, head in part.edges())
    acting = {(tail, data["label"]) for tail, head, data in whole.edges(data=True) if head == "cap_0"}
    assert {(tail, data["label"]) for tail, head, data in part.edges(data=True) if head == "cap_0"} == acting


def test_a_conductor_acts_on_both_its_ends(network):
    """It loads both, so the surroundings of either end hold it."""
    part = graphs.graph(network, around=network.unknowns["node"])
    assert ("node_0", "cap_0", "Switches", "conductance", 1e-2, "S") in edges(part, "gate")


def test_a_node_that_only_its_label_knows_is_in_the_graph(network):
    names = set(network.unknowns.names())
    assert set(graphs.graph(network).nodes) == names


def test_too_many_edges_are_refused_with_a_way_out(network, monkeypatch):
    monkeypatch.setattr(graphs, "MOST_EDGES", 5)
    with pytest.raises(UnsupportedError, match=r"graph must have at most 5 edges, got \d+: .*one unit"):
        graphs.graph(network)


def test_every_kind_of_part_has_edges_and_says_what_it_sets(everything):
    parts = everything.network.parts
    assert {type(part) for part in parts} == set(KINDS) - {Cells, ThresholdSwitches}
    for kind in set(KINDS) - {ThresholdSwitches, Diodes, CheckValves}:  # whose laws say all
        assert graphs.wires.dispatch(kind) is not graphs.wires.dispatch(object), kind
    for part in parts:
        own = sets(part)
        told = [node for setting in graphs.settings(part) for node in setting.nodes.tolist()]
        assert sorted(told) == ([] if own is None else sorted(own[1].tolist()))


def test_a_part_without_edges_is_refused_by_name():
    class Turbine:
        label = "turbine"

    with pytest.raises(UnsupportedPartError, match=r"part Turbine must declare its law, got none: register it"):
        graphs.wires(Turbine())


def test_the_graph_of_a_machine_has_a_weight_an_edge():
    model = la.random_lstm(np.random.default_rng(0), 2, 3)
    graph = la.compile(model, la.electrical.BEHAVIOURAL).graph()
    row = {
        tail: data["value"]
        for tail, head, data in graph.edges(data=True)
        if head == "l0_zf_1" and data["kind"] == "Transconductors"
    }
    cell = model.layers[0].forward
    weights = [*cell.input[la.Gate.FORGET, 1], *cell.recurrent[la.Gate.FORGET, 1], cell.bias[la.Gate.FORGET, 1]]
    names = ["x_0", "x_1", "l0_h_0", "l0_h_1", "l0_h_2", "l0_rows_one_0"]
    assert row == pytest.approx(dict(zip(names, np.array(weights) / 10e3, strict=True)), rel=1e-12)


def test_what_is_not_connected_in_the_lstm_is_not_in_the_graph():
    """With no recurrence between units there is no path from one unit's cell to another's output."""
    model = la.random_lstm(np.random.default_rng(0), 2, 3)
    graph = la.compile(model, la.electrical.BEHAVIOURAL).graph()
    graph.remove_node("0")
    assert nx.has_path(graph, "x_0", "l0_h_2")
    graph.remove_edges_from([edge for edge in graph.edges(keys=True) if edge[0].startswith("l0_h_") and "z" in edge[1]])
    assert not nx.has_path(graph, "l0_c_0", "l0_h_1")
    assert nx.has_path(graph, "l0_c_0", "l0_h_0")
