import re
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
import today

from lstm_analog.compiler import GATED_LEAK
from lstm_analog.errors import FileAccessError, FileFormatError, LstmAnalogError
from lstm_analog.export import NGSPICE, USUAL, read_spice, write_spice


def numbers(record, path=""):
    """Return every number of a record by its path."""
    found = {}
    if isinstance(record, np.ndarray):
        found |= {f"{path}{list(map(int, place))}": value for place, value in np.ndenumerate(record)}
    elif isinstance(record, tuple):
        for number, item in enumerate(record):
            found |= numbers(item, f"{path}.{getattr(item, 'label', number)}")
    elif is_dataclass(record):
        for entry in fields(record):
            found |= numbers(getattr(record, entry.name), f"{path}.{entry.name}")
    elif isinstance(record, int | float | str):
        found[path] = record
    return found


def changes(before, after):
    """Return the paths at which two decks differ, with what stands there now."""
    one, other = (
        {
            **numbers(deck.network.parts),
            **numbers(deck.network.unknowns.groups),
            **numbers(deck.network.lines),
            **numbers(tuple(sorted(deck.schedule.imposed, key=lambda entry: entry.label))),
            **numbers(deck.schedule.durations, "durations"),
            **numbers(deck.schedule.high, "high"),
        }
        for deck in (before, after)
    )
    assert one.keys() == other.keys()
    return {path: value for path, value in other.items() if one[path] != value}


def test_what_was_read_is_written_alike(everything, written, tmp_path):
    path, text = written(everything)
    deck = read_spice(path)
    write_spice(path, deck.network, deck.schedule, NGSPICE, USUAL)
    assert path.read_text() == text


@pytest.fixture
def edit(lstm_circuit, written):
    """Return a function that edits the deck of a small circuit, and what it said before."""
    path, text = written(lstm_circuit(hidden=2))
    before = read_spice(path)

    def edited(old, new, count=1):
        assert text.count(old) >= 1, old
        path.write_bytes(text.replace(old, new, count).encode("utf-8"))
        return before, path

    edited.text = text
    return edited


def line_of(text, start):
    (line,) = (line for line in text.splitlines() if line.startswith(start))
    return line


@pytest.mark.parametrize(
    ("card", "old", "new", "changed", "value"),
    [
        ("gl0_rows_3_1 ", r"\S+$", "12.5u", ".l0_rows.transconductance[3, 1]", 12.5 * 1e-6),
        ("rl0_rows_load_5 ", "{l0_rows_load_r}", "4.7k", ".l0_rows_load.conductance[5]", 1 / 4700.0),
        ("cl0_c_master_1 ", "{l0_c_master_c}", "220PF", ".l0_c_master.capacitance[1]", 220 * 1e-12),
        ("xl0_c_add_1 ", "k2={l0_c_add_k2}", "k2=-0.9", ".l0_c_add.factors.1.scale[1]", -0.9),
    ],
    ids=["a weight", "a resistor", "a capacitor", "a value of a device"],
)
def test_a_value_may_change(edit, card, old, new, changed, value):
    line = line_of(edit.text, card)
    before, path = edit(line, re.sub(old, new, line))
    assert changes(before, read_spice(path)) == {changed: value}


def test_a_parameter_changes_its_whole_bank(edit):
    before, path = edit(".param l0_rows_load_r=10000.0", ".param l0_rows_load_r=10.5K")
    expected = {f".l0_rows_load.conductance[{k}]": 1 / 10500.0 for k in range(8)}
    assert changes(before, read_spice(path)) == expected


def test_a_parameter_of_ones_own(edit):
    before, path = edit("* ---- devices", ".param big = 1meg\n.param bigger={big}\n* ---- devices")
    assert changes(before, read_spice(path)) == {}
    old = line_of(path.read_text(), "rl0_rows_load_5 ")
    path.write_text(path.read_text().replace(old, old.replace("{l0_rows_load_r}", "{bigger}")))
    assert changes(before, read_spice(path)) == {".l0_rows_load.conductance[5]": 1e-6}


def test_an_input_may_change(edit):
    """Both points of an interval, wherever they stand on the lines."""
    value = read_spice(edit(".end\n", ".end\n")[1]).schedule.imposed[0].efforts[6, 1]
    assert edit.text.count(repr(float(value))) == 2
    before, path = edit(repr(float(value)), "0.125", count=2)
    after = changes(before, read_spice(path))
    assert after
    assert set(after.values()) == {0.125}
    assert all(name.startswith(".x.efforts[") for name in after)


