"""A deck of subcircuits, one instance a unit, computes what the flat deck of the same machine does."""

import re
from dataclasses import replace

import numpy as np
import pytest
from run_in_ngspice import waves

import lstm_analog as la
from lstm_analog.errors import FileFormatError, UnsupportedError
from lstm_analog.export import DIALECTS, NGSPICE, check_dialect, write_spice
from lstm_analog.imperfections import AmplifierOffset, Streams

X = np.random.default_rng(5).uniform(-1, 1, (2, 2))


def machine(technology, units=2, **options):
    return la.compile(la.random_lstm(np.random.default_rng(0), 2, units, name="first"), technology, **options)


def ngspice(deck, names):
    """Return the last voltages of the nodes `names` as ngspice has them when it runs `deck`."""
    return waves(deck, names)[1][-1]


def both(folder, made, names, x=X):
    made.write.spice(folder / "flat.cir", x)
    made.write.spice(folder / "units.cir", x, by_unit=True)
    return ngspice(folder / "flat.cir", names), ngspice(folder / "units.cir", names)


@pytest.mark.parametrize("name", ["BEHAVIOURAL", "OPAMP", "OPAMP_BENCH"])
def test_units_compute_what_the_flat_deck_does(tmp_path, name):
    made = machine(getattr(la.electrical, name))
    flat, units = both(tmp_path, made, ["l0_c_0", "l0_c_1", "l0_h_0", "l0_h_1"])
    np.testing.assert_allclose(units, flat, rtol=0, atol=1e-9)
    text = (tmp_path / "units.cir").read_text()
    assert len(re.findall(r"^\.subckt l0_unit$", text, re.MULTILINE)) == 1
    assert re.findall(r"^x(.*)$", text.partition("*| top\n")[2], re.MULTILINE)[-4:] == [
        "clock",
        "l0_unit_0",
        "l0_unit_1",
        "l0_rows_bank",
    ]


def test_units_of_transistors_compute_what_the_flat_deck_does(tmp_path):
    flat, units = both(tmp_path, machine(la.electrical.BICMOS), ["l0_h_p_0", "l0_h_n_0", "l0_h_p_1", "l0_h_n_1"], X[:1])
    np.testing.assert_allclose(units, flat, rtol=0, atol=2e-4)
    text = (tmp_path / "units.cir").read_text()
    assert "clk_copy_0 clk_copy_b_0" in text.partition(".subckt clock")[2].partition(".ends")[0]
    assert "l0_zi_term_p_r=" in text.partition("xl0_unit_1")[2]  # what units differ in is a parameter


def test_two_layers_with_a_head_have_a_unit_each(tmp_path):
    stacked = la.random_lstm(np.random.default_rng(1), 2, 3, layers=2, outputs=1, name="stacked")
    flat, units = both(tmp_path, la.compile(stacked, la.electrical.BEHAVIOURAL), ["l1_h_0", "l1_h_1", "l1_h_2"])
    np.testing.assert_allclose(units, flat, rtol=0, atol=1e-9)
    text = (tmp_path / "units.cir").read_text()
    assert text.count("\nxl0_unit_") == text.count("\nxl1_unit_") == 3


def test_op_amps_of_a_head_have_supplies_too(tmp_path):
    """They belong to no unit, and stand at the top."""
    lstm = la.random_lstm(np.random.default_rng(1), 1, 1, outputs=1)
    flat, units = both(tmp_path, la.compile(lstm, la.electrical.OPAMP), ["l0_h_0", "y_0"], X[:1, :1])
    np.testing.assert_allclose(units, flat, rtol=0, atol=1e-9)


def test_errors_of_single_op_amps_are_parameters_of_the_units(tmp_path):
    made = machine(la.electrical.OPAMP).with_imperfection(AmplifierOffset(volts=5e-3), Streams(seed=3))
    flat, units = both(tmp_path, made, ["l0_h_0", "l0_h_1"])
    np.testing.assert_allclose(units, flat, rtol=0, atol=1e-9)
    ideal = machine(la.electrical.OPAMP)
    ideal.write.spice(tmp_path / "ideal.cir", X)
    assert np.abs(units - ngspice(tmp_path / "ideal.cir", ["l0_h_0", "l0_h_1"])).max() > 1e-3


