"""A deck of subcircuits, one instance a unit, computes what the flat deck of the same machine does."""

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines.raw import read_raw
from lstm_analog.errors import UnsupportedError
from lstm_analog.export import DIALECTS, check_dialect
from lstm_analog.imperfections import AmplifierOffset, Streams

X = np.random.default_rng(5).uniform(-1, 1, (2, 2))


def machine(technology, units=2, **options):
    return la.compile(la.random_lstm(np.random.default_rng(0), 2, units, name="first"), technology, **options)


def ngspice(deck, names):
    """Return the last voltages of the nodes `names` as ngspice has them when it runs `deck`."""
    raw = deck.with_suffix(".raw")
    command = ["ngspice", "-b", "-n", "-r", raw.name, deck.name]
    done = subprocess.run(command, cwd=deck.parent, capture_output=True, timeout=240, check=False)
    assert raw.exists(), done.stderr.decode(errors="replace")
    return read_raw(raw, names)[1][-1]


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
    assert re.findall(r"^x(.*)$", text.partition("the top")[2], re.MULTILINE)[-4:] == [
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


def test_one_form_at_a_time(tmp_path):
    for other in ({"as_subckt": True}, {"measured": True}):
        with pytest.raises(UnsupportedError, match="a deck by units must be plain"):
            machine(la.electrical.BEHAVIOURAL).write.spice(tmp_path / "a.cir", X, by_unit=True, **other)
