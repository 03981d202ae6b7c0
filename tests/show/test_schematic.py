"""A drawing of a unit has every element of the unit in the network, once by name, and its sizes."""

import runpy
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

import lstm_analog as la
from lstm_analog.arrays import Indices
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.errors import InvalidValueError, LibraryMissingError, UnsupportedPartError
from lstm_analog.expressions import effort
from lstm_analog.model.random import Form
from lstm_analog.network.bank import node_array
from lstm_analog.network.parts import DATUM, Crossbars, Junctions, OpAmps, Sources, Transconductors, law
from lstm_analog.network.parts import terminals_of as declared
from lstm_analog.network.parts.base import Law
from lstm_analog.show import schematic
from lstm_analog.show.schematics.cells import Side, inputs_of, node_cells
from lstm_analog.show.schematics.circuit import circuit_symbols
from lstm_analog.show.schematics.hydraulic import hydraulic_symbols
from lstm_analog.show.schematics.pen import Pen, SymbolFrame
from lstm_analog.show.schematics.unit import ends_of, unit_parts
from lstm_analog.show.style import amount

TECHNOLOGIES = {
    "OIL": la.hydraulic.OIL,
    "OIL in dynamic detail": replace(la.hydraulic.OIL, detail=Detail.DYNAMIC),
    "WATER in full detail": replace(la.hydraulic.WATER, detail=Detail.FULL),
    "BEHAVIOURAL": la.electrical.BEHAVIOURAL,
    "OPAMP": la.electrical.OPAMP,
    "OPAMP_BENCH": la.electrical.OPAMP_BENCH,
    "BICMOS": la.electrical.BICMOS,
}
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, kw_only=True, eq=False)
class Bridge:
    """A part of a kind that schematics do not know."""

    label: str
    a: Indices = node_array()
    b: Indices = node_array()


@law.register
def _(part: Bridge) -> Law:
    return Law(terminals=("a", "b"), through={("a", "b"): effort("a") - effort("b")}, units={})


def compiled(technology, *, form=Form.LSTM, units=3, layers=1, timing=la.CLOCKED):
    lstm = la.random_lstm(np.random.default_rng(7), 2, units, layers=layers, scale=2.0, form=form)
    return la.compile(lstm, technology, timing=timing, settling=24.0).passes[0]


def names(figure):
    """Return the names of the elements in a drawing, in order."""
    texts = [text for axes in figure.axes for text in axes.texts if text.get_gid()]
    return [name for text in texts for name in text.get_gid().split()]


def per_unit(network, units, unit):
    """Return the names of the elements of `unit`, told by counting: a bank has the same number for each unit.

    Rows of weights and of op-amps come gate by gate, so every `units`-th one is of the unit.
    """
    found = set()
    for part in network.parts:
        if isinstance(part, Junctions) or (
            isinstance(part, Sources) and not part.label.endswith(("start", "_p", "_n"))
        ):
            continue
        size = next(iter(ends_of(part).values())).size
        if size % units == 0 and not part.label.startswith(("x", "y", "clk")) and "_one" not in part.label:
            found |= {f"{part.label}[{k}]" for k in range(unit, size, units)}
    return found


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_every_element_of_the_unit_is_drawn_and_none_of_another(name):
    made = compiled(TECHNOLOGIES[name])
    figure = schematic(made, unit=2)
    drawn = set(names(figure))
    assert drawn == per_unit(made.network, 3, 2)
    assert any(text.get_text().startswith(f"{len(drawn)} elements") for text in figure.axes[0].texts)


OTHERS = (Form.LSTM, Form.PEEPHOLE, Form.GRU, Form.RNN)


@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize("name", ["OIL", "BEHAVIOURAL"])
def test_other_cells_are_drawn_whole(name, form):
    """Any two of technologies, forms and timings meet."""
    timing = (la.CLOCKED, la.GATED_LEAK)[(name == "OIL") ^ (OTHERS.index(form) % 2)]
    made = compiled(TECHNOLOGIES[name], form=form, timing=timing)
    assert set(names(schematic(made, unit=1))) == per_unit(made.network, 3, 1)


@pytest.mark.parametrize("name", ["OIL in dynamic detail", "BEHAVIOURAL", "BICMOS"])
def test_a_single_unit_has_all_elements_but_what_feeds_it(name):
    made = compiled(TECHNOLOGIES[name], units=1)
    drawn = set(names(schematic(made)))
    everything = {
        f"{p.label}[{k}]" for p in made.network.parts if not isinstance(p, Junctions) for k in range(_size(p))
    }
    missing = {name.partition("[")[0] for name in everything - drawn}
    assert drawn <= everything
    assert all(isinstance(made.network.part(label), Sources) or label == "shunt" for label in missing)


def _size(part):
    return next(iter(ends_of(part).values())).size


def test_the_upper_layer_is_another_drawing():
    made = compiled(la.electrical.BEHAVIOURAL, layers=2)
    assert {name[:3] for name in names(schematic(made, layer=-1))} == {"l1_"}


