import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import by_hand
import networkx as nx
import numpy as np
import pytest
from one_of_each import everything

from lstm_analog import imperfections as imp
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.compiler.timing import CLOCKED, GATED_LEAK, Timing
from lstm_analog.engines import start_efforts
from lstm_analog.errors import FileAccessError, FileFormatError, InvalidShapeError, UnsupportedError
from lstm_analog.export import (
    Driven,
    GraphFile,
    graph,
    graphs,
    pipes,
    read_graphml,
    read_json,
    write_graphml,
    write_json,
)
from lstm_analog.machine import compile
from lstm_analog.model import State, random_lstm
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import DATUM, Conductors, Sources, Storages
from lstm_analog.study import network_digest
from lstm_analog.study.epanet import tubes_of

FORMS = [pytest.param(write_json, read_json, id="json"), pytest.param(write_graphml, read_graphml, id="graphml")]
Write, Read = Callable[..., None], Callable[[Path], GraphFile]


def machine(technology: object, timing: Timing = CLOCKED) -> Network:
    return compile(random_lstm(np.random.default_rng(1), 2, 3, scale=3.0), technology, timing=timing).network


NETWORKS = {
    "everything": everything,
    "electrical": lambda: machine(BEHAVIOURAL),
    "electrical gated leak": lambda: machine(BEHAVIOURAL, GATED_LEAK),
    "hydraulic": lambda: machine(OIL),
    "hydraulic full": lambda: machine(replace(OIL, detail=Detail.FULL)),
    "hydraulic gated leak": lambda: machine(OIL, GATED_LEAK),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("write", "read"), FORMS)
def test_a_network_comes_back_to_the_last_bit(tmp_path: Path, name: str, write: Write, read: Read) -> None:
    network = NETWORKS[name]()
    write(tmp_path / "a", network)
    assert read(tmp_path / "a").driven is None
    back = read(tmp_path / "a").network
    assert network.equals(back, rtol=0.0)
    assert network_digest(back) == network_digest(network)
    assert back.provenance == network.provenance
    write(tmp_path / "b", back)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("technology", [BEHAVIOURAL, OIL], ids=["circuit", "plumbing"])
@pytest.mark.parametrize("form", ["json", "graphml"])
def test_a_schedule_comes_back_to_the_last_bit(tmp_path: Path, form: str, technology: object) -> None:
    built = compile(random_lstm(np.random.default_rng(1), 2, 2), technology)
    x = np.random.default_rng(2).uniform(-1.0, 1.0, (1, 3, 2))
    state = State(h=(np.array([[0.1, -1 / 3]]),), c=(np.array([[2 / 3, -0.0]]),))
    write, read = (built.write.json, read_json) if form == "json" else (built.write.graphml, read_graphml)
    write(tmp_path / "a", x, state=state)
    back, expected = read(tmp_path / "a").driven, built.schedule(x, state).sequence(0)
    assert (back.schedule.names, back.once) == (expected.names, 1)
    assert back.schedule.high.tolist() == expected.high.tolist()
    assert back.schedule.durations.tolist() == expected.durations.tolist()
    for ours, theirs in zip(back.schedule.imposed, expected.imposed, strict=True):
        assert (ours.label, ours.steady, ours.efforts.tobytes()) == (
            theirs.label,
            theirs.steady,
            theirs.efforts.tobytes(),
        )
    assert back.start.tobytes() == start_efforts(built.network, expected).tobytes()
    again = write_json if form == "json" else write_graphml
    again(tmp_path / "b", built.network, driven=back, tubes=tubes_of(OIL, OIL.fluid) if technology is OIL else None)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_without_inputs_the_file_has_the_clock_of_one_step(tmp_path: Path) -> None:
    built = compile(random_lstm(np.random.default_rng(1), 2, 2), BEHAVIOURAL)
    built.write.json(tmp_path / "a.json")
    schedule, cycle = json.loads((tmp_path / "a.json").read_text())["graph"]["schedule"], built.compiled.cycle
    once, step = schedule["intervals"][: schedule["once"]], schedule["intervals"][schedule["once"] :]
    assert [(entry["name"], entry["duration"]) for entry in once] == [(cycle.reset.name, cycle.reset.duration)]
    assert [(e["name"], e["duration"], set(e["high"])) for e in step] == [
        (interval.name, interval.duration, interval.high) for interval in cycle.step
    ]
    assert schedule["imposed"]["x"] == {"nodes": ["x_0", "x_1"], "efforts": [[0.0, 0.0]]}


