import errno
import os
import re
import tracemalloc
from collections import Counter
from dataclasses import replace

import by_hand
import numpy as np
import pytest

from lstm_analog.engines import Ngspice
from lstm_analog.errors import FileAccessError, InvalidShapeError, InvalidValueError, NetworkError, UnsupportedError
from lstm_analog.export import NGSPICE, USUAL, WRITTEN, Accuracy, Probe, read_spice, write_spice
from lstm_analog.export.netlist import netlist
from lstm_analog.export.source_waveforms import clock_node, staircase
from lstm_analog.export.spice import deck
from lstm_analog.model import State, random_lstm
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Unknowns
from lstm_analog.network.parts import Conductors, Sources, Storages, Transconductors


def branch(**changes):
    made = by_hand.network(
        {"s": 1, "c": 1},
        Sources(label="drive", nodes=[1], effort=0.0),
        Conductors(label="r", a=[1], b=[2], conductance=1.0),
        Storages(label="c", nodes=[2], capacitance=1.0),
    )
    return replace(made, **changes)


def once(levels=(0.0, 1.0), durations=None, lines=0):
    lengths = np.ones(len(levels)) if durations is None else durations
    return by_hand.schedule(lengths, np.zeros((len(levels), lines)), drive=levels)


def text_of(case, name="deck.cir"):
    return "".join(deck(netlist(case.network, case.schedule, NGSPICE), USUAL, name))


@pytest.mark.parametrize(
    ("extra", "kind", "text"),
    [
        (
            Conductors(label="e", a=[], b=[], conductance=1.0),
            InvalidShapeError,
            r"^part e must have an element, got none",
        ),
        (
            Transconductors(label="g", inputs=[], rows=[2], transconductance=np.ones((1, 0))),
            InvalidShapeError,
            r"^part g must have an element, got none: leave the bank out$",
        ),
        (
            Conductors(label="e", a=[1], b=[2], conductance=[[1.0], [2.0]]),
            InvalidShapeError,
            r"^part e must have no chip axis, got conductance of shape \(2, 1\): take one chip, ",
        ),
        (
            Transconductors(label="g", inputs=[1], rows=[2], transconductance=np.ones((3, 1, 1))),
            InvalidShapeError,
            r"^part g must have no chip axis, got transconductance of shape \(3, 1, 1\): ",
        ),
        (Sources(label="two", nodes=[2], effort=0.0), NetworkError, r"^unknown c_0 must be set by exactly one"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, extra, kind, text):
    network = branch(parts=(*branch().parts, extra))
    with pytest.raises(kind, match=text):
        write_spice(tmp_path / "a.cir", network, once(), NGSPICE, USUAL)
    assert list(tmp_path.iterdir()) == []


def test_a_schedule_of_another_network_is_refused(tmp_path):
    with pytest.raises(NetworkError, match=r"^schedule must have the 0 clock lines"):
        write_spice(tmp_path / "a.cir", branch(), once(lines=2), NGSPICE, USUAL)


@pytest.mark.parametrize("name", ["none/a.cir", "", "a\x00b"])
def test_an_unwritable_path_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileAccessError, match=r"must be writable, got .*nothing was written$"):
        write_spice(name, branch(), once(), NGSPICE, USUAL)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_midway_leaves_the_old_file(tmp_path, monkeypatch, lstm_circuit):
    case, path, real = lstm_circuit(hidden=8), tmp_path / "a.cir", os.fdopen
    path.write_text("old")

    class Full:
        def __init__(self, handle):
            self.stream, self.room = real(handle, "wb"), 5000

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stream.close()

        def write(self, data):
            self.room -= len(data)
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.stream.write(data)

    monkeypatch.setattr(os, "fdopen", lambda handle, _mode: Full(handle))
    with pytest.raises(FileAccessError, match=r"must be writable, got No space left on device"):
        write_spice(path, case.network, case.schedule, NGSPICE, USUAL)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.cir"]
    assert path.read_text() == "old"


def test_names_are_plain_and_unique_whatever_the_case(everything, lstm_circuit):
    for case in (everything, lstm_circuit(layers=2)):
        text = text_of(case)
        outside, inside = [], False
        for line in text.splitlines():
            inside = line.startswith(".subckt") or (inside and line != ".ends")
            if line and line[0] not in "*.+)" and not inside:
                outside.append(line.split()[0])
        assert outside
        assert max(Counter(name.lower() for name in outside).values()) == 1
        assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in outside)
        nodes = case.network.unknowns.names()[1:] + [clock_node(line) for line in case.network.lines]
        assert max(Counter(nodes).values()) == 1
        assert text.isascii()
        devices = re.findall(r"^\.subckt (\S+)", text, flags=re.MULTILINE)
        assert max(Counter(devices).values()) == 1


