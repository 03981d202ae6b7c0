"""Decks of VACASK: what comes back of them, what an edit does, and what is refused. `tests/engines` runs them."""

import re

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.errors import FileFormatError, UnsupportedError, UnsupportedPartError
from lstm_analog.export import VACASK, check_dialect, mosfets, read_spice, write_spice
from lstm_analog.export.modules import module_text
from lstm_analog.export.vacask import EDGES, in_vacask
from lstm_analog.export.vacask_models import translation
from lstm_analog.export.vacask_reader import in_spice
from lstm_analog.network.parts import Cells


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Return a machine of transistors, and the text of its deck."""
    path = tmp_path_factory.mktemp("cells") / "a.sim"
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), la.electrical.BICMOS)
    machine.write.spice(path, [[0.5]], dialect=VACASK)
    return machine, path.read_text()


def test_transistors_come_back(cells, tmp_path):
    machine, text = cells
    path = tmp_path / "a.sim"
    path.write_text(text)
    network = read_spice(path).network
    ours, theirs = ([part for part in one.parts if isinstance(part, Cells)] for one in (machine.network, network))
    assert ours[0].library == theirs[0].library
    assert network.equals(machine.network, rtol=1e-15)
    path.write_text(text.replace("options temp=27.0", "options temp=85"))
    hot = [part for part in read_spice(path).network.parts if isinstance(part, Cells)]
    assert hot[0].temperature == 85.0


@pytest.mark.sky130
def test_models_of_a_foundry_stay_out_of_the_deck(tmp_path, monkeypatch):
    """Transistors come back, with an edited width, and a translation of another version is made anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), la.electrical.SKY130_MOS)
    path = tmp_path / "a.sim"
    machine.write.spice(path, [[0.5]], dialect=VACASK)
    text = path.read_text()
    assert "vth0" not in text
    back = read_spice(path)
    assert back.network.equals(machine.network, rtol=1e-15)
    parts = [part for part in machine.network.parts if isinstance(part, Cells)]
    translations = [translation(file) for file in parts[0].library.files]
    assert [f'include "{place}"' for place in translations] == re.findall('(?m)^include ".*"$', text)
    assert all(place.is_relative_to(tmp_path / "cache") for place in translations)
    whole = translations[0].read_bytes()
    translations[0].write_text("// of another version\n")
    write_spice(path, back.network, back.schedule, VACASK, back.accuracy)
    assert path.read_text() == text
    assert translations[0].read_bytes() == whole
    path.write_text(text.replace("w=20u", "w=21u", 1))
    assert not read_spice(path).network.equals(machine.network, rtol=1e-15)
    path.write_text(text.replace('include "', 'include "/tmp', 1))
    with pytest.raises(FileFormatError, match="device line must stand as written"):
        read_spice(path)


def edited(deck, old, new):
    text = deck.read_text()
    assert old in text
    deck.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "value"),
    [("4.7k", 4.7e3), ("4.7M", 4.7e6), ("4.7m", 4.7e-3), ("2meg", 2e6), ("3Kohm", 3e3), ("1G", 1e9), ("4.7E3", 4.7e3)],
)
def test_an_edited_value_counts_as_vacask_reads_it(lstm_circuit, written, text, value):
    """M is mega there, and a factor of 1e-3 in SPICE."""
    path, _ = written(lstm_circuit(), VACASK)
    edited(
        path, "rl0_rows_load_5 (l0_zg_1 0) resistor r=l0_rows_load_r", f"rl0_rows_load_5 (l0_zg_1 0) resistor r={text}"
    )
    assert read_spice(path).network.part("l0_rows_load").conductance[5] == 1 / value


SPOILT = {
    "a value to compute": ("resistor r=l0_rows_load_r", "resistor r=2*l0_rows_load_r", "value must be a number or"),
    "atto": ("resistor r=l0_rows_load_r", "resistor r=1a", "value must be a number or"),
    "mil": ("resistor r=l0_rows_load_r", "resistor r=1mil", "value must be a number or"),
    "a whole number of ten digits": ("resistor r=l0_rows_load_r", "resistor r=1000000000", "value must be a number or"),
    "an upper-case name": ("rl0_rows_load_5 ", "RL0_rows_load_5 ", "line must be an instance"),
    "another model": ("resistor r=l0_rows_load_r", "capacitor r=l0_rows_load_r", "must be a resistor at 2 nodes"),
    "a second value": ("resistor r=l0_rows_load_r", "resistor r=1 r=2", "values must be given once"),
    "another value": ("resistor r=l0_rows_load_r", "resistor l=1", "must give its value as written"),
    "an equation": ("tanh(", "sinh(", "device line must stand as written"),
    "a module's remark with a mark": (">>>VA", "// x\n*| group y 1 1.0\n>>>VA", "line must be a statement of VACASK"),
    "an option": ("nr_residualcheck=0", "nr_residualcheck=0 tran_maxord=1", "options must give"),
    "a shunt": ("gshunt=1e-15", "gshunt=1e-3", "options must be"),
    "a temperature": (
        "control\n",
        f"control\noptions temp=85 {EDGES}\n",
        "options temp must stand once, where there are cells",
    ),
    "a temperature among others": ("control\n", "control\noptions temp=85\n", "must have one control, options, save"),
    "a long remark": ("rl0_rows_load_5 ", "/* rl0_rows_load_5 ", "line must be an instance"),
    "a wave left open": ("\n]", "\n", "must"),
    "a module left open": (">>>VA", "", "must"),
    "an include": ("//| analysis", 'include "x"\n//| analysis', "line must be an instance"),
    "an analysis": ("endc", "  analysis op op\nendc", "must"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_no_edit_is_dropped(lstm_circuit, written, name):
    (path, _), (old, new, text) = written(lstm_circuit(), VACASK), SPOILT[name]
    edited(path, old, new)
    with pytest.raises(FileFormatError, match=text):
        read_spice(path)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("vgst = vgs-von;", "vgst = vgs;", "module of level 1 transistors must stand as written"),
        (f"model mn {mosfets.NAME}", "model mn sp_mos1", "model mn must be"),
        ("q1 (n vb e 0)", "q1 (n vb e n)", "must give its value as written"),
        ("  options temp", f"options temp=30 {EDGES}\n  options temp", "options temp must stand once"),
        (EDGES, "tran_fbr=0.1", "must have one control, options, save"),
    ],
)
def test_no_edit_of_transistors_is_dropped(cells, tmp_path, old, new, text):
    path = tmp_path / "a.sim"
    path.write_text(cells[1])
    edited(path, old, new)
    with pytest.raises(FileFormatError, match=text):
        read_spice(path)


