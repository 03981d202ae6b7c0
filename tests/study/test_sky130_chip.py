"""Reference, bias row, rails and clocks as circuits of SKY130."""

from dataclasses import replace

import numpy as np
import pytest
from alone_in_ngspice import defined, measured

import lstm_analog as la
from lstm_analog.compiler.bicmos import fitted
from lstm_analog.compiler.bicmos_lower import clock_of
from lstm_analog.compiler.bicmos_services import clocks, mirrored, reference
from lstm_analog.errors import InvalidValueError, UnsupportedError
from lstm_analog.network.cells import Cells
from lstm_analog.network.parts import Sources
from lstm_analog.study.flows import moments_of

CHIP, SERVICES = la.electrical.SKY130_CHIP, la.electrical.SKY130_SERVICES
modelled = pytest.mark.sky130


def case(hidden=1, layers=1):
    rng = np.random.default_rng(3)
    return la.random_lstm(rng, inputs=2, hidden=hidden, layers=layers), rng.uniform(-1.0, 1.0, (2, 2))


def at(corner, celsius):
    return replace(CHIP, conditions=replace(CHIP.conditions, corner=corner, temperature=celsius))


@modelled
@pytest.mark.parametrize(
    ("corner", "celsius", "supply"), [("tt", 27.0, 5.0), ("ss", 85.0, 4.5), ("ff", 0.0, 5.5), ("tt", 27.0, 4.5)]
)
def test_the_reference_starts_and_is_proportional_to_the_absolute_temperature(corner, celsius, supply, tmp_path):
    """Its supply rises from 0 in 2 us. At ss beta is 18: without the resistor in a base it would be 3 % less.

    Without cascodes it would be 1.2 % off at 4.5 V.
    """
    lines = [*defined(reference(CHIP.devices, SERVICES, 1.0)), f"vcc vcc 0 pwl(0 0 1u 0 3u {supply})"]
    lines += ["xr pb pc vcc 0 reference", *mirrored(CHIP.devices, SERVICES, "o", "out"), "vo out 0 1.9"]
    lines += [".tran 20n 20u"]
    found = measured(tmp_path, at(corner, celsius), [*lines, ".meas tran out find i(vo) at=19u"])["out"]
    assert found == pytest.approx(2.5e-6 * (celsius + 273.15) / 300.15, rel=0.003)


@modelled
@pytest.mark.parametrize(("corner", "celsius"), [("tt", 27.0), ("ff", 0.0)])
def test_phases_are_never_high_together(corner, celsius, tmp_path):
    """Of the lines that 8 cells load, the lesser never exceeds a threshold, and between their edges is time."""
    circuit = clocks(CHIP.devices, SERVICES, 8)
    lines = [*defined(circuit), "vcc vcc 0 5", "vck ck 0 pulse(0 5 50n 1n 1n 100n 200n)", "vr r 0 0"]
    lines += ["xg ck r t tb k kb rs rsb vcc 0 clocks", "ct t 0 0.3p", "ctb tb 0 0.5p", "ck k 0 0.3p", "ckb kb 0 0.5p"]
    lines += ["bl least 0 v=min(v(t),v(k))", ".tran 0.2n 400n", ".meas tran both max v(least)"]
    lines += [".meas tran there trig v(t) val=2.5 fall=1 targ v(k) val=2.5 rise=2"]
    lines += [".meas tran back trig v(k) val=2.5 fall=1 targ v(t) val=2.5 rise=1"]
    found = measured(tmp_path, at(corner, celsius), [*lines, ".meas tran top max v(k)"])
    assert found["both"] < 0.3
    assert found["top"] > 4.9
    assert 1e-9 < found["back"] < 2e-8