def test_a_clock_cannot_be_taken_for_a_node(tmp_path):
    """However groups and lines are called: nodes end in a number, clocks do not."""
    for line, group in (("x_0", "clk_x"), ("x", "x_clk"), ("clk", "clk"), ("a_0", "a")):
        groups = (Group(label=group, size=2, scale=1.0),)
        assert clock_node(line) not in Unknowns(groups=groups).names()


HOSTILE = (
    "a b.cir",
    "*#shell id.cir",
    ".control",
    "$(id).cir",
    "`id`.cir",
    "a;quit.cir",
    "\u00e9.cir",
    "a\nquit\n.cir",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_name_cannot_say_anything(tmp_path, name, lstm_circuit):
    case = lstm_circuit()
    write_spice(tmp_path / name, case.network, case.schedule, NGSPICE, USUAL)
    hostile, plain = (tmp_path / name).read_bytes(), text_of(case, "x")
    lines = hostile.decode("ascii").splitlines()
    changed = [line for line, other in zip(lines, plain.splitlines(), strict=True) if line != other]
    assert changed
    assert all(re.fullmatch(r"\* [A-Za-z0-9_.:,<>()\- ]*", line) for line in changed)


def test_no_line_is_a_command(everything, lstm_circuit):
    """ngspice runs what stands behind `*#` in a deck, and `.control` blocks; a deck has neither, nor a shell word."""
    allowed = {".param", ".subckt", ".ends", ".model", ".options", ".save", ".tran", ".end"}
    for case in (everything, lstm_circuit(layers=2)):
        for line in text_of(case).splitlines():
            assert not line.startswith("*#")
            assert not line.startswith(".") or line.split()[0] in allowed


@pytest.mark.parametrize("text", ["*#shell id", ".control", "$(id)", "{x}"])
def test_provenance_stays_in_its_comment(text):
    case = branch(provenance=(("model", text),))
    lines = "".join(deck(netlist(case, once(), NGSPICE), USUAL, "a")).splitlines()
    assert [line for line in lines if text in line] == [f"*| provenance model {text}"]


@pytest.mark.parametrize("name", ["a\n.control", "a b", "", "a" * 65, "$(id)", "\u00e9"])
def test_an_lstm_cannot_have_a_hostile_name(name):
    with pytest.raises(InvalidValueError, match=r"^name must be 1 to 64 of the characters"):
        random_lstm(np.random.default_rng(0), 1, 1, name=name)


def test_a_header_says_what_it_is_and_how_to_run_it(lstm_circuit):
    lines = text_of(lstm_circuit()).splitlines()
    assert lines[0].startswith("* deck.cir: electrical network, ")
    head = "\n".join(lines[:12])
    for word in ("ngspice -b -n -r out.raw deck.cir", "look at", "provenance digest ", "technology BEHAVIOURAL"):
        assert word in head
    assert lines[-1] == ".end"


def test_one_card_a_weight(lstm_circuit):
    case = lstm_circuit(hidden=3)
    (bank,) = (part for part in case.network.parts if isinstance(part, Transconductors))
    cards = [line for line in text_of(case).splitlines() if line.startswith("g")]
    assert len(cards) == bank.transconductance.size
    values = np.array([float(card.split()[-1]) for card in cards]).reshape(bank.transconductance.shape)
    np.testing.assert_array_equal(values, bank.transconductance)


def test_shared_values_stand_once(lstm_circuit):
    case = lstm_circuit(hidden=5)
    text = text_of(case)
    (line,) = re.findall(r"^\.param l0_rows_cap_c=.*$", text, flags=re.MULTILINE)
    assert line == ".param l0_rows_cap_c=1e-10"
    assert text.count("{l0_rows_cap_c}") == 20
    parts = list(case.network.parts)
    number = [part.label for part in parts].index("l0_rows_cap")
    parts[number] = replace(parts[number], capacitance=[2e-10, *[1e-10] * 19])
    changed = text_of(replace(case, network=replace(case.network, parts=tuple(parts))))
    assert "l0_rows_cap_c" not in changed
    assert changed.count(" 1e-10\n") == 19


def test_a_staircase_changes_at_the_ends_of_intervals():
    schedule = once([0.0, 0.0, 2.0, 2.0, 5.0])
    words = staircase(np.array([0.0, 0.0, 2.0, 2.0, 5.0]), schedule, 0.125).replace("+", " ").split()
    assert words == ["pwl(", "0", "0.0", "2.0", "0.0", "2.125", "2.0", "4.0", "2.0", "4.125", "5.0", ")"]
    assert staircase(np.full(5, 3.0), schedule, 0.125) == "3.0\n"


def test_lines_are_of_readable_length(lstm_circuit):
    lines = text_of(lstm_circuit(hidden=6, steps=20)).splitlines()
    assert max(len(line) for line in lines if not line.startswith("* ")) < 250


def weights_and_peak(size):
    """Return the letters of the deck of `size` by `size` weights, and the most bytes that writing it held."""
    nodes, rows = np.arange(1, 1 + size), np.arange(1 + size, 1 + 2 * size)
    weights = np.random.default_rng(0).normal(size=(size, size))
    network = by_hand.network(
        {"s": size, "c": size},
        Sources(label="s", nodes=nodes, effort=0.0),
        Transconductors(label="g", inputs=nodes, rows=rows, transconductance=weights),
        Conductors(label="r", a=rows, b=np.zeros_like(rows), conductance=1.0),
        Storages(label="c", nodes=rows, capacitance=1.0),
    )
    tracemalloc.start()
    letters = sum(len(text) for text in deck(netlist(network, by_hand.schedule([1.0]), NGSPICE), USUAL, "a"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return letters, peak


def test_a_weight_bank_is_streamed():
    """Twice the units: four times the text, but only twice the memory, that of a row and of the other banks."""
    (few, low), (many, high) = weights_and_peak(256), weights_and_peak(512)
    assert many > 10e6
    assert high < many / 10
    assert many / few > 3.5
    assert high / low < 2.5


@pytest.mark.parametrize("change", [{"reltol": 0.0}, {"vntol": -1.0}, {"steps": 0}, {"chgtol": np.nan}])
def test_accuracy_is_positive(change):
    (name,) = change
    with pytest.raises(InvalidValueError, match=rf"^{name} must be positive"):
        Accuracy(**(vars(USUAL) | change))


def test_a_starting_state_and_a_single_step_come_back(tmp_path, lstm_circuit):
    """Imposed values that never change are written as constants, and still read as imposed."""
    state = State(h=(np.array([0.1, -0.2]),), c=(np.array([0.0, 0.7]),))
    case = lstm_circuit(state=state, steps=1)
    write_spice(tmp_path / "a.cir", case.network, case.schedule, NGSPICE, USUAL)
    again = read_spice(tmp_path / "a.cir")
    assert again.network.equals(case.network, rtol=0.0)
    ours, theirs = ({e.label: e.efforts.tolist() for e in s.imposed} for s in (case.schedule, again.schedule))
    assert ours == theirs


@pytest.mark.parametrize(
    ("durations", "text"),
    [
        ([1.0, 1e-10, 1.0], r"^the shortest interval of a deck must be at least 3e-07 s, .* got 1e-10 s: make"),
        ([1.0, 2e-7], r"^the shortest interval of a deck must be at least 3e-07 s, .* got 2e-07 s: make it longer"),
        ([1e-320, 1e-320], r"^a deck must end before 0 s, got 2e-320 s: write fewer steps"),
    ],
)
def test_intervals_that_simulators_pass_over_are_refused(tmp_path, durations, text):
    """ngspice went on as if 1e-10 s between two seconds were not there: 0 V for 0.095 V at their end."""
    with pytest.raises(UnsupportedError, match=text):
        write_spice(tmp_path / "a.cir", branch(), once([0.0, 1.0, 0.0][: len(durations)], durations), NGSPICE, USUAL)
    assert list(tmp_path.iterdir()) == []


def test_short_intervals_are_run_as_they_are():
    """A pulse of 3e-7 of its neighbours into an RC of thrice that: 1 - exp(-1/3)."""
    network = branch(parts=(*branch().parts[:2], Storages(label="c", nodes=[2], capacitance=9.3e-7)))
    found = Ngspice(accuracy=USUAL).run(network, once([0.0, 1.0, 0.0], [1.0, 3.1e-7, 1.0]))
    np.testing.assert_allclose(np.interp(1.0 + 3.1e-7, found.time, found.efforts[:, 2]), 1 - np.exp(-1 / 3), atol=1e-4)


@pytest.mark.parametrize("capacitance", [1e300, 1e305])
def test_numbers_as_large_as_infinity_are_refused(tmp_path, capacitance):
    parts = (*branch().parts[:2], Storages(label="c", nodes=[2], capacitance=capacitance))
    with pytest.raises(UnsupportedError, match=r"^number in a netlist must be below 1e\+300, which stands for inf"):
        write_spice(tmp_path / "a.cir", branch(parts=parts), once(), NGSPICE, USUAL)


def test_a_conductance_whose_resistance_is_no_number_is_refused(tmp_path):
    parts = (branch().parts[0], Conductors(label="r", a=[1], b=[2], conductance=1e-310), branch().parts[2])
    with pytest.raises(UnsupportedError, match=r"^conductance or resistance must have an inverse, .*, got 1e-310: "):
        write_spice(tmp_path / "a.cir", branch(parts=parts), once(), NGSPICE, USUAL)


@pytest.mark.parametrize(("node", "time"), [(-1, 1.0), (3, 1.0), (1, 2.1), (1, np.nan), (1, -1.0)])
def test_a_probe_beyond_the_network_or_its_schedule_is_refused(tmp_path, node, time):
    """-1 was the last node."""
    probe = Probe(label="p", node=node, time=time)
    with pytest.raises(
        InvalidValueError, match=r"^probe p must have a label of its own, an unknown below 3, and a time"
    ):
        write_spice(tmp_path / "a.cir", branch(), once(), NGSPICE, USUAL, [probe])
    good = Probe(label="p", node=1, time=1.0)
    with pytest.raises(InvalidValueError, match=r"^probe p must have a label of its own"):
        write_spice(tmp_path / "a.cir", branch(), once(), NGSPICE, USUAL, [good, good])


@pytest.mark.parametrize("name", ["reltol", "steps"])
def test_tolerances_are_finite(name):
    with pytest.raises(InvalidValueError, match=rf"^{name} must be positive and finite, got inf: give e\.g\. 1e-6"):
        replace(USUAL, **{name: np.inf})


@pytest.mark.parametrize("dialect", WRITTEN, ids=lambda dialect: dialect.name)
def test_tolerances_of_numpy_are_numbers_in_a_deck(tmp_path, dialect):
    """They were np.float64(1e-05) there."""
    numbers = {"reltol": 1e-5, "vntol": 1e-6, "abstol": 1e-12, "chgtol": 1e-15}
    of_numpy = Accuracy(**{name: np.float64(value) for name, value in numbers.items()}, steps=np.int64(50))
    write_spice(tmp_path / "a.cir", branch(), once(), dialect, of_numpy)
    assert read_spice(tmp_path / "a.cir").accuracy == Accuracy(**numbers, steps=50)
    assert "np." not in (tmp_path / "a.cir").read_text()


def test_a_domain_of_ones_own_has_a_name_of_its_own(tmp_path):
    """The deck was read back as of volts."""
    with pytest.raises(
        UnsupportedError, match=r"^domain electrical must have the units of that name, got others: give"
    ):
        write_spice(tmp_path / "a.cir", branch(domain=replace(ELECTRICAL, effort_unit="mV")), once(), NGSPICE, USUAL)