def test_a_batch_is_refused(tmp_path: Path) -> None:
    built = compile(random_lstm(np.random.default_rng(1), 2, 2), BEHAVIOURAL)
    for write in (built.write.json, built.write.graphml):
        with pytest.raises(InvalidShapeError, match=r"a graph file must have one sequence, got batch \(2,\): "):
            write(tmp_path / "a", np.zeros((2, 3, 2)))
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_feeds_anothers_state_is_refused(tmp_path: Path) -> None:
    network = everything()
    inner = network.unknowns["inner"]
    wrong = replace(network, parts=(*network.parts, Conductors(label="probe", a=[DATUM], b=inner, conductance=1.0)))
    with pytest.raises(UnsupportedError, match="part probe in a graph file must feed no internal state of another"):
        write_json(tmp_path / "a", wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("write", "read"), FORMS)
def test_bores_are_written_for_others_and_left_aside_by_the_reader(tmp_path: Path, write: Write, read: Read) -> None:
    network = machine(OIL)
    write(tmp_path / "a", network, tubes=tubes_of(OIL, OIL.fluid))
    assert "bore" in (tmp_path / "a").read_text()
    assert network.equals(read(tmp_path / "a").network, rtol=0.0)


def test_networkx_reads_the_files_without_this_package(tmp_path: Path) -> None:
    network = machine(OIL)
    write_json(tmp_path / "a.json", network)
    write_graphml(tmp_path / "a.graphml", network)
    expected = graph(network)
    found = nx.node_link_graph(json.loads((tmp_path / "a.json").read_text()), edges="edges")
    assert _sorted(found.edges(data=True)) == _sorted(expected.edges(data=True))
    assert dict(found.nodes(data=True)) == dict(expected.nodes(data=True))
    other = nx.read_graphml(tmp_path / "a.graphml", force_multigraph=True)
    assert dict(other.nodes(data=True)) == dict(expected.nodes(data=True))


# The graph of a hydraulic network.


def test_nodes_and_edges_bear_what_a_fluid_engineer_asks_for() -> None:
    tubes = tubes_of(OIL, OIL.fluid)
    found = graph(machine(OIL), tubes=tubes)
    units = {"effort_unit": "Pa", "flow_unit": "m3/s"}
    liquid = {"density": OIL.fluid.density, "viscosity": OIL.fluid.viscosity}
    assert found.graph == {"domain": "hydraulic", **units, **liquid}
    tank = found.nodes["l0_c_0"]
    assert (tank["part"], tank["capacitance"], tank["unit"]) == ("l0_c_slave", OIL.tank, "m3/Pa")
    assert (tank["scale"], tank["datum"]) == (OIL.pressure_unit, OIL.datum)
    (tube,) = found.get_edge_data("x_0", "l0_zi_pos_0").values()
    conductance = np.pi * tube["bore"] ** 4 / (128.0 * OIL.fluid.viscosity * tube["length"])
    assert conductance == pytest.approx(tube["conductance"], rel=1e-12)
    (valve,) = found.get_edge_data("l0_c_sum_0", "l0_c_new_0").values()
    assert (valve["kind"], valve["clock"]) == ("Switches", "compute0")
    assert (valve["count"], valve["unit"]) == (OIL.tank_line.count, "m3/(s Pa)")
    conductance = valve["count"] * np.pi * valve["bore"] ** 4 / (128.0 * OIL.fluid.viscosity * valve["length"])
    assert conductance == pytest.approx(valve["conductance"], rel=1e-12)
    (cock,) = found.get_edge_data("l0_c_start_0", "l0_c_0").values()
    assert cock["clock"] == "reset"
    assert "bore" not in cock


def test_stops_are_paths_from_the_datum_into_tanks() -> None:
    full = graph(machine(replace(OIL, detail=Detail.FULL)))
    (stop,) = [data for data in full.get_edge_data("0", "l0_c_0").values() if data["kind"] == "Stops"]
    assert (stop["low"], stop["high"]) == OIL.reach()
    assert (stop["conductance"], stop["band"]) == (OIL.hardware.relief_conductance, OIL.hardware.relief_band)
    assert full.get_edge_data("0", "l0_zi_pos_0", default={}) == {}


