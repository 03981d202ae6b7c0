"""Cells from record to simulator: a network made by hand, small enough to know its answer."""

from dataclasses import replace

import by_hand
import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import (
    FileFormatError,
    InvalidShapeError,
    InvalidValueError,
    NetworkError,
    UnsupportedError,
    UnsupportedPartError,
)
from lstm_analog.export import DIALECTS, NGSPICE, PORTABLE, XYCE, graph, write_modelica, write_spice
from lstm_analog.export.accuracy import TRANSISTORS, suited
from lstm_analog.export.lint import check_dialect
from lstm_analog.network.cells import Cells, Library, Subcircuit, flat
from lstm_analog.network.parts import Conductors, Junctions, Sources

HALF = Subcircuit(name="half", terminals=("a", "m"), outputs=(), cards=("r1 a m 1000.0", "r2 m 0 1000.0"))
DEVICE = Subcircuit(
    name="mixer",
    terminals=("a", "b", "m"),
    outputs=("m",),
    cards=("xh a m half", "r1 b m 500.0", "c1 m 0 1e-12", "q1 m 0 0 qn 1"),
)
LIBRARY = Library(models=(".model qn npn(is=1e-18 bf=100)",), subcircuits=(HALF, DEVICE))
"""Kirchhoff at m, its transistor off: (a - m)/1k + (b - m)/500 = m/1k, so m = (a + 2 b)/4."""

MIDDLES = np.array([0.5e-6, 1.5e-6])


def cells(**changes):
    fields = {"label": "cells", "device": "mixer", "library": LIBRARY, "temperature": 27.0}
    return Cells(**(fields | {"pins": [[1, 2], [3, 3], [4, 5]]} | changes))


def network(**changes):
    return by_hand.network(
        {"a": 2, "b": 1, "m": 2},
        Sources(label="a", nodes=[1, 2], effort=[0.5, 1.0]),
        Junctions(label="join", nodes=[3]),
        Conductors(label="load", a=[3], b=[0], conductance=1e9),
        cells(**changes),
    )


def schedule():
    return by_hand.schedule([1e-6, 1e-6], a=[[0.5, 1.0], [2.0, -1.0]])


@pytest.fixture
def deck(tmp_path):
    path = tmp_path / "cells.cir"
    write_spice(path, network().verify(), schedule(), NGSPICE, TRANSISTORS)
    return path


def edited(path, old, new):
    text = path.read_text(encoding="ascii")
    assert text.count(old) == 1, text
    path.write_text(text.replace(old, new), encoding="ascii")
    return la.read_spice(path).network


# The record.


def test_a_cell_sets_its_outputs_and_nothing_else():
    bank = cells()
    assert bank.circuit is DEVICE
    assert bank.outputs.tolist() == [4, 5]
    kinds = network().verify().kinds()
    assert {kind.value: nodes.tolist() for kind, nodes in kinds.items() if nodes.size} == {
        "a source": [1, 2],
        "a junction": [3],
        "a transistor-level cell": [4, 5],
    }


def test_two_setters_of_an_output_are_refused():
    with pytest.raises(NetworkError, match=r"unknown m_1 must be set by exactly one .* cell .*, got 0 setters"):
        network(pins=[[1], [3], [4]]).verify()


def test_part_of_a_bank():
    assert la.network.laws.take(cells(), np.array([1])).pins.tolist() == [[2], [3], [5]]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"device": "fader"}, InvalidValueError, "subcircuit must be one of half, mixer, got fader"),
        ({"pins": [[1], [3]]}, InvalidShapeError, r"cells.pins must have shape \(3, cells\), got \(2, 1\): give a row"),
        (
            {"temperature": -300.0},
            InvalidValueError,
            r"cells.temperature must be above -273.15 and below 1000, got -300.0: give",
        ),
        ({"label": "Cells"}, InvalidValueError, "label must be a lower-case letter"),
    ],
)
def test_wrong_cells_are_refused(changes, error, text):
    with pytest.raises(error, match=text):
        cells(**changes)


@pytest.mark.parametrize(
    "card",
    [
        "r1 a m {r}",
        "b1 a m v=1",
        "g1 a m a m 1",
        "e1 a m a m 1",
        "v1 a m 1",
        "s1 a m a m sw",
        "R1 a m 1000.0",
        "r1 a m",
        "r1 a m 1k; shell",
        "* comment",
        ".include other",
        "r1 a m 1\nr2 a m 1",
    ],
)
def test_only_portable_cards_with_literal_values_enter_a_library(card):
    if card == "r1 a m":  # two pins and no value reads as a pin and a value: SPICE itself refuses it
        return
    with pytest.raises(InvalidValueError, match="cards of subcircuit half must be r, c, i, q, m and x cards in lower"):
        replace(HALF, cards=(card,))


@pytest.mark.parametrize("line", [".model qn npn(is={x})", ".model qn", ".MODEL QN NPN(IS=1)", ".lib x"])
def test_only_literal_models_enter_a_library(line):
    with pytest.raises(InvalidValueError, match=r"model must be '.model name kind\(key=value ...\)' in lower case"):
        replace(LIBRARY, models=(line,))


def test_a_library_is_in_order_and_complete():
    with pytest.raises(InvalidValueError, match="card of mixer must call a subcircuit above it, with all its"):
        replace(LIBRARY, subcircuits=(DEVICE, HALF))
    with pytest.raises(InvalidValueError, match="card of mixer must call"):
        replace(LIBRARY, subcircuits=(replace(HALF, terminals=("a", "m", "x")), DEVICE))
    with pytest.raises(InvalidValueError, match="subcircuits must differ, got half"):
        replace(LIBRARY, subcircuits=(HALF, HALF))
    with pytest.raises(InvalidValueError, match="subcircuit half must have terminals that differ, outputs among them"):
        replace(HALF, outputs=("z",))


