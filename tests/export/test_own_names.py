"""Parts of one's own, cells and circuits with names and laws that the built-in ones do not have."""

import runpy
from dataclasses import make_dataclass, replace
from pathlib import Path

import by_hand
import numpy as np
import pytest
from run_in_ngspice import waves

from lstm_analog.engines import Ngspice, Rumoca
from lstm_analog.errors import InvalidValueError, UnsupportedError, UnsupportedPartError
from lstm_analog.export import (
    DIALECTS,
    NGSPICE,
    USUAL,
    Driven,
    Hierarchy,
    Interface,
    check_dialect,
    read_spice,
    write_hierarchy,
    write_json,
    write_modelica,
    write_spice,
    write_subcircuit,
    write_verilog_a,
)
from lstm_analog.expressions import effort, let, parameter, tanh
from lstm_analog.network.bank import node_array, positive_array
from lstm_analog.network.cells import Cells, Library, Subcircuit, flat
from lstm_analog.network.parts import Conductors, Diodes, Sources, Storages, Transconductors
from lstm_analog.network.parts.base import CardNames, Law, check_bank, law

FileNetwork = runpy.run_path(str(Path(__file__).with_name("file_solver.py")))["FileNetwork"]
TWICE = by_hand.schedule(np.ones(2), s=(1.0, 1.0))


def own(kind, terminals, numbers, **equations):
    """Return a kind of part called `kind` with a law of these `terminals` and parameters `numbers`, conductances."""
    fields = [(name, object, node_array()) for name in terminals]
    fields += [(name, object, positive_array()) for name in numbers]
    space = {"__post_init__": check_bank}
    made = make_dataclass(kind, [("label", str), *fields], namespace=space, frozen=True, kw_only=True, eq=False)
    told = Law(terminals=terminals, units=dict.fromkeys(numbers, "conductance"), **equations)
    law.register(made, lambda part: told)
    return made


def divider(kind, terminals=("a", "b", "c"), numbers=("g1", "g2"), **more):
    """Return a kind of part: two conductances in a row, so that its middle terminal has two flows."""
    a, b, c = map(effort, terminals)
    through = {terminals[:2]: parameter(numbers[0]) * (a - b), terminals[1:]: parameter(numbers[1]) * (b - c)}
    return own(kind, terminals, numbers, through=through, **more)


def loaded(kind, terminals=("a", "b", "c"), numbers=("g1", "g2"), groups=("s", "m", "o")):
    """Return a network of a source of 1 V, one divider of 1 S and 3 S, and a load of 1 S: 0.5714 V and 0.4286 V."""
    ends = dict(zip(terminals, ([1], [2], [3]), strict=True)) | dict(zip(numbers, ([1.0], [3.0]), strict=True))
    return by_hand.network(
        dict.fromkeys(groups, 1),
        Sources(label="s", nodes=[1], effort=1.0),
        kind(label="own", **ends),
        Conductors(label="load", a=[3], b=[0], conductance=1.0),
        Storages(label="c", nodes=[2, 3], capacitance=1e-3),
    )


def from_graph(path, network):
    write_json(path, network, driven=Driven(schedule=TWICE, once=1, start=np.zeros(network.unknowns.size)))
    return FileNetwork(path).solve()[-1]


@pytest.mark.parametrize(
    ("terminals", "numbers", "taken"),
    [
        (("a", "b", "c"), ("g1", "g2"), ""),
        (("a", "gnd", "c"), ("g1", "g2"), "gnd"),
        (("a", "b", "c"), ("e", "pi"), "e, pi"),
        (("a", "b", "c"), ("time", "temper"), "temper, time"),
        (("a", "b", "c"), ("max", "g"), "max"),
        (("e", "en", "x"), ("on", "unit"), ""),
        (("x", "y", "z"), ("a", "b"), ""),
        (("x", "y", "z"), ("role", "start"), ""),
    ],
)
def test_a_name_that_a_simulator_takes_for_its_own_is_refused_or_written_otherwise(tmp_path, terminals, numbers, taken):
    """By Kirchhoff's laws: 4/7 and 3/7 of the source."""
    network, true = loaded(divider("Named", terminals, numbers), terminals, numbers), [0.0, 1.0, 4 / 7, 3 / 7]
    np.testing.assert_allclose(from_graph(tmp_path / "own.json", network), true, rtol=0, atol=1e-6)
    if taken:
        with pytest.raises(UnsupportedPartError, match=rf"^device named must have names .*, got '{taken}': name its"):
            Ngspice().run(network, TWICE)
    else:
        found = Ngspice().run(network, TWICE).efforts[-1]
        np.testing.assert_allclose(found, true, rtol=0, atol=1e-6)