def test_an_input_may_be_made_constant(edit):
    text = edit.text
    start = text.index("vx_0 ")
    end = text.index(")\n", start) + 2
    before, path = edit(text[start:end], "vx_0 x_0 0 0.5\n")
    after = read_spice(path)
    x = next(entry for entry in after.schedule.imposed if entry.label == "x").efforts
    assert (x[:, 0] == 0.5).all()
    assert all(name.startswith(".x.efforts[") and name.endswith(", 0]") for name in changes(before, after))


def test_settings_layout_and_case_may_change(edit):
    before, path = edit("reltol=1e-06", "reltol=1e-4")
    after = read_spice(path)
    assert changes(before, after) == {}
    assert (before.accuracy, after.accuracy) == (USUAL, replace(USUAL, reltol=1e-4))
    step = line_of(edit.text, ".tran ").split()[1]
    before, path = edit(f".tran {step} ", f".tran {float(step) / 3!r} ", count=1)
    path.write_text(path.read_text().replace(f" 0 {step}", f" 0 {float(step) / 3!r}"))
    assert read_spice(path).accuracy == replace(USUAL, steps=3 * USUAL.steps)
    old = line_of(edit.text, "rl0_rows_load_5 ")
    for new in (old.upper().replace("{L0_ROWS_LOAD_R}", "10K").replace("L0_ZG_1", "l0_zg_1"), old.replace(" ", "   ")):
        before, path = edit(old, new)
        assert changes(before, read_spice(path)) == {}
    head, _, tail = old.partition("{")
    before, path = edit(old, f"{head}\n* why not\n\n+ {{{tail}")
    assert changes(before, read_spice(path)) == {}


def dropped(text, start):
    return text.replace(line_of(text, start) + "\n", "")


