"""The design check: presets pass, each rule catches a device made to break it, and figures are those of a run."""

from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from faulty_machines import with_banks

from lstm_analog.compiler import CLOCKED, GATED_LEAK
from lstm_analog.compiler.electrical import BEHAVIOURAL, BICMOS, OPAMP
from lstm_analog.compiler.hardware import Line, OpenTube, SpringPiston
from lstm_analog.compiler.hydraulic import GLYCEROL, OIL, WATER, Detail, Hydraulic
from lstm_analog.engines import Waveform
from lstm_analog.errors import InvalidTypeError, InvalidValueError, UnsupportedError
from lstm_analog.machine import Machine, compile, load_machine
from lstm_analog.model import LSTM, State, random_lstm
from lstm_analog.network.fluids import PURE_WATER, VG32
from lstm_analog.network.laws import Kind
from lstm_analog.network.properties import Constant
from lstm_analog.network.trajectory import Save, Trajectory
from lstm_analog.study.design_check import DesignCheck
from lstm_analog.study.findings import Bound, Rule, Severity, judge
from lstm_analog.study.flows import _blocks, moments_of, outflow, supply
from lstm_analog.study.operation import plant
from lstm_analog.study.plumbing_rules import relay_damping
from lstm_analog.study.run import PassRun, Run
from lstm_analog.study.tubes import Use, tubes

X = np.array([[0.9, -0.4], [-0.7, 0.8]])
QUICK = Waveform()


def lstm(scale: float = 1.0) -> LSTM:
    return random_lstm(np.random.default_rng(3), 2, 3, scale=scale)


def machine(technology: Hydraulic, settling: float = 20.0, scale: float = 1.0) -> Machine:
    return compile(lstm(scale), technology, settling=settling)


@pytest.fixture(scope="module")
def ran() -> tuple[Machine, Run]:
    built = machine(OIL)
    return built, built.run(X, engine=QUICK)


def hardware(technology: Hydraulic, **sizes: float) -> Hydraulic:
    return replace(technology, hardware=replace(technology.hardware, **sizes))


def severity(check: DesignCheck, rule: Rule) -> Severity:
    finding = check.worst(rule)
    assert finding is not None
    return finding.severity


@pytest.mark.parametrize("timing", [CLOCKED, GATED_LEAK])
@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("preset", [OIL, WATER, GLYCEROL], ids=lambda preset: preset.name)
def test_presets_pass(preset: Hydraulic, detail: Detail, timing) -> None:
    check = compile(lstm(), replace(preset, detail=detail), timing=timing).check()
    assert check.holds, str(check)
    spools = set() if detail is Detail.DYNAMIC else {Rule.SPOOL_TIME, Rule.SPOOL_DAMPING}
    vessels = {Rule.SEAL, Rule.PRELOAD, Rule.CAPILLARY}
    assert {finding.rule for finding in check.findings} >= PLUMBING - vessels - spools


PLUMBING = set(takewhile(lambda rule: rule is not Rule.COLUMN, Rule))
"""The rules of plumbing; those of electronics follow."""
PISTON = SpringPiston(area=1e-3, stroke=50e-3, travel=0.2, seal_friction=0.05)
SHORT = Line(bore=3.87e-3, length=0.1, count=1)
WIDE = replace(WATER, tank_line=Line(bore=10e-3, length=1.0, count=1))
AIRY = replace(OIL, fluid=replace(VG32, bulk_modulus=1e6))


