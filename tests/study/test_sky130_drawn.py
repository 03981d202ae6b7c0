"""Resistors, capacitors and wells of SKY130 as drawn: their laws, and the chip with them."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.bicmos_cell import library
from lstm_analog.compiler.bicmos_columns import branches
from lstm_analog.compiler.bicmos_drawn import drawn_circuit
from lstm_analog.errors import InvalidValueError
from lstm_analog.network.cells import Subcircuit
from lstm_analog.network.parts import Conductors
from lstm_analog.study.drawn_area import weights_area

SKY130_MOS, PASSIVES = la.electrical.SKY130_MOS, la.electrical.SKY130_PASSIVES
DRAWN = replace(SKY130_MOS, passives=PASSIVES)
modelled = pytest.mark.sky130


def at(technology, **conditions):
    return replace(technology, conditions=replace(technology.conditions, **conditions))


def case(seed, hidden, steps):
    rng = np.random.default_rng(seed)
    return la.random_lstm(rng, inputs=2, hidden=hidden, scale=1.0), rng.uniform(-1.0, 1.0, (steps, 2))


def wrong(technology, steps=3):
    lstm, x = case(3, 1, steps)
    run = la.compile(lstm, technology, settling=12.0).run(x, engine=la.engines.Ngspice())
    return float(np.abs(run.h - lstm(x).h).max())


# What is drawn.


def test_strips_are_legal_and_have_the_resistance_that_was_asked_for():
    material, ohms = PASSIVES.resistor, np.geomspace(100.0, 1e7, 300)
    strips = material.strips(ohms)
    assert set(strips.width.tolist()) == set(material.widths)
    assert np.allclose(strips.length, material.grid * np.round(strips.length / material.grid), rtol=1e-12)
    assert strips.length.min() >= 0.5 * material.shortest
    assert strips.length.max() <= material.longest + material.grid
    assert np.allclose(material.resistance(strips, 27.0), ohms, rtol=3e-4)
    with pytest.raises(InvalidValueError, match="resistor must leave a strip of sky130_fd_pr__res_xhigh_po 10 um"):
        material.strips(np.array([1e-3]))


def test_a_strip_follows_the_model_of_the_foundry():
    """By hand from sky130_fd_pr f62031a, res_xhigh_po: w = 0.69 um, l = 50 um, at 25 C and at 125 C."""
    material = PASSIVES.resistor
    strips = replace(material.strips(np.array([157e3])), width=np.array([0.69]), length=np.array([50.0]))
    body, head = 2000.0 * (50.0 - 0.0592) / (0.69 - 0.056), 188.2 / (0.69 - 0.056 + 1.41)
    assert material.resistance(strips, 25.0)[0] == pytest.approx(body + 2.0 * head, rel=1e-12)
    hot = body * (1.0 - 0.147 + 0.027) + 2.0 * head * (1.0 - 0.043 - 0.13)
    assert material.resistance(strips, 125.0)[0] == pytest.approx(hot, rel=1e-12)
    farads = (50.0 + 4.16) * 0.69 * 1.06e-16 + 2.0 * (50.0 + 4.16 + 0.69) * 5.04e-17
    assert material.capacitance(strips)[0] == pytest.approx(farads, rel=1e-12, abs=0.0)


def test_a_well_follows_the_model_of_the_foundry():
    """By hand from diode_pw2dn (f62031a): four transistors 50 um/2 um, 52 um by 13.4 um with margins, at 2 V."""
    bottom = 0.982 * 3.8945e-16 * (1.0 + 2.0 / 0.58758) ** -0.33982
    edge = 0.96304 * 3.743e-16 * (1.0 + 2.0 / 0.5348) ** -0.23357
    height = 4.0 * (2.0 + 2 * 0.29 + 0.27) + 2.0
    farads = bottom * 52.0 * height + edge * 2.0 * (52.0 + height)
    assert PASSIVES.well.capacitance(((50.0, 2.0, 4.0),)) == pytest.approx(farads, rel=1e-9, abs=0.0)


def test_the_model_of_a_bipolar_transistor_has_its_well_already():
    """Its cjs is the junction of a deep n-well of 7.82 um, by area and edge of diode_ps2dn (f62031a)."""
    well = 7.82**2 * 7.8544e-17 + 4.0 * 7.82 * 8.1664e-16
    assert well == pytest.approx(3.03477e-14, rel=1e-4, abs=0.0)


def test_a_capacitor_is_squares_of_metal_on_the_grid():
    metal = PASSIVES.capacitor
    count, side = metal.squares(2e-12)
    assert count == 2
    assert side <= metal.largest
    assert metal.capacitance(count, side) == pytest.approx(2e-12, rel=1e-3, abs=0.0)
    assert metal.area(2e-12) > 2e-12 / 2e-15


def test_each_end_of_a_resistor_and_each_well_loads_its_node():
    transistor = "m1 d g s s sky130_fd_pr__nfet_g5v0d10v5__model w=20u l=1u m=2"
    cards = ("r1 a vss 100000.0", "r2 a b 100000.0", "c1 a vss 2e-12", transistor, "m2 d g s vcc p w=20u l=1u")
    cell = Subcircuit(name="cell", terminals=("a", "b", "d", "g", "s", "vss", "vcc"), outputs=(), cards=cards)
    found = drawn_circuit(cell, PASSIVES, 85.0, 1.1).cards
    loads = {" ".join(card.split()[:3]): float(card.split()[-1]) for card in found if card[0] == "c"}
    assert list(loads) == ["cr1a a 0", "cr2a a 0", "cr2b b 0", "c1 a vss", "cwell_s s 0"]
    whole = PASSIVES.resistor.capacitance(PASSIVES.resistor.strips(np.array([100e3])))[0]
    assert loads["cr1a a 0"] + loads["cr2b b 0"] == pytest.approx(whole, rel=1e-9, abs=0.0)
    assert loads["cwell_s s 0"] == pytest.approx(PASSIVES.well.capacitance(((20.0, 1.0, 2.0),)), rel=1e-9, abs=0.0)
    (first, *_) = (float(card.split()[-1]) for card in found if card[0] == "r")
    assert first == pytest.approx(100e3 * 1.1 * PASSIVES.warming(85.0), rel=3e-4)
    assert PASSIVES.warming(85.0) == pytest.approx(0.924, abs=1e-3)
    assert [card for card in found if card.startswith("m")] == [transistor, "m2 d g s vcc p w=20u l=1u"]


def test_a_small_weight_is_the_difference_of_two_resistors():
    weights = np.array([[0.3, -0.01, 0.0, 0.002]])
    own, crossed = branches(DRAWN, weights)
    assert np.allclose(own - crossed, weights, atol=1e-15)
    assert np.allclose(own, [[0.3, 0.05, 0.0, 0.052]])
    assert np.array_equal(branches(SKY130_MOS, weights)[0], [[0.3, 0.0, 0.0, 0.002]])


# What it does to a chip.


@modelled
def test_calibrations_of_ideal_resistors_hold_for_drawn_ones():
    assert DRAWN.trims == SKY130_MOS.trims
    assert wrong(DRAWN) < 0.002


@modelled
def test_the_sheet_resistance_cancels_where_the_reference_is_made_with_it():
    """h hardly moves by 15 %, but all resistors do: an ideal reference would put it off by a tenth."""
    assert wrong(at(DRAWN, sheet=1.15)) < 0.004
    assert DRAWN.bias_current == pytest.approx(2.5e-6, rel=1e-4)
    assert at(DRAWN, sheet=1.15).bias_current == pytest.approx(2.5e-6 / 1.15)


@modelled
def test_all_is_drawn_but_the_shunt_and_the_deck_reads_back(tmp_path):
    lstm, x = case(3, 2, 2)
    ideal, real = (la.compile(lstm, each, settling=12.0) for each in (SKY130_MOS, DRAWN))
    for one, other in zip(ideal.network.parts, real.network.parts, strict=True):
        if isinstance(one, Conductors):
            same = np.array_equal(one.conductance, other.conductance)
            assert same == (one.label == "shunt")
            assert "term" in one.label or np.allclose(one.conductance, other.conductance, rtol=4e-4)
    real.write.spice(tmp_path / "chip.cir", x)
    assert la.read_spice(tmp_path / "chip.cir").network.equals(real.network, rtol=1e-14)
    assert "cstray" in (tmp_path / "chip.cir").read_text()
    assert weights_area(real.network, PASSIVES) > 1e-9
    assert len(library(DRAWN).subcircuits) == len(real.network.parts[-1].library.subcircuits)


@modelled
def test_columns_of_small_weights_have_the_conductance_of_all_others():
    """Of two resistors for one weight, both count: without the larger termination a column would be 40 % off."""
    lstm = la.random_lstm(np.random.default_rng(3), inputs=4, hidden=2, scale=0.05)
    network = la.compile(lstm, DRAWN, settling=12.0).network
    rows, ends = network.part("l0_rows"), [network.part(f"l0_zi_term_{side}") for side in "pn"]
    drawn = rows.positive[:2].sum(axis=1), rows.negative[:2].sum(axis=1)
    wanted = DRAWN.trims.input_gain * DRAWN.unit_conductance * DRAWN.volts_per_unit / DRAWN.pair_volts
    for side, end in zip(drawn, ends, strict=True):
        assert np.allclose(side + end.conductance, wanted, rtol=4e-4)


@modelled
def test_weights_load_the_columns_of_cells():
    """Half the capacitance of each resistor at a column, the most of all cells; areas count all but the shunt."""
    network = la.compile(case(3, 2, 2)[0], DRAWN, settling=12.0).network
    rows, end, material = network.part("l0_rows"), network.part("l0_zi_term_p"), PASSIVES.resistor
    each = [np.append(some[some > 0.0], last) for some, last in zip(rows.positive[:2], end.conductance, strict=True)]
    worst = max(0.5 * material.capacitance(material.strips(1.0 / some)).sum() for some in each)
    (stray,) = (card for card in network.parts[-1].circuit.cards if card.startswith("cstray0 zi_p 0 "))
    assert float(stray.split()[-1]) == pytest.approx(worst, rel=1e-3, abs=0.0)
    area = weights_area(network, PASSIVES)
    unshunted = replace(network, parts=tuple(part for part in network.parts if part.label != "shunt"))
    half = replace(rows, negative=0.0 * rows.negative)
    halved = replace(network, parts=tuple(half if part is rows else part for part in network.parts))
    assert weights_area(unshunted, PASSIVES) == pytest.approx(area, rel=1e-9, abs=0.0)
    crossed = material.area(material.strips(1.0 / rows.negative[rows.negative > 0.0])).sum()
    assert area - weights_area(halved, PASSIVES) == pytest.approx(1e-12 * crossed, rel=1e-9, abs=0.0)


def test_a_sheet_resistance_without_drawn_resistors_is_refused():
    with pytest.raises(
        InvalidValueError, match=r"SKY130_MOS sheet must be 1 where resistors are ideal, got 1\.15: give"
    ):
        at(SKY130_MOS, sheet=1.15)


@modelled
def test_a_machine_of_drawn_parts_is_saved_whole(tmp_path):
    built = la.compile(case(3, 1, 2)[0], DRAWN, settling=12.0)
    built.save(tmp_path / "chip.npz")
    assert la.load_machine(tmp_path / "chip.npz").technology == DRAWN