def test_a_spool_and_a_line_flow_are_no_capacitances() -> None:
    found = graph(machine(replace(OIL, detail=Detail.DYNAMIC)))
    kinds = {data["kind"] for _, data in found.nodes(data=True) if "capacitance" in data}
    assert kinds == {"a storage"}
    states = {data["law"]: data for _, data in found.nodes(data=True) if data["kind"] == "an internal state"}
    assert set(states) == {"line state", "spool position", "spool speed"}
    hardware = OIL.hardware
    assert (states["spool speed"]["frequency"], states["spool speed"]["damping"]) == (
        hardware.spool_frequency,
        hardware.spool_damping,
    )
    assert states["line state"]["inertance"] == OIL.tank_line.inertance(OIL.fluid)
    assert states["line state"]["closing"] == hardware.closing_time


@pytest.mark.parametrize("detail", Detail)
def test_a_machine_shows_its_own_tubes_and_writes_what_it_shows(tmp_path: Path, detail: Detail) -> None:
    plumbing = compile(random_lstm(np.random.default_rng(0), 2, 3), replace(OIL, detail=detail))
    shown = plumbing.graph()
    pipe = [data for _, _, data in pipes(shown).edges(data=True) if data["kind"] not in ("Ports", "Stops")]
    assert all(("bore" in data) != (data["label"] in ("l0_c_reset", "l0_h_reset")) for data in pipe)
    around = plumbing.graph(layer=0, unit=1).edges(data=True)
    lengths = np.array([data["length"] for _, _, data in around if data["label"] == "l0_rows"])
    assert ((lengths >= OIL.capillary_length * (1 - 1e-8)) & (lengths <= 1.1**4 * OIL.capillary_length)).all()
    plumbing.write.json(tmp_path / "a.json")
    plumbing.write.graphml(tmp_path / "a.graphml")
    for path, read in ((tmp_path / "a.json", read_json), (tmp_path / "a.graphml", read_graphml)):
        assert read(path).network.equals(plumbing.network, rtol=0.0)
    other = nx.read_graphml(tmp_path / "a.graphml", force_multigraph=True)
    bare = {name: {key: d[key] for key in d if key != "start"} for name, d in other.nodes(data=True)}
    assert bare == dict(shown.nodes(data=True))
    assert _sorted(_plain(other)) == _sorted(_plain(shown))


def _sorted(edges: Iterable[tuple]) -> list[tuple]:
    return sorted(edges, key=lambda edge: (edge[0], edge[1], repr(sorted(edge[2].items()))))


def _plain(found: "nx.MultiDiGraph") -> list[tuple]:
    return [(a, b, {name: value for name, value in d.items() if name != "id"}) for a, b, d in found.edges(data=True)]


def test_pilots_are_no_pipes() -> None:
    """Flow from the inputs reaches the manifolds and no further; signals reach the output."""
    found = graph(machine(OIL))
    roles = {data["role"] for _, _, data in found.edges(data=True)}
    assert roles == {"conductance", "pilot", "gain"}
    view = pipes(found)
    assert {data["role"] for _, _, data in view.edges(data=True)} == {"conductance"}
    wet = nx.Graph(view)
    wet.remove_nodes_from(["0", "rail_hi_0", "rail_lo_0"])
    assert nx.node_connected_component(wet, "l0_c_new_0") == {"l0_c_new_0", "l0_c_sum_0"}
    signals = found.copy()
    signals.remove_nodes_from(["0", "rail_hi_0", "rail_lo_0"])
    assert nx.has_path(signals, "x_0", "l0_h_0")
    assert not nx.has_path(pipes(signals), "x_0", "l0_h_0")


def test_a_port_names_its_pilots_and_they_act_on_its_chamber() -> None:
    found = graph(machine(OIL))
    body = [d for a, b, d in found.edges(data=True) if d["label"] == "l0_c_keep_top" and d["role"] == "conductance"]
    assert (body[0]["p"], body[0]["n"]) == ("l0_zf_pos_0", "l0_zf_neg_0")
    acting = {(a, b) for a, b, d in found.edges(data=True) if d["label"] == "l0_c_keep_top" and d["role"] == "pilot"}
    assert {b for _, b in acting} == {f"l0_c_keep_{k}" for k in range(3)}
    gain = {(a, b): d["value"] for a, b, d in found.edges(data=True) if d["label"] == "l0_c_keep_top" and "value" in d}
    assert gain["l0_zf_pos_0", "l0_c_keep_0"] == -gain["l0_zf_neg_0", "l0_c_keep_0"] == body[0]["scale"]