def test_remarks_and_blanks_do_not_count(lstm_circuit, written):
    case = lstm_circuit()
    path, _ = written(case, VACASK)
    edited(path, "resistor r=l0_rows_load_r", "  resistor   r=l0_rows_load_r  // as drawn")
    edited(path, ">>>VA", "// of a device\n\n>>>VA")
    assert read_spice(path).network.equals(case.network, rtol=0.0)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (".model d1 d(is=1f)", "line for VACASK must be an R, C, V, I, E, G, Q, M or X card .*: write it for ngspice"),
        (".model n1 nmos(level=54 vto=1)", "line for VACASK must be an R, C"),
        (".model n1 nmos(level=1 vmax=1)", "model n1 in VACASK must give some of .*, got vmax: write it for ngspice"),
        (".include models.lib", "line for VACASK must be an R, C"),
        (".lib models.lib tt", "line for VACASK must be an R, C"),
        ("r1 a 0 1k tc=1", "line for VACASK must be an R, C"),
        ("m1 d g s b far w=1u l=1u m=2", "card m1 must give w, l, ad, as, pd, ps, got no ad, as, pd, ps: give them"),
        ("d1 a 0 dio", "line for VACASK must be an R, C"),
    ],
)
def test_what_vacask_does_not_have_is_refused(line, text):
    """Statements that include SPICE among it: of those models decks include translations."""
    with pytest.raises(UnsupportedError, match=text):
        list(in_vacask(["* title\n", "*| part Cells x\n", f"{line}\n"]))


def test_level_1_transistors_are_at_27_degrees():
    lines = ["* t\n", "*| part Cells x\n", ".temp 85.0\n", ".model n1 nmos(level=1)\n", "*| analysis\n", "control\n"]
    with pytest.raises(UnsupportedError, match=r"^level 1 transistors must be at 27 C in VACASK, got 85.0: write them"):
        list(in_vacask(lines))


def test_numbers_are_spelt_as_vacask_reads_them():
    lines = ["r1 a 0 1t", "r2 a 0 1e3k", "r3 a 0 05", "r4 a 0 5v", "r5 a 0 12345678901", "r6 a 0 2.5meg"]
    texts = list(in_vacask(["* title\n", "*| part Cells x\n", *(f"{line}\n" for line in lines)]))[2:]
    values = [text.split("=")[1].strip() for text in texts]
    assert values == ["1000000000000.0", "1000000.0", "5.0", "5.0", "12345678901.0", "2.5meg"]


def test_what_is_no_deck_of_vacask_is_left_as_it_is():
    assert in_spice("* a deck\nr1 a 0 1k\n.end\n") == "* a deck\nr1 a 0 1k\n.end\n"


def test_modules_with_names_that_verilog_a_does_not_tell_apart_are_refused():
    for pins, values in (("a b", ("a",)), ("a module", ()), ("a b", ("real",))):
        with pytest.raises(UnsupportedPartError, match=r"^device d must have names that differ .*: name them by"):
            module_text("d", pins, values, ["I(a,0) <+ v(a);"])


def test_decks_of_other_devices_take_none_of_each_others_files(lstm_circuit, written):
    """Files of a name have one content: they are written into the folder where VACASK runs."""
    files = {}
    for timing in (CLOCKED, GATED_LEAK):
        _, deck = written(lstm_circuit(timing=timing), VACASK)
        for name, text in re.findall(r'(?s)embed "(\S+)" <<<VA\n(.*?)>>>VA', deck):
            assert files.setdefault(name, text) == text
    assert len(files) > 3


def test_it_has_no_rules_no_measurements_and_no_subcircuits(everything, written, tmp_path):
    path, text = written(everything, VACASK)
    assert "vacask -qp deck.cir" in text
    with pytest.raises(UnsupportedError, match=r"^dialect must be one of ngspice, .*, got 'vacask': run the deck"):
        check_dialect(path, VACASK)
    machine = la.compile(la.random_lstm(np.random.default_rng(0), 1, 1), la.electrical.BEHAVIOURAL)
    with pytest.raises(UnsupportedError, match=r"^subcircuit must be in a dialect of SPICE, got vacask: write"):
        machine.write.spice(tmp_path / "b.sim", [[0.5]], dialect=VACASK, as_subckt=True)
    with pytest.raises(UnsupportedError, match=r"^dialect vacask must have a statement that measures"):
        machine.write.spice(tmp_path / "b.sim", [[0.5]], dialect=VACASK, measured=True)
    assert not (tmp_path / "b.sim").exists()