def test_op_amps_swing_to_their_supplies_and_draw_from_them(tmp_path):
    made = machine(la.electrical.OPAMP, units=1)
    made.write.spice(tmp_path / "units.cir", X, by_unit=True)
    text = (tmp_path / "units.cir").read_text()
    device = text.partition(".subckt opamps ")[2].partition(".ends")[0]
    assert device.splitlines()[0].startswith("plus minus out x vdd vss gm=")
    bench = tmp_path / "bench.cir"
    bench.write_text(
        f"* an op-amp into 1 kohm on 2 V\n.subckt opamps {device}.ends\n"
        "vp pos 0 2\nrp pos vdd 1\nvn neg 0 -2\nrn neg vss 1\nvin in 0 1\nrl out 0 1k\n"
        "xu in 0 out x vdd vss opamps gm=1e-4 imax=1e-4 rx=1e9 cx=1e-12 vos=0 clamp=9 gclamp=1e-3 rout=100\n"
        ".save v(out) v(vdd) v(vss)\n.tran 1u 100u\n.end\n"
    )
    out, plus, minus = ngspice(bench, ["out", "vdd", "vss"])
    assert out == pytest.approx(2.0 * 1000.0 / 1100.0, rel=2e-3)
    assert 2.0 - plus == pytest.approx(out / 1e3, rel=1e-4)  # through 1 ohm
    assert minus == pytest.approx(-2.0, abs=1e-9)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_decks_keep_the_rules_of_their_dialect(tmp_path, dialect):
    machine(la.electrical.OPAMP).write.spice(tmp_path / "units.cir", X, dialect=dialect, by_unit=True)
    assert check_dialect(tmp_path / "units.cir", dialect) == ()


def test_units_that_are_wired_differently_are_refused(tmp_path):
    made = machine(la.electrical.BEHAVIOURAL)
    parts = list(made.network.parts)
    place = next(n for n, part in enumerate(parts) if part.label == "l0_h_reset")
    parts[place] = replace(parts[place], b=np.array([parts[place].b[0], made.network.unknowns["l0_c"][1]]))
    network = replace(made.network, parts=tuple(parts))
    other = replace(made, passes=(replace(made.compiled, network=network),))
    with pytest.raises(UnsupportedError, match="part l0_h_reset must be alike in all units"):
        other.write.spice(tmp_path / "units.cir", X, by_unit=True)
    assert not list(tmp_path.iterdir())


def of_both(folder, made, dialect=NGSPICE):
    """Return what is read back of the flat deck of a machine, and of its deck by units."""
    made.write.spice(folder / "flat.cir", X, dialect=dialect)
    made.write.spice(folder / "units.cir", X, dialect=dialect, by_unit=True)
    return la.read_spice(folder / "flat.cir"), la.read_spice(folder / "units.cir")


def as_text(deck, path):
    """Return the flat deck of what was read: every value, pin and mark of a network has a place there."""
    write_spice(path, deck.network, deck.schedule, NGSPICE, deck.accuracy)
    return path.read_text()


@pytest.mark.parametrize("name", ["BEHAVIOURAL", "BICMOS"])
def test_units_read_back_as_the_flat_deck_does(tmp_path, name):
    """Two layers and a head: banks in units, banks over two layers, and elements that belong to no unit."""
    lstm = la.random_lstm(np.random.default_rng(1), 2, 2, layers=2, outputs=1)
    flat, units = of_both(tmp_path, la.compile(lstm, getattr(la.electrical, name)))
    assert as_text(units, tmp_path / "a.cir") == as_text(flat, tmp_path / "a.cir")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_units_read_back_in_every_dialect(tmp_path, dialect):
    lstm = la.random_lstm(np.random.default_rng(1), 2, 1, outputs=1)
    flat, units = of_both(tmp_path, la.compile(lstm, la.electrical.OPAMP), dialect)
    assert as_text(units, tmp_path / "a.cir") == as_text(flat, tmp_path / "a.cir")


@pytest.fixture(scope="module")
def offsets(tmp_path_factory):
    """Both decks of a machine whose op-amps differ, as text, and what is read back of them."""
    folder = tmp_path_factory.mktemp("offsets")
    made = machine(la.electrical.OPAMP).with_imperfection(AmplifierOffset(volts=5e-3), Streams(seed=3))
    flat, units = of_both(folder, made)
    return (folder / "units.cir").read_text(), flat, units


def replaced(path, text, pattern, new):
    text, count = re.subn(pattern, new, text)
    assert count
    path.write_text(text)
    return path


def test_errors_of_single_op_amps_read_back(tmp_path, offsets):
    _, flat, units = offsets
    assert as_text(units, tmp_path / "a.cir") == as_text(flat, tmp_path / "a.cir")


@pytest.mark.parametrize(
    ("pattern", "new", "bank", "value", "factors"),
    [
        (r"(\.param l0_c_keep_in_r=)10000.0", r"\g<1>10500.0", "l0_c_keep_in", "conductance", [1 / 1.05] * 2),
        (r"(rl0_c_keep_in_0 l0_c_keep l0_c_in ).*", r"\g<1>20k", "l0_c_keep_in", "conductance", [0.5] * 2),
        (r"(xl0_unit_1\n(?:\+.*\n)*?.*l0_c_adder_vos=)\S+", r"\g<1>0", "l0_c_adder", "offset", [1.0, 0.0]),
        (r"(v(?:vdd|vss) v.. 0 -?)4.5", r"\g<1>4", "l0_c_adder", "swing", [8 / 9] * 2),
    ],
    ids=["a value of a bank", "a card of all units", "a unit alone", "the supplies"],
)
def test_edits_are_read(tmp_path, offsets, pattern, new, bank, value, factors):
    text, flat, _ = offsets
    edited = la.read_spice(replaced(tmp_path / "units.cir", text, pattern, new))
    before, after = (getattr(deck.network.part(bank), value) for deck in (flat, edited))
    np.testing.assert_allclose(np.broadcast_to(after / before, 2), factors, rtol=1e-12)