def test_two_flows_at_one_terminal_add_up_in_modelica():
    network = loaded(divider("Rowed", ("a", "b", "c"), ("flow", "end")), numbers=("flow", "end"))
    np.testing.assert_allclose(Rumoca().run(network, TWICE).efforts[-1], [0, 1, 4 / 7, 3 / 7], rtol=0, atol=1e-6)


def test_names_that_differ_only_in_case_are_refused_and_others_read_back(tmp_path):
    with pytest.raises(UnsupportedPartError, match=r"^names on cards of Cased must differ in small letters, too, got"):
        write_spice(tmp_path / "a.cir", loaded(divider("Cased", numbers=("g", "G")), numbers=("g", "G")), *SETTINGS)
    network = loaded(divider("Large", ("A", "B", "C"), ("G1", "G2")), ("A", "B", "C"), ("G1", "G2"))
    for dialect in DIALECTS:
        write_spice(tmp_path / "a.cir", network, TWICE, dialect, USUAL)
        assert check_dialect(tmp_path / "a.cir", dialect) == ()
        assert read_spice(tmp_path / "a.cir").network.equals(network, rtol=1e-15)
    assert len(list(tmp_path.iterdir())) == 1


SETTINGS = (TWICE, NGSPICE, USUAL)
IN_UNITS = ("s", "l_m", "l_o")


def test_two_laws_of_one_name_are_refused_in_every_file(tmp_path):
    """A divider called Junction would be written as the `junction` of diodes, one called Conductor as a conductor."""
    diodes = Diodes(label="d", a=[3], b=[0], saturation=1e-3, slope=0.1)
    network = loaded(divider("Junction"))
    with pytest.raises(UnsupportedPartError, match=r"^what is called junction must be one in the whole deck, got two"):
        write_spice(tmp_path / "a.cir", replace(network, parts=(*network.parts, diodes)), *SETTINGS)
    network = loaded(divider("Conductor"))
    with pytest.raises(UnsupportedPartError, match=r"^model Conductor must be one in the whole file, got two"):
        write_modelica(tmp_path / "a.mo", network, TWICE, name="m", start=np.zeros(4))
    simple = own("Conductor", ("a", "b"), ("g",), through={("a", "b"): parameter("g") * tanh(effort("a"))})
    network = replace(network, parts=(*network.parts, simple(label="t", a=[1], b=[3], g=[1.0])))
    with pytest.raises(UnsupportedError, match=r"^the law called conductor must be one in the whole network, got two"):
        write_json(tmp_path / "a.json", network)
    assert list(tmp_path.iterdir()) == []


def test_a_circuit_of_a_deck_by_units_is_called_as_no_device_is(tmp_path):
    network, units = loaded(divider("Clock"), groups=IN_UNITS), Hierarchy(units={"l": 1}, kept=(), clocks=())
    with pytest.raises(UnsupportedError, match=r"^circuits of a deck by units must have names of their own, got clock"):
        write_hierarchy(tmp_path / "a.cir", network, *SETTINGS, units)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"units": {}}, r"^units must be one at least in each of some layers, got \{\}: give their number"),
        ({"units": {"l": 0}}, r"^units must be one at least in each of some layers, got \{'l': 0\}: give their"),
        ({"units": {"k": 1}}, r"^layer k must have elements in its units, got none: give the label"),
        ({"clocks": ("m",)}, r"^clocks must be banks of sources, got m: leave it out"),
    ],
)
def test_a_division_that_fits_no_network_is_refused(tmp_path, changes, text):
    network, given = loaded(divider("Divided"), groups=IN_UNITS), {"units": {"l": 1}, "kept": (), "clocks": ()}
    with pytest.raises((InvalidValueError, UnsupportedError), match=text):
        write_hierarchy(tmp_path / "a.cir", network, *SETTINGS, Hierarchy(**(given | changes)))
    assert list(tmp_path.iterdir()) == []