def test_sizes_and_counts_are_those_of_the_network():
    made = compiled(la.electrical.BEHAVIOURAL)
    rows = made.network.part("l0_rows").transconductance
    texts = {text.get_gid(): text.get_text() for text in schematic(made, unit=1).axes[0].texts if text.get_gid()}
    assert texts["l0_c_master[1]"] == "c_master\n100 pF"
    assert texts["l0_rows[4]"] == f"rows\n6 transconductances\nto {1e6 * np.abs(rows[4]).max():.3g} µS"


def test_products_are_called_in_plain_words():
    for technology in (la.hydraulic.OIL, la.electrical.BEHAVIOURAL):
        texts = " ".join(text.get_text() for text in schematic(compiled(technology)).axes[0].texts)
        words = " ".join(texts.split())
        assert "forget x c" in words
        assert "input x tanh(candidate)" in words


@pytest.mark.parametrize("bank", ["l0_c_take", "l0_c_keep_top", "l0_c_fresh_relay"])
def test_ends_are_those_that_the_law_declares(bank):
    part = compiled(la.hydraulic.OIL).network.part(bank)
    assert {k: v.tolist() for k, v in ends_of(part).items()} == {k: v.tolist() for k, v in declared(part).items()}


def test_a_drawing_goes_into_given_axes():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    made = compiled(la.hydraulic.OIL)
    assert schematic(made, axes=left) is figure
    assert names(figure) == [text.get_gid() for text in left.texts if text.get_gid()]
    assert not right.texts


def test_there_must_be_such_a_unit():
    with pytest.raises(InvalidValueError, match="unit must be from -3 to 2, got 3: there are 3"):
        schematic(compiled(la.hydraulic.OIL), unit=3)


def test_a_circuit_without_schemdraw_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "schemdraw", None)
    schematic(compiled(la.hydraulic.OIL))
    message = r"^a circuit must be drawn by schemdraw, got no schemdraw: pip install 'lstm_analog\[draw\]'$"
    with pytest.raises(LibraryMissingError, match=message):
        schematic(compiled(la.electrical.BEHAVIOURAL))


def test_a_part_of_your_own_is_a_box_with_the_name_of_its_kind():
    own = runpy.run_path(str(ROOT / "notebooks" / "own_part.py"))
    made = own["machine"].compiled
    (bank,) = (part for part in made.network.parts if isinstance(part, own["Measured"]))
    texts = {text.get_gid(): text.get_text() for text in schematic(made).axes[0].texts if text.get_gid()}
    assert texts[f"{bank.label}[0]"].endswith("\nMeasured")


def test_a_part_of_your_own_between_two_nodes_is_refused():
    made = compiled(la.electrical.BEHAVIOURAL)
    nodes = made.network.unknowns["l0_zi"], made.network.unknowns["l0_zf"]
    network = replace(made.network, parts=(*made.network.parts, Bridge(label="bridge", a=nodes[0], b=nodes[1])))
    message = "part bridge must have one end, or be of a kind that schematics know, got Bridge: draw blocks, which"
    with pytest.raises(UnsupportedPartError, match=message):
        schematic(replace(made, network=network))


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_what_stands_before_a_node_has_a_wire_or_a_flag_for_each_input(name):
    made = compiled(TECHNOLOGIES[name])
    axes = Figure().add_subplot()
    plumbing = made.network.domain.name == "hydraulic"
    symbols = hydraulic_symbols(made.network) if plumbing else circuit_symbols(made.network, axes)
    frame, pen = SymbolFrame(start=(0.0, 0.0), end=(1.6, 0.0)), Pen(axes=axes)
    cells = node_cells(unit_parts(made, made.layout.layers[0], 1))
    before = [placed for cell in cells for placed in cell.on(Side.BEFORE)]
    assert before
    for placed in before:
        element, drawn = placed.element, symbols.before(pen, placed, frame)
        dense = isinstance(element.bank, Crossbars | Transconductors)
        expected = set(element.bank.inputs.tolist()) if dense else set(inputs_of(element))
        own_output = {element.ends["out"]} if isinstance(element.bank, OpAmps) else set()
        assert {node for anchor in drawn for node in anchor.nodes} - {DATUM} == expected - own_output


def test_a_kind_that_the_domain_has_no_symbol_for_is_refused():
    rows = compiled(la.electrical.BEHAVIOURAL).network.part("l0_rows")
    made = compiled(la.hydraulic.OIL)
    strange = replace(rows, label="strange", rows=made.network.part("l0_rows").plus)
    with pytest.raises(UnsupportedPartError, match="part strange must have a symbol for plumbing, got Transconductors"):
        schematic(replace(made, network=replace(made.network, parts=(*made.network.parts, strange))))


def test_a_row_that_feeds_two_nodes_has_the_largest_conductance_of_each():
    made = la.compile(la.random_lstm(np.random.default_rng(0), 2, 3, scale=2.0), la.electrical.OPAMP).compiled
    bank = made.network.part("l0_rows")
    assert isinstance(bank, Crossbars)
    found = [text.get_text() for text in schematic(made).axes[0].texts]
    for side in (bank.positive, bank.negative):
        assert f"rows\nto {amount(float(side[0].max()), 'S')}" in found