def test_unknown_cards_and_edits_are_refused(edit):
    r5, c1 = line_of(edit.text, "rl0_rows_load_5 "), line_of(edit.text, "cl0_c_master_1 ")
    x1, g = line_of(edit.text, "xl0_c_add_1 "), line_of(edit.text, "gl0_rows_3_1 ")
    take, interval = line_of(edit.text, "xl0_c_take_0 "), line_of(edit.text, "*| interval compute0 ")
    follow = line_of(edit.text, "el0_c_follow_0 ")
    load, tran = line_of(edit.text, "rl0_c_load_0 "), line_of(edit.text, ".tran ")
    cases = (
        (r5, r5.replace("l0_zg_1", "l0_zz_1"), "node must belong to a group of the header, got 'l0_zz_1'"),
        (r5 + "\n", "", "part l0_rows_load must have 8 cards, got '7': restore the missing"),
        (r5, r5 + "\n" + r5, "part l0_rows_load must have 8 cards, got '9'"),
        (g + "\n", "", "weights must fill 8 equal rows, got '39 cards'"),
        (g, g.replace("gl0_rows_3_1", "gl0_rows_3_0"), "card of part l0_rows must begin with"),
        (g, g.replace(" 0 ", " x_0 "), "card of part l0_rows must begin with"),
        (g, g + " 5", "weights must fill 8 equal rows"),
        (load, r5, "card of part l0_c_load must begin with 'rl0_c_load_0 "),
        (r5, r5.replace("_5 ", "_6 "), "card of part l0_rows_load must begin with"),
        (r5, r5.replace("{l0_rows_load_r}", "4k7"), "netlist value must mean the same to all simulators, got '4k7'"),
        (r5, r5.replace("{l0_rows_load_r}", "{nothing}"), "name in an expression must be a parameter, got 'nothing in"),
        (r5, r5 + " tc=1", "card rl0_rows_load_5 must give one value"),
        (r5, r5.replace("{l0_rows_load_r}", "{ 5"), "netlist value must be a number, got '{'"),
        (r5, r5.rsplit(" ", 1)[0], "netlist must read back as a network"),
        (r5, "h1 l0_zg_1 0 5", "card of part l0_rows_load must begin with"),
        (c1, c1.replace(" 0 ", " x_0 "), "card of part l0_c_master must begin with"),
        (follow, follow.replace(" 0 ", " x_0 ", 1), "card of part l0_c_follow must begin with"),
        (x1, x1.replace("pair_sigmoid_tanh", "pair_tanh_tanh"), "card of part l0_c_add must begin with"),
        (x1, x1 + " m=2", "card xl0_c_add_1 must give i0, k1, o1, k2, o2"),
        (x1, x1 + " k1=1", "card xl0_c_add_1 must give i0, k1, o1, k2, o2"),
        (take, take.replace("compute0_clk", "copy_clk"), "card of part l0_c_take must begin with"),
        (".options", "rextra l0_c_0 0 1k\n.options", "analysis line must be one of .*, got 'rextra"),
        ("\n* ---- devices", "\nrextra l0_c_0 0 1k\n* ---- devices", "device line must stand as written, got 'rextra"),
        ("\n* ---- devices", "\n.param a=1\n.param a=2\n* ---- devices", ".param a must be given once"),
        ("(tanh(", "(sinh(", "device line must stand as written"),
        (".ends\n", ".ends\n.ic v(x_0)=1\n", "device line must stand as written, got '.ic"),
        (" roff=1\n", " roff=1\n.param ron=5\n", "device line must stand as written, got '.param ron=5'"),
        (".end\n", "", "netlist must end with .end"),
        ("reltol=1e-06 ", "", r"\.options must give reltol, vntol, abstol, chgtol, pivtol, got 'vntol "),
        ("reltol=1e-06", "method=gear reltol=1e-06", r"\.options must give reltol, .*, got 'method reltol "),
        ("reltol=1e-06", "reltol=-1", "reltol must be positive"),
        (tran, tran.replace(f" {tran.split()[2]} ", " 1e-6 "), r"\.tran must be 'step \S+ 0 step', got"),
        (tran, tran + " uic", "netlist value must be a number, got 'uic'"),
        (tran, tran + "\n" + tran, r"netlist must have one \.options, \.save, \.tran and \.end"),
        (".end\n", ".end\n.end\n", "netlist must end with .end"),
        ("vreset_clk reset_clk 0 pwl(", "vreset_clk copy_clk 0 pwl(", "clock reset must say what the interval"),
        (interval, re.sub(r" \S+e-05 ", " 1.5e-05 ", interval), "must"),
        (interval, interval.removesuffix("compute0") + "other", "order and interval lines must name"),
        ("*| order 0 1", "*| order 0 -1", "order and interval lines must name"),
        ("*| order 0 1", "*| order 0 99", "order and interval lines must name"),
        ("*| group x 2 1.0", "*| group x 222222222 1.0", "groups must have whole sizes, not more"),
        ("*| group x 2 1.0", "*| group x -2 1.0", "groups must have whole sizes"),
        ("*| group x 2 1.0", "*| group x 3 1.0", "unknown x_2 must be set by exactly one"),
        ("*| group x 2 1.0", "*| group X 2 1.0", "netlist must read back as a network, got .*label must be"),
        ("*| domain electrical", "*| domain magic", "domain must be one of electrical, hydraulic, got 'magic'"),
        ("*| domain electrical\n", "", "netlist must carry the marks of write_spice, got 'no domain'"),
        ("*| domain", "*| surprise 1\n*| domain", "mark must be one of"),
        ("*| part Storages", "*| part Unknown", "part must be one of .*Junctions"),
        ("*| nodes l0_c_sum_0", "r1 l0_c_sum_0 0 1\n*| nodes l0_c_sum_0", "part l0_c_node must have no cards, got 'r1"),
        ("*| nodes l0_c_sum_0", "*| nodes", "unknown l0_c_sum_0 must be set by exactly one .* got 0 setters"),
        ("*| clocks", "*| watches", "netlist must have parts, then clocks, then analysis"),
        ("*| domain", "\u00e9*| domain", "netlist must be ASCII text"),
    )
    for old, new, text in cases:
        _, path = edit(old, new)
        with pytest.raises(LstmAnalogError, match=text):
            read_spice(path)


