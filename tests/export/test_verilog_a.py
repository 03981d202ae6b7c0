"""The Verilog-A module, compiled and simulated by VACASK, does what scipy makes of the network.

VACASK starts at an operating point of its own and steps through the whole waveform, on equations that openvaf-r has
compiled and differentiated. Residuals that agree at a point do not show that: they did while modules computed nothing.
"""

import json
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from vacask import Vacask, misplaced, run

import lstm_analog as la
from lstm_analog.compiler.hydraulic import OIL, Detail
from lstm_analog.errors import InvalidValueError, UnsupportedError, UnsupportedPartError
from lstm_analog.export import Interface, write_verilog_a
from lstm_analog.export.modules import contributions
from lstm_analog.model import Form
from lstm_analog.network.analogy import as_circuit
from lstm_analog.study.interface import interface

NETLISTS = Path(__file__).resolve().parents[2] / "netlists"
STORED = NETLISTS / "dialects"
MADE = runpy.run_path(str(NETLISTS / "make_netlists.py"))
INTERFACE = Interface(name="lstm_test", inputs=(("drive", "drive"),), outputs=(("out", "out"),))


def said(name):
    """Return the stored results of a deck, as scipy and the digital LSTM have them."""
    return json.loads((NETLISTS / name).read_text(encoding="ascii"))


def departure(machine, x, engine):
    """Return how far z, c and h of any unit are from what `engine` makes of them, in units."""
    ours, theirs = machine.run(x, engine=engine), machine.run(x, engine=Vacask(interface=interface(machine.compiled)))
    assert np.abs(theirs.h).max() > 0.05
    layers = list(zip(ours.layers, theirs.layers, strict=True))
    differences = [getattr(a, name) - getattr(b, name) for a, b in layers for name in "zch"]
    return max(np.abs(difference).max(initial=0.0) for difference in differences)


@pytest.mark.parametrize("timing", [la.CLOCKED, la.GATED_LEAK])
@pytest.mark.parametrize("form", [Form.LSTM, Form.GRU])
def test_the_module_computes_what_scipy_does(form, timing):
    lstm = la.random_lstm(np.random.default_rng(3), 2, 2, form=form, scale=2.0)
    machine = la.compile(lstm, la.electrical.BEHAVIOURAL, timing=timing)
    assert departure(machine, [[0.9, -0.3], [-0.4, 0.6]], la.engines.Waveform(rtol=1e-9, atol=1e-11)) < 1e-6


def test_op_amps_compute_what_scipy_did():
    """The stored results, for scipy takes seconds a step."""
    stored, machine = said("opamp/unit_1.json"), MADE["opamp_machine"]()
    module = machine.run(stored["x"], engine=Vacask(interface=interface(machine.compiled)))
    assert np.abs(module.h - stored["h"]["scipy"]).max() < stored["tolerance"]["engines"] < 1e-4


@pytest.mark.parametrize(
    ("form", "technology", "timing"),
    [
        (Form.PROJECTED, la.electrical.BEHAVIOURAL, la.GATED_LEAK),
        (Form.LSTM, replace(OIL, detail=Detail.DYNAMIC), la.CLOCKED),
    ],
)
def test_stacks_and_plumbing(form, technology, timing):
    """Two projected layers; and plumbing with masses, in whose pins lines from both sides meet."""
    layers = 2 if form is Form.PROJECTED else 1
    lstm = la.random_lstm(np.random.default_rng(3), 2, layers, form=form, layers=layers, scale=2.0)
    machine = la.compile(lstm, technology, timing=timing)
    assert departure(machine, [[0.9, -0.3], [-0.4, 0.6]], la.engines.Waveform(rtol=1e-7, atol=1e-9)) < 1e-6


@pytest.mark.parametrize(
    ("form", "layers", "expected"),
    [(Form.LSTM, 2, [("l1_c_copy_flow_0", "l0_c_keep_0")]), (Form.GRU, 1, [("l0_h_new_0", "l0_h_keep_speed_0")])],
)
def test_the_compiler_misplaces_derivatives_of_two_modules(tmp_path, form, layers, expected):
    """Why these two plumbings are wrong in VACASK as modules, and right as decks: in the compiler's own listing.

    Should it have none, in a release to come, docs/engines.md#vacask and `benchmarks/table_verilog_a.py` have changed.
    """
    lstm = la.random_lstm(np.random.default_rng(0), 2, 2, form=form, layers=layers, outputs=layers - 1, scale=2.0)
    machine = la.compile(lstm, replace(OIL, detail=Detail.DYNAMIC))
    circuit = as_circuit(machine.network, machine.schedule(np.zeros((1, 2))))
    write_verilog_a(tmp_path / "a.va", circuit.network, interface(machine.compiled))
    assert misplaced(tmp_path / "a.va") == expected