def cell(ohms, name="cell", models=()):
    circuit = Subcircuit(name=name, terminals=("a", "b"), outputs=("b",), cards=(f"r1 a b {ohms}", "r2 b 0 1000"))
    return Library(models=models, subcircuits=(circuit,))


@pytest.mark.parametrize(
    ("one", "two", "name"),
    [
        (cell(1000), cell(3000), "cell"),
        (cell(1000, "c1", (".model q npn(bf=9)",)), cell(3000, "c2", (".model q npn(bf=8)",)), r"\.model q"),
    ],
)
def test_cells_of_two_libraries_that_call_two_things_alike_are_refused(tmp_path, one, two, name):
    """ngspice takes the first of two subcircuits and says nothing: 0.5 V where the second divides by four."""
    banks = [
        Cells(label=f"x{k}", device=each.subcircuits[0].name, library=each, temperature=27.0, pins=[[1], [2 + k]])
        for k, each in enumerate((one, two))
    ]
    network = by_hand.network({"s": 1, "o": 2}, Sources(label="s", nodes=[1], effort=1.0), *banks)
    with pytest.raises(UnsupportedPartError, match=rf"^what is called {name} must be one in the whole deck, got two"):
        write_spice(tmp_path / "a.cir", network, *SETTINGS)
    alike = replace(banks[1], device=one.subcircuits[0].name, library=one)
    write_spice(tmp_path / "a.cir", replace(network, parts=(network.parts[0], banks[0], alike)), *SETTINGS)


def test_a_model_of_resistors_goes_with_its_cell_into_a_subcircuit(tmp_path):
    """Its name has a prefix there; the card kept the old one, which ngspice does not find. 2 and 6 ohm: a quarter."""
    circuit = Subcircuit(name="cell", terminals=("a", "b"), outputs=("b",), cards=("r1 a b rm w=1 l=6", "r2 b 0 2"))
    library = Library(models=(".model rm r(rsh=1)",), subcircuits=(circuit,))
    bank = Cells(label="x", device="cell", library=library, temperature=27.0, pins=[[1], [2]])
    network = by_hand.network({"s": 1, "o": 1}, Sources(label="s", nodes=[1], effort=1.0), bank)
    pins = Interface(name="top", inputs=(("x", "s"),), outputs=(("h", "o"),))
    write_subcircuit(tmp_path / "a.cir", network, *SETTINGS, pins)
    np.testing.assert_allclose(waves(tmp_path / "a_tb.cir", ["h0"])[1], 0.25, rtol=1e-6)


def test_a_flow_that_nothing_draws_is_no_resistor_from_the_pin_that_controls_it():
    """Into b goes g (x - b), but x keeps its own: behind 1 S it stays at 1 V, and b with 1 S to the datum at 1/2."""
    fed = {"b": parameter("g") * (effort("x") - effort("b"))}
    kind = own("Fed", ("x", "b"), ("g", "unused"), into=fed)
    network = by_hand.network(
        {"s": 1, "x": 1, "o": 1},
        Sources(label="s", nodes=[1], effort=1.0),
        kind(label="own", x=[2], b=[3], g=[1.0], unused=[2.0]),
        Conductors(label="load", a=[1, 3], b=[2, 0], conductance=1.0),
        Storages(label="c", nodes=[2, 3], capacitance=1e-3),
    )
    for engine in (Ngspice(), Rumoca()):
        np.testing.assert_allclose(engine.run(network, TWICE).efforts[-1], [0, 1, 1, 0.5], rtol=0, atol=1e-6)


def test_a_state_is_charged_by_flows_through_it(tmp_path):
    """A state between two equal conductances, and 1 S to the datum behind them: 2/3 and 1/3 of the source."""
    g, (a, x, b) = parameter("g"), map(effort, ("a", "x", "b"))
    through = {("a", "x"): g * (a - x), ("x", "b"): g * (x - b)}
    kind = own("Charged", ("a", "x", "b"), ("g",), through=through, stored={"x": 1e-3 * g})
    network = by_hand.network(
        {"s": 1, "x": 1, "o": 1},
        Sources(label="s", nodes=[1], effort=1.0),
        kind(label="own", a=[1], x=[2], b=[3], g=[1.0]),
        Conductors(label="load", a=[3], b=[0], conductance=1.0),
        Storages(label="c", nodes=[3], capacitance=1e-3),
    )
    for found in (from_graph(tmp_path / "a.json", network), *(e.run(network, TWICE).efforts[-1] for e in ENGINES)):
        np.testing.assert_allclose(found, [0, 1, 2 / 3, 1 / 3], rtol=0, atol=1e-6)