@modelled
def test_the_chip_needs_two_pins_and_is_right():
    lstm, x = case()
    built = la.compile(lstm, CHIP, settling=12.0)
    sources = {part.label for part in built.network.parts if isinstance(part, Sources)}
    start = {f"l0_{state}_start_{side}" for state in "ch" for side in "pn"}
    assert sources == {"supply", "pin_clock", "pin_reset", "x_p", "x_n", *start}
    inside = [each for part in built.network.parts if isinstance(part, Cells) for each in part.library.subcircuits]
    assert {card[0] for circuit in inside for card in circuit.cards} <= set("qmrcx"), "no ideal source is left"
    run = built.run(x, engine=la.engines.Ngspice())
    assert np.abs(run.h - lstm(x).h).max() < 0.003
    names, efforts = run.trajectory.network.unknowns.names(), run.trajectory.efforts
    take, copy, plus, minus = (
        efforts[:, names.index(name)] for name in ("clk_compute0_0", "clk_copy_0", "l0_rows_one_p_0", "l0_rows_one_n_0")
    )
    assert np.minimum(take, copy).max() < 0.3
    assert (plus - minus)[-1] == pytest.approx(1.0, abs=0.003)
    for rail, volts in (("zf", CHIP.sigmoid_rail), ("zg", CHIP.tanh_rail)):
        assert efforts[-1, names.index(f"l0_{rail}_rail_0")] == pytest.approx(volts, abs=0.1), "a level, not a signal"
    assert la.study.power(run).units == 1


@modelled
def test_the_deck_of_the_chip_reads_back(tmp_path):
    lstm, x = case(hidden=2)
    built = la.compile(lstm, CHIP, settling=12.0)
    built.write.spice(tmp_path / "chip.cir", x)
    assert la.read_spice(tmp_path / "chip.cir").network.equals(built.network, rtol=1e-14)
    cells = [part for part in built.network.parts if isinstance(part, Cells)]
    assert [part.device for part in cells] == ["lstm_cell", "services", "bias_row"]
    built.save(tmp_path / "chip.npz")
    assert la.load_machine(tmp_path / "chip.npz").technology == CHIP


@modelled
def test_what_one_pin_cannot_do_is_refused():
    with pytest.raises(
        UnsupportedError, match="layers must be one where one pin makes the clocks, got 2: compile each"
    ):
        la.compile(case(layers=2)[0], CHIP, settling=12.0)
    fixed = replace(CHIP, conditions=replace(CHIP.conditions, bias=la.electrical.Bias.FIXED))
    with pytest.raises(
        InvalidValueError, match="bias must be PTAT where the reference is on the chip, got FIXED: give"
    ):
        la.compile(case()[0], fixed, settling=12.0)
    with pytest.raises(
        UnsupportedError, match="pairs must be MOS transistors where the bias row is on the chip, got bip"
    ):
        la.compile(case()[0], replace(la.electrical.SKY130, services=SERVICES), settling=12.0)
    twice = replace(
        CHIP, state_scale=2.0, calibration=replace(CHIP.trims, technology=replace(CHIP, state_scale=2.0).digest)
    )
    with pytest.raises(
        InvalidValueError, match="l0_c_rail, V must lie between ground and the supply where it is on the"
    ):
        la.compile(case()[0], twice, settling=12.0)
    assert fitted(CHIP, 5.0).state_scale == 1.0


def test_one_pin_opens_masters_from_reset_and_setup_on():
    clock = clock_of(CHIP, 12.0)
    high = {each.name: each.high for each in clock.step}
    assert clock.reset.high == {"reset", "compute0"}
    masters = {name for name, lines in high.items() if lines == {"compute0"}}
    assert masters == {"setup", "compute0"}
    assert {name for name, lines in high.items() if lines == {"copy"}} == high.keys() - masters
    assert clock_of(la.electrical.SKY130_MOS, 12.0).step[0].high == set()


def test_an_interval_without_points_loses_no_time():
    lstm, x = case()
    whole = la.compile(lstm, la.electrical.BEHAVIOURAL, settling=12.0).run(x, engine=la.engines.Integrate()).trajectory
    ends = whole.schedule.ends
    outside = (whole.time <= ends[3]) | (whole.time > ends[4])
    thinned = replace(whole, time=whole.time[outside], efforts=whole.efforts[outside])
    spans = [sum(float(some.weights.sum()) for some in moments_of(each)) for each in (whole, thinned)]
    assert spans[0] == pytest.approx(ends[-1] - ends[0])
    assert spans[1] == pytest.approx(spans[0], rel=1e-3)