def test_every_kind_of_part_moves_as_scipy_has_it(everything):
    """Away from the edges of the clock, which VACASK is given as ramps."""
    limits = {"common_mode": 0.01, "output_limit": 0.02}
    parts = [replace(part, **limits) if part.label == "u" else part for part in everything.network.parts]
    network, schedule = replace(everything.network, parts=parts), everything.schedule
    ours = la.engines.Integrate(rtol=1e-7, atol=1e-9, points=25).run(network, schedule)
    theirs = Vacask(interface=INTERFACE, edge=1e-3).run(network, schedule)
    edges = np.concatenate(([0.0], schedule.ends))
    later = ours.time[np.abs(ours.time[:, None] - edges).min(axis=1) > 1e-3 * schedule.durations.min()]
    every = np.arange(1, network.unknowns.size)
    ours, theirs = ours.sample(later, every), theirs.sample(later, every)
    names = np.array(network.unknowns.names()[1:])
    assert (np.ptp(ours, axis=0) > 0.01).sum() > 15
    assert list(names[np.abs(ours - theirs).max(axis=0) > 1e-4]) == []


def test_the_deck_of_every_kind_of_part_moves_as_ngspice_has_it(everything):
    """At the ends of intervals, where nothing has settled."""
    network, schedule = everything.network, everything.schedule
    every = np.arange(1, network.unknowns.size)
    ours, theirs = (
        engine.run(network, schedule).sample(schedule.ends, every)
        for engine in (la.engines.Ngspice(), la.engines.Vacask())
    )
    assert (np.ptp(ours, axis=0) > 0.01).sum() > 15
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=2e-4)


@pytest.fixture
def cell(tmp_path):
    """Return a folder with the stored cell and its testbench, to be edited and run."""
    for name in ("cell.va", "cell.sim"):
        shutil.copy(STORED / name, tmp_path)
    return tmp_path


def error(cell):
    """Return how far h of the cell in this folder is from the digital LSTM's, at the stored instants."""
    stored = said("unit_1.json")
    time, waves = run(cell / "cell.sim")
    sampled = np.interp(stored["sampling"]["h"]["seconds"], time, waves["h0"])
    return np.abs(sampled - np.ravel(stored["h"]["digital"])).max()


def test_the_stored_cell_answers_as_the_digital_lstm(cell):
    assert error(cell) < 1e-6


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("_source) <+", ") <+"),  # a potential on the unnamed branch, which currents discard
        ("9.009273926518706e-05*V(x1)", "-9.009273926518706e-05*V(x1)"),
        ("<+ 1e-10*ddt(V(l0_c_new_0))", "<+ 1e-8*ddt(V(l0_c_new_0))"),
        ("V(copy_clk)", "V(compute0_clk)"),
    ],
)
def test_a_wrong_cell_does_not(cell, right, wrong):
    text = (cell / "cell.va").read_text(encoding="ascii")
    assert right in text
    (cell / "cell.va").write_text(text.replace(right, wrong), encoding="ascii")
    assert error(cell) > 1e-3


def test_what_cannot_be_written_is_refused(everything, tmp_path):
    path = tmp_path / "a.va"
    for name in ("module", "drive0"):
        with pytest.raises(InvalidValueError, match=rf"^pins must differ .*got {name}"):
            write_verilog_a(path, everything.network, replace(INTERFACE, name=name))
    with pytest.raises(InvalidValueError, match=r"got strong0, strong1: rename one$"):  # strengths of digital gates
        write_verilog_a(path, everything.network, replace(INTERFACE, inputs=(("strong", "drive"),)))
    with pytest.raises(UnsupportedError, match=r"^a module's datum must be node 0 .*, got vss: leave it out of the"):
        write_verilog_a(path, everything.network, replace(INTERFACE, datum="vss"))
    lstm = la.random_lstm(np.random.default_rng(0), 1, 1)
    bicmos = la.compile(lstm, la.electrical.BICMOS)
    with pytest.raises(UnsupportedPartError, match=r"must have an equation, got transistors: export it as SPICE$"):
        bicmos.write.verilog_a(path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["I(a,s) <+ v(a);"], r"^device d must have inner nodes that a voltage source sets before .*, got s: order"),
        (["I(a,0) <+ v(s);"], r"^device d must have inner nodes .*, got s: "),
        (["V(s,0) <+ v(u);", "V(u,0) <+ v(s);"], r"^device d must have inner nodes .*, got u: "),
        (["V(s,0) <+ v(u);", "V(u,0) <+ v(a);"], r"^device d must have inner nodes .*, got u: "),
        (["V(a,b) <+ 1.0;"], r"^device d must be of r, c and sources, those of voltage to node 0, got V\(a,b\)"),
        (["a b 1k"], r"^device d must be of r, c and sources"),
    ],
)
def test_a_device_of_ones_own_that_needs_more_than_assignments_is_refused(lines, text):
    with pytest.raises(UnsupportedPartError, match=text):
        contributions(lines, ["a", "b"], "d")