ENGINES = (Ngspice(), Rumoca())


def test_a_node_inside_has_no_name_of_a_pin(tmp_path):
    a, b, g = effort("a"), effort("b"), parameter("g")
    through = {("a", "b"): g * let("w", tanh(a - b))}
    kind = own("Inner", ("a", "b"), ("g",), through=through, cards=CardNames(inner={"w": "b"}))
    with pytest.raises(UnsupportedPartError, match=r"^device inner must have names .*, got 'b': name"):
        write_spice(tmp_path / "a.cir", network_of(kind), *SETTINGS)
    named = own("Named_inside", ("a", "b"), ("g",), through=through, cards=CardNames(inner={"w": "u"}))
    write_spice(tmp_path / "a.cir", network_of(named), *SETTINGS)


def network_of(kind):
    return by_hand.network(
        {"s": 1, "o": 1},
        Sources(label="s", nodes=[1], effort=1.0),
        kind(label="own", a=[1], b=[2], g=[1.0]),
        Storages(label="c", nodes=[2], capacitance=1e-3),
    )


def test_a_dialect_of_ones_own_has_subcircuits_too(tmp_path):
    mine = replace(NGSPICE, name="mine")
    pins = Interface(name="top", inputs=(("x", "s"),), outputs=(("h", "o"),))
    write_subcircuit(tmp_path / "a.cir", loaded(divider("Mine")), TWICE, mine, USUAL, pins)
    assert ".subckt top\n+ x0 h0" in (tmp_path / "a.cir").read_text()


def test_pins_replace_banks_of_sources_wherever_they_are(tmp_path):
    network = loaded(divider("Piped"))
    network = replace(network, parts=(replace(network.parts[0], label="drive"), *network.parts[1:]))
    drive = by_hand.schedule(np.ones(2), drive=(1.0, 1.0))
    pins = Interface(name="top", inputs=(("x", "drive"),), outputs=())
    write_subcircuit(tmp_path / "a.cir", network, drive, NGSPICE, USUAL, pins)
    assert "vdrive_0 x0 0 1.0" in (tmp_path / "a_tb.cir").read_text()
    with pytest.raises(InvalidValueError, match=r"^a pin must replace a bank of sources, got Storages c: lead it out"):
        write_subcircuit(tmp_path / "a.cir", network, drive, NGSPICE, USUAL, replace(pins, inputs=(("x", "c"),)))
    with pytest.raises(InvalidValueError, match=r"^pins must lead out a node once, got h for the second: drop one"):
        write_subcircuit(tmp_path / "a.cir", network, drive, NGSPICE, USUAL, replace(pins, outputs=(("h", "s"),)))


def test_a_module_mentions_the_datum_nowhere(tmp_path):
    """V(0) and I(0) are no words of Verilog-A, nor is -()."""
    network = loaded(divider("Grounded"))
    rows = Transconductors(label="w", inputs=[0, 1], rows=[0, 2], transconductance=np.ones((2, 2)))
    empty = Transconductors(label="none", inputs=[], rows=[2], transconductance=np.ones((1, 0)))
    through = Conductors(label="r", a=[0], b=[0], conductance=1.0)
    network = replace(network, parts=(*network.parts, rows, empty, through))
    write_verilog_a(tmp_path / "a.va", network, Interface(name="top", inputs=(("x", "s"),), outputs=()))
    text = (tmp_path / "a.va").read_text()
    assert "(0)" not in text
    assert "()" not in text
    assert "I(m_0) <+ -(1.0*0.0+1.0*V(x0));" in text


# Names that are put together of two: each pair is one name, and was one node, one card or one number without a word.