@pytest.mark.parametrize(
    ("rule", "device"),
    [
        (Rule.REYNOLDS, replace(WATER, pressure_unit=20e3)),
        (Rule.END_LOSS, replace(OIL, tank_line=SHORT)),
        (Rule.ENTRANCE, replace(OIL, tank_line=SHORT)),
        (Rule.BORE_SMALL, replace(OIL, unit_conductance=1e-18)),
        (Rule.BORE_LARGE, replace(OIL, unit_conductance=1e-6)),
        (Rule.INERTANCE, WIDE),
        (Rule.DAMPING, WIDE),
        (Rule.COMPLIANCE, AIRY),
        (Rule.STOPS_HIGH, replace(OIL, vessel=replace(PISTON, stroke=15e-3))),
        (Rule.STOPS_LOW, replace(WATER, datum=1e3)),
        (Rule.PRELOAD, replace(OIL, vessel=replace(PISTON, travel=0.1))),
        (Rule.SEAL, replace(OIL, vessel=replace(PISTON, seal_friction=5.0))),
        (Rule.CAPILLARY, replace(WATER, vessel=OpenTube(height=1.2, wetting_spread=1.0))),
        (Rule.RELAY_HIGH, hardware(OIL, supply=110e3)),
        (Rule.RELAY_LOW, replace(OIL, datum=5e3)),
        (Rule.CAVITATION, replace(OIL, pressure_unit=200e3)),
        (Rule.ELEVATION, hardware(WATER, level_error=5e-3)),
        (Rule.TEMPERATURE, hardware(OIL, temperature_spread=1.0)),
        (Rule.LEAK, replace(OIL, seat_leak=1e-4)),
        (Rule.DROOP, replace(OIL, seat_leak=1e-4)),
        (Rule.MANIFOLD, replace(OIL, pilot=1e-10)),
        (Rule.SWEPT, hardware(OIL, swept_volume=1e-6)),
        (Rule.RELAY_FLOW, hardware(OIL, relay_flow=1e-6)),
        (Rule.RELAY_TIME, hardware(OIL, relay_time=0.2)),
        (Rule.RELAY_DAMPING, hardware(OIL, relay_volume=1e-6)),
    ],
)
def test_rule_catches_a_device_made_to_break_it(rule: Rule, device: Hydraulic) -> None:
    check = machine(device).check()
    assert severity(check, rule) is Severity.WARNING, str(check)
    assert not check.holds
    assert f"! {rule.value}" in str(check)


@pytest.mark.parametrize("rule", [Rule.SETTLING, Rule.HAMMER_SETTLED])
def test_short_phases_are_found(rule: Rule) -> None:
    assert severity(machine(OIL, settling=5.0).check(), rule) is Severity.WARNING


def test_warnings_come_the_most_strained_first() -> None:
    warnings = machine(WIDE).check().warnings
    assert len(warnings) > 5
    assert (np.diff([finding.strain for finding in warnings]) <= 0).all()
    assert all(finding.strain > 1 for finding in warnings)


@pytest.mark.parametrize("limit", [-0.3, 0.0])
def test_a_warning_is_shown_before_what_holds_though_the_limit_is_not_above_zero(limit: float) -> None:
    """A share of such a limit was infinite on both sides of it, so that the first finding was shown, not the worst."""
    found = tuple(
        judge(Rule.HEADROOM, np.array([limit + more]), limit, part=f"bank {more:g}", bound=Bound.AT_LEAST)
        for more in (0.1, 0.0, -0.1, -0.5)
    )
    check = DesignCheck(technology="any", basis="any", findings=found)
    assert [finding.strain > 1.0 for finding in found] == [False, False, True, True]
    assert check.worst(Rule.HEADROOM) is check.warnings[0] is found[-1]
    assert f"! {Rule.HEADROOM.value}" in str(check)


@pytest.mark.parametrize("bound", Bound)
def test_what_is_no_number_is_beyond_its_limit(bound: Bound) -> None:
    finding = judge(Rule.ROOM, np.array([0.5, np.nan]), 0.5, bound=bound)
    assert finding.severity is Severity.WARNING
    assert (finding.beyond, finding.strain) == (1, np.inf)


def test_what_leaks_in_a_step_is_time_over_time_constants_of_the_leak() -> None:
    built = machine(replace(OIL, seat_leak=1e-7))
    finding = built.check().worst(Rule.DROOP)
    valve = built.network.part(finding.part)
    lost = (valve.opened / valve.closed).max() * built.compiled.cycle.step_time / built.compiled.time_constant
    assert finding.value == pytest.approx(lost, rel=1e-9)