def test_an_edited_clock_is_refused(edit):
    start = edit.text.index("vcompute0_clk ")
    old = edit.text[start : edit.text.index(")\n", start)]
    sooner = old.replace(" 2e-05 1.0 ", " 1.5e-05 1.0 ")
    for new in (old.replace(" 1.0", " 0.9"), sooner, "vcompute0_clk compute0_clk 0 pwl( 0 1.0 "):
        assert new != old
        _, path = edit(old, new)
        with pytest.raises(
            FileFormatError, match=r"must (say what the interval lines say|have points in order of time)"
        ):
            read_spice(path)


def test_half_an_input_is_refused(edit):
    """Of the two points that bound an interval only one was changed: what holds in between?"""
    value = repr(float(read_spice(edit(".end\n", ".end\n")[1]).schedule.imposed[0].efforts[6, 1]))
    _, path = edit(value, "0.125", count=1)
    with pytest.raises(
        FileFormatError, match=r"^file .*: source vx_1 must hold one value an interval, .*: change both points"
    ):
        read_spice(path)


def test_a_truncated_deck_is_refused(lstm_circuit, written):
    path, text = written(lstm_circuit())
    for twentieth in range(20):
        path.write_text(text[: len(text) * twentieth // 20])
        with pytest.raises(LstmAnalogError):
            read_spice(path)
    drawn = np.random.default_rng(today.SEED).choice(np.arange(60, 400), 60, replace=False)
    for short in (*range(2, 60), *drawn):  # every letter of the last line but for the last newline, some before it
        path.write_text(text[:-short])
        with pytest.raises(FileFormatError, match=r"^file .*: (netlist|analysis line) must "):
            read_spice(path)


FOREIGN = (b"", b"\x00\xff\xfe" * 1000, b"* a deck\nr1 a b 1k\n.end\n", b"\n\n", bytes(range(128)) * 20)


@pytest.mark.parametrize("content", FOREIGN)
def test_foreign_files_are_refused(tmp_path, content):
    (tmp_path / "a.cir").write_bytes(content)
    with pytest.raises(
        FileFormatError, match=r"^file '.*a\.cir': netlist must (be text in UTF-8|carry the marks of write_spice)"
    ):
        read_spice(tmp_path / "a.cir")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(FileAccessError, match=r"must be readable, got No such file"):
        read_spice(tmp_path / "none.cir")


WORDS = [
    "",
    "0",
    "-1",
    "1e999",
    "nan",
    "{x}",
    "x_0",
    ")",
    "pwl(",
    "+",
    "*|",
    "*| part",
    ".end",
    "=",
    "k1=",
    "line=",
    "1" * 30,
]


def damaged(line, rng):
    """Return `line` with a word replaced or added, or a letter changed."""
    words, act = line.split(" "), rng.integers(3)
    if act == 2 and line:
        place = int(rng.integers(len(line)))
        return line[:place] + chr(rng.integers(1, 127)) + line[place + 1 :]
    place = int(rng.integers(len(words)))
    return " ".join([*words[:place], WORDS[rng.integers(len(WORDS))], *words[place + act :]])


def mutant(text, rng):
    lines = text.splitlines()
    for _ in range(rng.integers(1, 3)):
        place, other = (int(number) for number in rng.integers(len(lines), size=2))
        act = rng.integers(6)
        if act == 0:
            del lines[place]
        elif act == 1:
            lines.insert(place, lines[other])
        elif act == 2:
            lines[place], lines[other] = lines[other], lines[place]
        else:
            lines[place] = damaged(lines[place], rng)
    return "\n".join(lines).encode() + b"\n"


def survives(path):
    """Return whether the deck at `path` reads; what reads is written and read again alike."""
    try:
        deck = read_spice(path)
    except LstmAnalogError as error:
        return not str(error).isascii()
    write_spice(path, deck.network, deck.schedule, NGSPICE, USUAL)
    assert read_spice(path).network.equals(deck.network, rtol=1e-15)
    return True


@pytest.mark.parametrize("seed", range(8))
def test_no_mutation_breaks_the_reader(everything, lstm_circuit, written, tmp_path, seed):
    """A deck with random damage either reads, or is refused by an error of this package."""
    rng, path = np.random.default_rng(seed), tmp_path / "mutant.cir"
    text = written(everything if seed % 2 else lstm_circuit(timing=GATED_LEAK, hidden=1))[1]
    fates = []
    for _ in range(60):
        path.write_bytes(mutant(text, rng))
        fates.append(survives(path))
    assert fates.count(False) > 20