@pytest.mark.parametrize(
    ("inner", "outer", "name"),
    [
        (("r1 a m 1k", "r2 m b 1k"), ("xa a b half", "r1 xa_m 0 1k"), "xa_m"),
        (("r1 a m_n 1k", "r2 m_n b 1k"), ("xa a b half", "xa_m a b third"), "xa_m_n"),
        (("r1 a b 1k",), ("xa a b half", "r_xa_r1 a 0 1k"), "r_xa_r1"),
    ],
)
def test_names_in_a_cell_differ_when_its_circuits_are_put_together(inner, outer, name):
    """A node `xa_m` beside the node `m` of `xa`: a schematic, and a cell with mismatch, joined the two."""
    third = Subcircuit(name="third", terminals=("a", "b"), outputs=("b",), cards=("r1 a n 1k", "r2 n b 1k"))
    half, whole = (
        Subcircuit(name=called, terminals=("a", "b"), outputs=("b",), cards=cards)
        for called, cards in (("half", inner), ("whole", outer))
    )
    library = Library(models=(), subcircuits=(third, half, whole))
    with pytest.raises(
        InvalidValueError, match=rf"^names in cell whole must differ when .*, got {name}: rename a node"
    ):
        flat(library, "whole")


def test_parameters_of_two_banks_of_one_name_are_refused(tmp_path):
    """The value `b_r` of bank `a` and the value `r` of bank `a_b`: a simulator takes the later of the two for both."""
    kind = own("Tied", ("a", "b"), ("b_r",), through={("a", "b"): parameter("b_r") * tanh(effort("a") - effort("b"))})
    network = by_hand.network(
        {"s": 1, "o": 1},
        Sources(label="s", nodes=[1], effort=1.0),
        kind(label="a", a=[1], b=[2], b_r=[1.0]),
        Conductors(label="a_b", a=[2], b=[0], conductance=1.0),
        Storages(label="c", nodes=[2], capacitance=1e-3),
    )
    with pytest.raises(UnsupportedError, match=r"^parameters of a deck must differ: they are .*, got a_b_r: rename"):
        write_spice(tmp_path / "a.cir", network, *SETTINGS)


def module_of(tmp_path, label, group, inner):
    """Write the module of a bank `label` with a variable `inner`, and of a group of nodes called `group`."""
    value = parameter("g") * let(inner, tanh(effort("a") - effort("b")))
    kind = own(f"Varying{label}{inner}".title().replace("_", ""), ("a", "b"), ("g",), through={("a", "b"): value})
    network = by_hand.network(
        {"s": 1, group: 2},
        Sources(label="s", nodes=[1], effort=1.0),
        kind(label=label, a=[1], b=[2], g=[1.0]),
        Storages(label="c", nodes=[2, 3], capacitance=1e-3),
    )
    write_verilog_a(tmp_path / "a.va", network, Interface(name="top", inputs=(("x", "s"),), outputs=()))


def test_a_variable_of_a_module_is_called_as_no_node_is(tmp_path):
    """The variable `b_1` of element 0 of bank `a`, and node 1 of the group `a_0_b`."""
    with pytest.raises(UnsupportedError, match=r"^a module must have a name .*, got a_0_b_1: rename a bank of parts"):
        module_of(tmp_path, "a", "a_0_b", "b_1")
    module_of(tmp_path, "a", "o", "b_1")


@pytest.mark.parametrize(
    ("groups", "label", "text"),
    [
        (
            {"s": 1, "l_m": 4, "l_m_1": 2},
            "load",
            r"names in a unit of l must differ without the numbers .*, got l_m_1:",
        ),
        (
            {"s": 1, "l_m": 4, "l_o": 2},
            "l_unit",
            r"circuits of a deck by units must have names of their own, got l_unit",
        ),
    ],
)
def test_names_in_a_deck_by_units_differ(tmp_path, groups, label, text):
    """Node 2 of `l_m`, the second of unit 0, is `l_m_1` there, as is node 0 of `l_m_1`; `xl_unit_0` is unit or card."""
    network = by_hand.network(
        groups,
        Sources(label="s", nodes=[1], effort=1.0),
        Conductors(label=label, a=[2, 3, 4, 5], b=[4, 5, 6, 7], conductance=1.0),
        Storages(label="c", nodes=range(2, 8), capacitance=1e-3),
    )
    with pytest.raises(UnsupportedError, match=f"^{text}"):
        write_hierarchy(tmp_path / "a.cir", network, *SETTINGS, Hierarchy(units={"l": 2}, kept=(), clocks=()))