def test_stops_rest_on_the_assumed_size_of_a_tank() -> None:
    check = machine(OIL).check()
    assert all(f.assumed for f in check.findings if f.rule in (Rule.STOPS_HIGH, Rule.STOPS_LOW, Rule.PRELOAD))


def test_snapshots_belong_to_the_intervals_of_their_times(ran: tuple[Machine, Run]) -> None:
    built, run = ran
    seen, schedule = plant(built.compiled, OIL, run).snapshots, run.trajectory.schedule
    points = run.trajectory.time.size
    middle = 0.5 * (run.trajectory.time[1:] + run.trajectory.time[:-1])
    inside = np.searchsorted(schedule.ends, middle)
    np.testing.assert_array_equal(seen.high[1:points], schedule.high[inside])
    starts = np.searchsorted(schedule.ends, run.trajectory.time[:-1], side="right")
    np.testing.assert_array_equal(seen.high[points:], schedule.high[starts][starts != np.append(0, inside[:-1])])


@pytest.mark.parametrize("way", [-np.inf, np.inf])
def test_ends_of_intervals_may_be_rounded(ran: tuple[Machine, Run], way: float) -> None:
    """As ngspice rounds half of them: they were no ends then, and the next point counted for the interval before."""
    built, run = ran
    done = run.passes[0].trajectory
    moved = replace(done, time=np.where(done.time > 0.0, np.nextafter(done.time, way), 0.0))
    rounded = replace(run, passes=(replace(run.passes[0], trajectory=moved),))
    ours, theirs = (plant(built.compiled, OIL, each).snapshots for each in (run, rounded))
    assert theirs.ending.sum() == done.schedule.ends.size
    np.testing.assert_array_equal(theirs.high, ours.high)
    np.testing.assert_array_equal(theirs.efforts, ours.efforts)
    np.testing.assert_allclose(theirs.weights, ours.weights, rtol=1e-6)
    assert [each.value for each in built.check(rounded).findings] == [each.value for each in built.check(run).findings]
    spans = [some.weights.sum() for some in moments_of(moved)]
    np.testing.assert_allclose(spans, done.schedule.durations[1:], rtol=1e-9)


def test_what_only_a_mishap_or_a_run_would_bring_is_a_note() -> None:
    assert severity(machine(hardware(OIL, rating=1e3)).check(), Rule.HAMMER_FULL) is Severity.NOTE
    assert severity(machine(OIL, scale=3.0).check(), Rule.TRIM) is Severity.NOTE


def test_tank_lines_of_the_first_draft_have_the_known_figures() -> None:
    draft = replace(
        WATER,
        fluid=replace(PURE_WATER, density_law=Constant(value=998.0)),
        tank_line=Line(bore=1.49e-3, length=0.3, count=1),
    )
    for device, bank_loss, reynolds in ((replace(OIL, tank_line=SHORT), 0.58, 412), (draft, 0.12, 688)):
        found = {f.rule: f.value for f in machine(device).check().findings if f.part == "l0_c_take"}
        assert found[Rule.END_LOSS] == pytest.approx(bank_loss, rel=0.05)
        assert found[Rule.REYNOLDS] == pytest.approx(reynolds, rel=0.02)


def test_inertance_and_damping_are_those_of_the_reference() -> None:
    found = {f.rule: f.value for f in machine(replace(OIL, tank_line=SHORT)).check().findings if f.part == "l0_c_take"}
    assert found[Rule.INERTANCE] * 0.5 == pytest.approx(19.5e-3, rel=0.03)
    assert found[Rule.DAMPING] == pytest.approx(2.5, rel=0.03)