# Who runs it.


def test_a_flat_cell_has_no_x_card_and_its_own_names():
    half = replace(HALF, cards=("r1 a e 500.0", "r2 e m 500.0", "r3 m 0 1000.0"))
    double = Subcircuit(name="double", terminals=("p", "q"), outputs=(), cards=("xa p q half", "xb q 0 half"))
    library = Library(models=(), subcircuits=(half, double))
    assert flat(library, "half") == half
    assert flat(library, "double").cards == (
        *("r_xa_r1 p xa_e 500.0", "r_xa_r2 xa_e q 500.0", "r_xa_r3 q 0 1000.0"),
        *("r_xb_r1 q xb_e 500.0", "r_xb_r2 xb_e 0 500.0", "r_xb_r3 0 0 1000.0"),
    )
    deep = Subcircuit(name="deep", terminals=("t",), outputs=(), cards=("xd t t double",))
    cards = flat(Library(models=(), subcircuits=(half, double, deep)), "deep").cards
    assert cards[0] == "r_xd_r_xa_r1 t xd_xa_e 500.0"
    assert len({card.split()[0] for card in cards}) == 6


def test_ngspice_runs_cells_and_kirchhoff_holds():
    trajectory = la.engines.Ngspice().run(network().verify(), schedule())
    b, m = (trajectory.sample(MIDDLES, trajectory.network.unknowns[label]) for label in "bm")
    assert abs(b).max() < 1e-6
    np.testing.assert_allclose(m, [[0.125, 0.25], [0.5, -0.25]], rtol=5e-5)


def test_all_other_engines_refuse_by_name(tmp_path):
    text = "part cells must have equations in this package, got transistor-level Cells: run it with engines.Ngspice"
    with pytest.raises(UnsupportedPartError, match=text):
        la.engines.Integrate().run(network(), schedule())
    for law in (la.network.laws.flow, la.network.laws.partials):
        with pytest.raises(UnsupportedPartError, match=text):
            law(cells(), np.zeros(6), ())
    with pytest.raises(UnsupportedPartError, match=text):
        write_modelica(tmp_path / "cells.mo", network(), schedule(), name="cells", start=np.zeros(6))


def test_accuracy_suits_transistors():
    assert suited(network()) is TRANSISTORS


def test_the_graph_shows_which_terminals_feed_a_cell():
    edges = {(tail, head, data["role"]) for tail, head, data in graph(network()).edges(data=True)}
    assert {("a_0", "m_0", "terminal"), ("b_0", "m_1", "terminal")} <= edges
    assert ("a_0", "m_1", "terminal") not in edges


# Its text, there and back.


def test_a_deck_with_cells_reads_back(deck):
    read = la.read_spice(deck)
    assert read.network.equals(network(), rtol=1e-15)
    assert read.accuracy == TRANSISTORS


def test_the_temperature_is_in_the_deck_and_read_back(tmp_path):
    hot = network(temperature=85.0)
    write_spice(tmp_path / "hot.cir", hot, schedule(), NGSPICE, TRANSISTORS)
    assert "\n.temp 85.0\n" in (tmp_path / "hot.cir").read_text(encoding="ascii")
    assert la.read_spice(tmp_path / "hot.cir").network.equals(hot, rtol=1e-15)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_dialect_takes_the_library_as_it_is(tmp_path, dialect):
    path = tmp_path / "cells.cir"
    write_spice(path, network(), schedule(), dialect, TRANSISTORS)
    assert check_dialect(path, dialect) == ()
    text = path.read_text(encoding="ascii")
    for circuit in LIBRARY.subcircuits:
        assert "\n".join((f".subckt {circuit.name} {' '.join(circuit.terminals)}", *circuit.cards, ".ends")) in text
    if dialect is PORTABLE:
        with pytest.raises(UnsupportedError, match="cells must be at 27 C in dialect portable, got 85: write"):
            write_spice(path, network(temperature=85.0), schedule(), dialect, TRANSISTORS)
    else:
        write_spice(path, network(temperature=85.0), schedule(), dialect, TRANSISTORS)
        assert ("device temp=85.0" if dialect is XYCE else ".temp 85.0") in path.read_text(encoding="ascii")
        assert check_dialect(path, dialect) == ()


def test_a_value_edited_in_a_cell_changes_the_network_and_the_run(deck):
    changed = edited(deck, "r1 b m 500.0", "r1 b m 525.0")
    assert not changed.equals(network(), rtol=1e-9)
    m = la.engines.Ngspice().run(changed, schedule()).sample(MIDDLES, changed.unknowns["m"])
    np.testing.assert_allclose(m[0], np.array([0.5, 1.0]) / (2.0 + 1000.0 / 525.0), rtol=5e-5)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("r1 b m 500.0", "r1 b m {r}", "netlist must read back as a network, got .*cards of subcircuit mixer"),
        ("r1 b m 500.0", ".include x", "library of cells must be .subckt, cards and .ends with the name"),
        (".ends mixer", ".ends", "library of cells must be .subckt"),
        (".temp 27.0\n", ".temp {t}\n", "library of cells must have its models before"),
        ("xcells_1 a_1 b_0 m_1 mixer", "xcells_1 a_1 b_0 m_0 mixer", "must be set by exactly one"),
        ("xcells_1 a_1 b_0 m_1 mixer", "xcells_1 a_1 b_0 m_1 half", "card of part cells must begin with"),
    ],
)
def test_damage_is_refused(deck, old, new, text):
    with pytest.raises((FileFormatError, NetworkError), match=text):
        edited(deck, old, new)