def test_a_weight_and_a_wire_that_are_edited_are_read(tmp_path, offsets):
    text, flat, _ = offsets
    weight = re.compile(r"(\nrl0_rows_0 \S+ \S+ )(\S+)")
    doubled = lambda found: f"{found[1]}{2.0 * float(found[2])!r}"  # noqa: E731
    after = la.read_spice(replaced(tmp_path / "units.cir", text, weight, doubled)).network.part("l0_rows")
    ratio = after.positive / flat.network.part("l0_rows").positive
    assert np.sort(ratio.ravel())[:2].tolist() == [0.5, 1.0]
    crossed = r"(xl0_unit_0\n\+ .*?\b)l0_h_0\b"
    with pytest.raises(FileFormatError, match="l0_h"):  # two units drive one node
        la.read_spice(replaced(tmp_path / "units.cir", text, crossed, r"\g<1>l0_h_1"))


NEW = "\nrnew_0 x_0 0 1k\nxl0_rows_bank\n"


@pytest.mark.parametrize(
    ("pattern", "new", "says"),
    [
        (r"\nxl0_rows_bank\n", NEW, "card must belong to a bank, got 'rnew_0 x_0 0 1k'"),
        (r"\nxl0_unit_1\n", "\nxl0_unit_2\n", "card must belong to a bank, got 'xl0_unit_2"),
        (r"\nxl0_rows_bank\n", "\nxl0_unit_0 a l0_unit\nxl0_rows_bank\n", "instance xl0_unit_0 must stand once"),
        (r"\nxclock\n\+ reset_clk", "\nxclock\n+ ", "instance xclock must call clock with 3 nodes"),
        (r"vvdd vdd 0 4.5", "vvdd vdd 0 5", "supplies must be vvdd and vvss, equal and opposite"),
        (r"\nvvss.*", "", "supplies must be vvdd and vvss"),
        (r"(\nrl0_c_keep_in_0 )", r"\nrl0_c_keep_in_0 0 0 1k\1", "card rl0_c_keep_in_0 must stand once"),
        (r"\nrl0_c_keep_in_0 .*", "", "part l0_c_keep_in must have 2 cards, got '0'"),
        (r"(xl0_c_adder_0 .*) vdd vss ", r"\1 vss vdd ", "supplies of an op-amp must be vdd and vss"),
        (r"(xl0_c_adder_0 .*) vos=\S+", r"\1 vos={2*l0_c_adder_vos}", "must be l0_c_adder_vos alone"),
        (r"(\n\.subckt opamps [^\n]*)", r"\1\nrleak out 0 1k", "device line must stand as written, got 'rleak"),
        (r"\.ends l0_unit", ".ends", "circuit l0_unit must be from .subckt l0_unit to .ends l0_unit"),
        (r"vreset_clk reset_clk 0 pwl\(\n\+ 0 1.0", "vreset_clk reset_clk 0 pwl(\n+ 0 0.5", "clock reset must say"),
        (r"\*\| lines [^\n]*\n", "", "netlist must carry the marks of write_spice, got 'no lines'"),
        (r"\*\| analysis", "* analysis", "deck by units must have banks, circuits that differ, the top and analysis"),
        (r"\.subckt l0_unit\n", ".subckt l0_unit\n+ l0_other\n", "instance xl0_unit_0 must call l0_unit with"),
    ],
)
def test_no_edit_is_dropped_silently(tmp_path, offsets, pattern, new, says):
    path = replaced(tmp_path / "units.cir", offsets[0], pattern, new)
    with pytest.raises(FileFormatError, match=re.escape(says)):
        la.read_spice(path)


def test_the_language_of_vacask_is_refused(tmp_path):
    with pytest.raises(UnsupportedError, match="a deck by units must be in a dialect of SPICE, got vacask"):
        machine(la.electrical.BEHAVIOURAL).write.spice(tmp_path / "a.cir", X, dialect=la.VACASK, by_unit=True)


def test_one_form_at_a_time(tmp_path):
    for other in ({"as_subckt": True}, {"measured": True}):
        with pytest.raises(UnsupportedError, match="a deck by units must be plain"):
            machine(la.electrical.BEHAVIOURAL).write.spice(tmp_path / "a.cir", X, by_unit=True, **other)