def test_the_output_stage_of_an_op_amp_is_no_pipe() -> None:
    view = pipes(graph(everything()))
    kinds = {data["kind"] for _, _, data in view.edges(data=True)}
    assert kinds == {"Conductors", "Switches", "Ports", "Crossbars", "Pairs"}


# What is refused.


def broken(path: Path, old: str, new: str, write: Write = write_json) -> Path:
    write(path, everything())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ('"conductance": 0.002', '"conductance": 0.0021', r", got .*0\.0021.*: change"),
        ('"through = conductance*(a - b)"', '"through = 2*conductance*(a - b)"', r", got .*2\*conductance"),
        ('"directed": true', '"directed": false', ""),
        ("cap_0", "cap_1", ""),
    ],
)
def test_a_graph_changed_without_its_network_is_refused_and_shown(tmp_path: Path, old: str, new: str, shown: str):
    path = broken(tmp_path / "a", old, new)
    with pytest.raises(FileFormatError, match=f"must show the network that it carries{shown}"):
        read_json(path)


def test_a_network_changed_without_its_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_graphml(path, everything())
    text = path.read_text()
    path.write_text(text.replace("1e-12", "2e-12"))
    assert read_graphml(path).network.part("gate").opened == 2e-12  # in both
    path.write_text(text.replace("5e-324", "1e-300").replace("[0.001, 0.002]", "[0.001, 0.003]"))
    with pytest.raises(FileFormatError, match="must show the network that it carries"):
        read_graphml(path)


def test_a_name_without_its_namespace_is_refused(tmp_path: Path) -> None:
    """networkx parses by ElementTree, whose error is of another kind than expat's."""
    path = tmp_path / "a"
    write_graphml(path, everything())
    path.write_text(path.read_text().replace(" id=", " x:id=", 1))
    with pytest.raises(FileFormatError, match="must hold a network as this package writes it, got 'unbound prefix"):
        read_graphml(path)


def test_a_removed_edge_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "a", everything())
    data = json.loads((tmp_path / "a").read_text())
    data["edges"].pop()
    (tmp_path / "a").write_text(json.dumps(data))
    with pytest.raises(FileFormatError, match="must show the network that it carries"):
        read_json(tmp_path / "a")