@pytest.mark.parametrize(("bleed", "stable"), [(1.01, True), (0.9, False)])
def test_a_relay_damped_by_half_is_stable_however_slow_its_valve(bleed: float, stable: bool) -> None:
    """The bleed that makes the damping 1/2, a little more and a little less; poles from the equation's coefficients."""
    ratio = relay_damping(OIL)
    device = hardware(OIL, relay_bleed=OIL.hardware.relay_bleed * 0.5 / ratio * bleed)
    assert relay_damping(device) == pytest.approx(0.5 * bleed)
    leak = device.hardware.relay_bleed / device.datum
    yields = device.hardware.relay_volume / device.fluid.bulk_modulus
    gain = device.tank_line.conductance(device.fluid) / device.hardware.relay_time
    lags = yields / leak * np.geomspace(1e-3, 1e3, 61)
    growing = [np.roots([lag * yields, yields + lag * leak, leak, gain]).real.max() > 0.0 for lag in lags]
    assert any(growing) is not stable


@pytest.mark.parametrize(
    ("preset", "rule", "figure"),
    [
        (OIL, Rule.SWEPT, 20e-9 / (1e-9 * 10e3)),  # mL displaced over mL a unit
        (WATER, Rule.SWEPT, 5e-9 / (2e-9 * 1e3)),
        (OIL, Rule.SEAL, 0.05 / (1e-3 * 10e3)),  # N over N a unit
        (OIL, Rule.PRELOAD, (100e3 + 2 * 10e3) * 1e-3 / 1e3),  # datum and 2 units on 10 cm2 and 1 kN/m
        (WATER, Rule.CAPILLARY, 0.1 * 4 * 0.0728 / 4.99e-3 / 1e3),  # a tenth of Jurin's rise in 4.99 mm
        (OIL, Rule.ELEVATION, 860 * 9.81 * 1e-3 / 10e3),  # 1 mm of oil
        (WATER, Rule.ELEVATION, 998.2 * 9.81 * 0.5e-3 / 1e3),
        (OIL, Rule.RELAY_TIME, 10e-3 / 0.5),
        (OIL, Rule.RELAY_DAMPING, 0.5 * (1e-6 / 100e3) / (2e-9 / 10e-3 * 0.5e-6 / 1.4e9) ** 0.5),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_figures_are_those_that_a_fluid_engineer_works_out(preset: Hydraulic, rule: Rule, figure: float) -> None:
    found = machine(preset).check().worst(rule)
    assert found is not None
    assert found.value == pytest.approx(figure, rel=2e-3)


def test_ends_of_the_tank_line_are_those_that_a_fluid_engineer_works_out() -> None:
    """20 tubes of 2.41 mm and 0.3 m share 2e-9 m3/(s Pa) at 2 units."""
    found = {f.rule: f for f in machine(OIL).check().findings if f.part == "l0_c_take"}
    flow, viscosity = 2e-9 * 20e3 / 20, 0.02752
    reynolds = 4 * 860 * flow / (np.pi * viscosity * 2.41e-3)
    assert found[Rule.END_LOSS].value == pytest.approx(0.046 * 860 * flow / (viscosity * 0.3), rel=1e-3)
    assert found[Rule.ENTRANCE].value == pytest.approx(0.06 * reynolds * 2.41e-3 / 0.3, rel=1e-3)
    assert found[Rule.END_LOSS].where == "l0_c_sum_0 to l0_c_new_0"


def test_a_solenoid_of_a_micro_machine_would_displace_a_whole_unit() -> None:
    """Why no micro preset is offered; sizes of docs/hydraulics.md#micro, the smallest valves displace 1 uL."""
    micro = replace(
        hardware(WATER, swept_volume=1e-9, least_bore=20e-6, port_length=10e-3, relay_flow=1e-8, relay_bleed=1e-10),
        name="MICRO",
        pressure_unit=10e3,
        datum=100e3,
        unit_conductance=2e-13,
        capillary_length=20e-3,
        port_conductance=4e-13,
        tank=1e-13,
        pilot=1e-15,
        vessel=SpringPiston(area=1e-6, stroke=5e-3, travel=20e-3, seal_friction=1e-5),
        tank_line=Line(bore=0.1e-3, length=10e-3, count=1),
    )
    swept = machine(micro).check().worst(Rule.SWEPT)
    assert swept is not None
    assert (swept.severity, swept.limit) == (Severity.WARNING, 0.01)
    assert swept.value == pytest.approx(1.0)


def test_tiny_weight_is_found_with_its_place() -> None:
    built = machine(OIL)
    bank = built.network.part("l0_rows")
    positive = bank.positive.copy()
    row, column = np.argwhere(positive > 0)[0]
    positive[row, column] = 2e-11 * 1e-9
    small = with_banks(built, replace(bank, positive=positive))
    (finding,) = (f for f in small.check().warnings if f.rule is Rule.BORE_SMALL)
    names = built.network.unknowns.names()
    assert finding.where == f"{names[bank.inputs[column]]} to {names[bank.plus[row]]}"
    assert finding.value == pytest.approx(1.61 * 1e-9**0.25, rel=0.01)
    assert (finding.beyond, finding.limit) == (1, 0.1)


def test_figures_are_those_of_the_run(ran: tuple[Machine, Run]) -> None:
    built, run = ran
    efforts, network = run.trajectory.efforts, built.network
    check = built.check(run)
    tank = network.part("l0_c_slave").nodes
    (top,) = (f for f in check.findings if f.rule is Rule.STOPS_HIGH and f.part == "l0_c_slave")
    assert top.value == pytest.approx(efforts[:, tank].max() / 10e3)
    (trim,) = (f for f in check.findings if f.rule is Rule.TRIM and f.part == "l0_c_keep_top")
    z = run.layers[0].z[..., 1, :]
    assert trim.value >= np.abs(z).max() * (1 - 1e-5)
    bank = next(bank for bank in tubes(plant(built.compiled, OIL, run)) if bank.use is Use.CAPILLARY)
    drop = np.abs(efforts[:, bank.a] - efforts[:, bank.b]).max(axis=0)
    np.testing.assert_allclose(bank.flow, bank.conductance * drop)
    np.testing.assert_allclose(np.pi * bank.bore**4 / (128 * VG32.viscosity * 0.3), bank.conductance)


def test_states_that_hit_the_stops_are_found_with_their_place(ran: tuple[Machine, Run]) -> None:
    built, run = ran
    tight = replace(built, technology=replace(OIL, vessel=replace(PISTON, stroke=0.5e-3)))
    assert built.check(run).holds
    hit = [f for f in tight.check(run).warnings if f.rule in (Rule.STOPS_HIGH, Rule.STOPS_LOW)]
    number = int(np.argmax(np.abs(run.c).max(axis=0)))
    assert f"l0_c_{number}" in {f.where for f in hit if f.part == "l0_c_slave"}


def test_signals_beyond_the_trim_are_warned_of_in_a_run(ran: tuple[Machine, Run]) -> None:
    built, run = ran
    worn = replace(built, technology=hardware(OIL, rangeability=1.5))
    assert severity(worn.check(run), Rule.TRIM) is Severity.WARNING
    assert severity(built.check(run), Rule.TRIM) is Severity.FINE


def test_flow_is_conserved_between_sources_tubes_and_tanks(ran: tuple[Machine, Run]) -> None:
    built, run = ran
    judged = plant(built.compiled, OIL, run)
    assert judged.snapshots is not None
    moments = list(_blocks(judged.snapshots))
    order = np.argsort(np.concatenate([some for _, some in moments]))
    out = np.concatenate([outflow(built.network, judged.snapshots.efforts[some], high) for high, some in moments])[
        order
    ]
    scale = np.abs(out).max()
    kinds = built.network.kinds()
    # manifolds are left out of `out`, so that what the rest gives and takes adds up only if they are balanced
    assert np.abs(out.sum(axis=1)).max() < 1e-9 * scale
    assert np.abs(out[:, kinds[Kind.BALANCED]]).max() < 1e-9 * scale
    assert (out[:, built.network.unknowns["rail_hi"]] > 0).all()
    assert (out[:, built.network.unknowns["rail_lo"]] < 0).all()
    settled = judged.snapshots.ending & ~judged.snapshots.high.any(axis=1)
    assert np.abs(out[settled][:, kinds[Kind.STORED]]).max() < 1e-9 * scale


def test_without_a_run_a_difference_of_pressures_reaches_as_far_as_both_its_ends(ran: tuple[Machine, Run]) -> None:
    judged = plant(ran[0].compiled, OIL, None)
    p = np.flatnonzero(judged.swing == judged.swing.max())[:1]
    n = np.flatnonzero((judged.swing > 0.0) & (judged.swing < judged.swing.max()))[:1]
    reach = 2.0 * (judged.swing[p] + judged.swing[n])
    assert reach > 2.0 * judged.swing[p] > 0.0
    for scale in (-2.0, 2.0):
        lowest, highest = judged.control(p, n, np.full(1, scale), np.ones(1))
        np.testing.assert_allclose([lowest, highest], [1.0 - reach, 1.0 + reach], rtol=1e-14)


def test_pump_delivers_less_in_a_run_than_at_the_design_pressures(ran: tuple[Machine, Run]) -> None:
    built, run = ran
    real, design = (supply(plant(built.compiled, OIL, given)) for given in (run, None))
    assert real.bleed == design.bleed == 8 * 3 * 1e-6
    assert real.bleed < real.mean < real.peak < design.peak
    assert real.mean < design.mean
    relays = built.network.kinds()[Kind.FOLLOWED]
    assert (real.deliveries[relays] < design.deliveries[relays]).all()


def test_batch_is_judged_by_its_worst_sequence(ran: tuple[Machine, Run]) -> None:
    built, run = ran
    both = built.run(np.stack((0.1 * X, X)), engine=QUICK)
    for rule in (Rule.STOPS_HIGH, Rule.TRIM, Rule.END_LOSS, Rule.RELAY_FLOW):
        alone, together = (built.check(given).worst(rule) for given in (run, both))
        assert alone is not None
        assert together is not None
        assert together.value == pytest.approx(alone.value, rel=1e-5)


def test_saved_machine_gives_the_same_check(tmp_path: Path) -> None:
    for technology in (OIL, WATER, GLYCEROL):
        built = machine(technology)
        built.save(tmp_path / "machine.npz")
        again = load_machine(tmp_path / "machine.npz")
        assert again.technology == technology
        assert again.check().to_dict() == built.check().to_dict()
    circuit = compile(lstm(), BEHAVIOURAL)
    circuit.save(tmp_path / "circuit.npz")
    assert load_machine(tmp_path / "circuit.npz").technology == BEHAVIOURAL


def test_circuit_is_refused() -> None:
    text = "^the technology must have design rules: .*, got Behavioural: compile in OIL, OPAMP or BICMOS$"
    with pytest.raises(UnsupportedError, match=text):
        compile(lstm(), BEHAVIOURAL).check()


@pytest.fixture(scope="module")
def both_ways() -> tuple[Machine, Run]:
    """Two bidirectional layers and a head: three passes."""
    made = random_lstm(np.random.default_rng(3), 2, 2, layers=2, bidirectional=True, outputs=1)
    built = compile(made, OIL)
    return built, built.run(X[:3], engine=QUICK)


@pytest.mark.parametrize("given", [False, True])
def test_a_machine_of_several_passes_is_checked_as_each_of_them_is(both_ways, given: bool) -> None:
    built, run = both_ways
    found = built.check(run if given else None)
    passes = [replace(run, passes=(each,), x=each.x) for each in run.passes]
    alone = [built.alone(number).check(one if given else None) for number, one in enumerate(passes)]
    for rule in Rule:
        worst = [one for each in alone if (one := each.worst(rule)) is not None]
        assert (found.worst(rule) is None) == (not worst)
        if worst:
            assert found.worst(rule).strain == max(each.strain for each in worst)
    assert len(found.findings) == sum(len(each.findings) for each in alone)
    assert found.basis == alone[0].basis
    fed = [one for one in found.findings if one.rule is Rule.ROOM]
    assert [one.part for one in fed] == (["x", "x of pass 1", "x of pass 2"] if given else [])


@pytest.mark.parametrize("given", [False, True])
def test_the_bills_of_passes_add_up(both_ways, given: bool) -> None:
    built, run = both_ways
    bill = built.bill_of_materials(run if given else None)
    passes = [replace(run, passes=(each,)) for each in run.passes]
    alone = [built.alone(number).bill_of_materials(one if given else None) for number, one in enumerate(passes)]
    assert bill.tubes == sum(each.tubes for each in alone)
    assert bill.tube_length == pytest.approx(sum(each.tube_length for each in alone), rel=1e-12, abs=0.0)
    assert bill.step_time == pytest.approx(sum(each.step_time for each in alone), rel=1e-12, abs=0.0)
    assert bill.supply.mean == pytest.approx(sum(each.supply.mean for each in alone), rel=1e-12, abs=0.0)
    assert bill.supply.peak == pytest.approx(sum(each.supply.peak for each in alone), rel=1e-12, abs=0.0)
    count = sum(item.count for each in alone for item in each.items)
    assert sum(item.count for item in bill.items) == count
    (rail,) = (item for item in bill.items if "rail_hi" in item.where)
    assert (rail.count, rail.where) == (3, "rail_hi")


def test_a_run_of_other_passes_is_refused(both_ways) -> None:
    built, run = both_ways
    with pytest.raises(InvalidValueError, match=r"^the run must have the unknowns of the machine, got others"):
        built.check(replace(run, passes=run.passes[:2]))


ASKED = [
    *(pytest.param(technology, Machine.check, id=technology.name) for technology in (OIL, OPAMP, BICMOS)),
    pytest.param(OIL, Machine.bill_of_materials, id="bill"),
]


@pytest.mark.parametrize(("technology", "ask"), ASKED)
@pytest.mark.parametrize(("other", "hidden"), [(BEHAVIOURAL, 3), (OIL, 4), (OPAMP, 4)])
def test_run_of_another_machine_is_refused(technology, ask, other, hidden: int) -> None:
    run = compile(random_lstm(np.random.default_rng(3), 2, hidden), other).run(X[:1])
    text = r"^the run must have the unknowns of the machine, got others: give a run of this machine$"
    with pytest.raises(InvalidValueError, match=text):
        ask(compile(lstm(), technology), run)


@pytest.mark.parametrize(("technology", "ask"), ASKED)
def test_what_is_no_run_is_refused(technology, ask) -> None:
    text = r"^the run must be of type Run, got ndarray: give what Machine\.run returned$"
    with pytest.raises(InvalidTypeError, match=text):
        ask(compile(lstm(), technology), X)


@pytest.mark.parametrize(("technology", "ask"), ASKED)
@pytest.mark.parametrize("kept", ["groups", "intervals"])
def test_run_that_did_not_keep_everything_is_refused(technology, ask, kept: str) -> None:
    built = compile(lstm(), technology)
    some = {"groups": (built.network.unknowns.groups[-1].label,), "intervals": ("readout",)}
    save, fed = Save(**{kept: some[kept]}), built.schedule(X)
    trajectory = Trajectory(
        network=built.network,
        schedule=fed,
        time=np.array([0.0, fed.ends[-1]]),
        efforts=np.zeros((2, save.nodes(built.network).size)),
        engine="thrifty",
        saved=save,
    )
    given = {"x": X, "initial_state": State.zeros(((3, 3),), ()), "lengths": None}
    run = Run(passes=(PassRun(compiled=built.compiled, trajectory=trajectory, **given),), **given)
    got = ", ".join(some[kept])
    text = rf"^the run must keep all unknowns in all intervals, got .*{got}.*: run it again with keep=Keep\.EVERYTHING"
    with pytest.raises(InvalidValueError, match=text):
        ask(built, run)


def test_large_machine_is_checked_in_well_under_a_second() -> None:
    large = compile(random_lstm(np.random.default_rng(0), 8, 128), OIL)
    start = perf_counter()
    large.check()
    assert perf_counter() - start < 1.0