BOMB = """<?xml version="1.0"?>
<!DOCTYPE graphml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<graphml><graph edgedefault="directed"><node id="&b;"/></graph></graphml>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_entity_bomb_is_refused_before_it_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a").write_bytes(BOMB.encode(encoding))
    with pytest.raises(FileFormatError, match="must declare no document type, got 'graphml': remove the DOCTYPE"):
        read_graphml(tmp_path / "a")


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", "{", '{"nodes": 1, "edges": 2}', "<a/>", "<graphml/>", "<a>", "\x00", "[" * 100_000],
)
@pytest.mark.parametrize("read", [read_json, read_graphml])
def test_foreign_files_are_refused_by_name(tmp_path: Path, read: Read, text: str) -> None:
    (tmp_path / "foreign").write_text(text)
    with pytest.raises(FileFormatError, match=r"file .*foreign' must hold a network as this package writes it, got"):
        read(tmp_path / "foreign")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"record": "Network"', '"record": "Path"', "record must be one of this package, got 'Path'"),
        ('"record": "Network"', '"record": "Group"', "must hold a network"),
        ('"record": "Sources"', '"record": "Storages"', "must hold a network"),
        ('"enum": "Shape"', '"enum": "Group"', "must hold a network"),
        ('"size": 1', '"size": 1000000000000', "must hold a network .*got '?1000000000007 unknowns in"),
        ('"size": 1', '"size": "1"', "must hold a network"),
        ('"scale": 1.0', '"scale": NaN', "a number must be finite, got NaN: write infinity as"),
        ('"scale": 1.0', '"scale": Infinity', "a number must be finite, got Infinity"),
        ('"record": "Junctions"', '"record": "Mine"', "record must be one of this package, got 'Mine': give a"),
        ('"closed"', '"shut"', "must hold a network .*unexpected keyword"),
    ],
)
def test_a_tampered_network_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    write_json(tmp_path / "a", everything())
    head, tail = (tmp_path / "a").read_text().split('"network": {', 1)
    assert old in tail
    (tmp_path / "a").write_text(head + '"network": {' + tail.replace(old, new, 1))
    with pytest.raises(FileFormatError, match=message):
        read_json(tmp_path / "a")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"duration": 0.', '"duration": -0.', "must hold a network .*durations must be"),
        ('"compute0"\n', '"compute7"\n', "clock lines must be those of the network, in its order, got .*compute7"),
        ('"x_1"', '"x_7"', "the nodes of x must be those of the network, in its order, got .*x_7"),
        ('"once": 1', '"once": 99', "must hold a network .*once must be 0 to 6, got 99"),
        ('"once": 1', '"once": "1"', "must hold a network .*once must be 0 to 6"),
        ('"intervals"', '"interval"', "must hold a network"),
        ('"l0_h_start"', '"l0_h"', "must hold a network|the nodes of l0_h must be those"),
    ],
)
def test_a_tampered_schedule_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "a.json"
    compile(random_lstm(np.random.default_rng(1), 2, 1), OIL).write.json(path)
    head, tail = path.read_text().split('"schedule": {', 1)
    schedule, rest = tail.split('"network": {', 1)
    assert old in schedule
    path.write_text(head + '"schedule": {' + schedule.replace(old, new, 1) + '"network": {' + rest)
    with pytest.raises(FileFormatError, match=message):
        read_json(path)


def test_a_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileAccessError, match="must be readable"):
        read_json(tmp_path / "none")
    with pytest.raises(FileAccessError, match="must be writable"):
        write_graphml(tmp_path / "none" / "a", everything())
    assert list(tmp_path.iterdir()) == []


def test_a_network_too_large_for_a_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MOST_EDGES", 5)
    with pytest.raises(UnsupportedError, match="graph must have at most 5 edges"):
        write_json(tmp_path / "a", everything())
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_changes_from_step_to_step_is_refused_with_its_schedule(tmp_path: Path) -> None:
    """The file would have been that of the machine before: a solver of it would have run another."""
    made = compile(random_lstm(np.random.default_rng(0), 1, 1), BEHAVIOURAL)
    other = made.with_imperfection(imp.ReadNoise(sigma=0.1), imp.Streams(seed=0))
    with pytest.raises(UnsupportedError, match=r"^the network must be the same in all steps, got ReadNoise: take one"):
        other.write.json(tmp_path / "a.json", np.ones((2, 1)))
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / "a.json", other.network)
    assert read_json(tmp_path / "a.json").network.equals(other.network, rtol=0.0)


@pytest.mark.parametrize(("write", "read"), FORMS)
def test_numbers_of_numpy_are_numbers(tmp_path: Path, write: Write, read: Read) -> None:
    groups = (Group(label="s", size=np.int64(1), scale=np.float32(1.1)), Group(label="c", size=1, scale=2))
    network = by_hand.network(
        {"s": 1, "c": 1},
        Sources(label="s", nodes=[1], effort=1.0),
        Conductors(label="r", a=[1], b=[2], conductance=1.0),
        Storages(label="c", nodes=[2], capacitance=1.0),
    )
    network = replace(network, unknowns=Unknowns(groups=groups))
    driven = Driven(schedule=by_hand.schedule(np.ones(2), s=(0.0, 1.0)), once=np.int64(1))
    tubes = replace(tubes_of(OIL, OIL.fluid), density=np.float32(860.0))
    write(tmp_path / "a", network, driven=driven, tubes=tubes)
    back = read(tmp_path / "a")
    assert back.network.equals(network, rtol=0.0)
    assert back.driven is not None
    assert back.driven.once == 1


def test_an_attribute_without_a_type_is_refused_not_guessed(tmp_path: Path) -> None:
    write_graphml(tmp_path / "a", everything())
    text = (tmp_path / "a").read_text()
    (tmp_path / "a").write_text(text.replace(' attr.type="double"', "", 1))
    with pytest.raises(FileFormatError, match="must hold a network as this package writes it, got 'No key type for id"):
        read_graphml(tmp_path / "a")
