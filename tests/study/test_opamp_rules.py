"""The design check of op-amps: presets pass, each rule catches a circuit made to break it, figures follow by hand."""

from dataclasses import replace

import numpy as np
import pytest

from lstm_analog.compiler.electrical import OPAMP, OPAMP_BENCH, OPAMP_IDEAL
from lstm_analog.engines import Ngspice
from lstm_analog.imperfections import DeviceSpread, Streams
from lstm_analog.machine import compile
from lstm_analog.model import random_lstm
from lstm_analog.study.findings import Rule, Severity

X = np.array([[0.9, -0.4], [-0.7, 0.8]])


def machine(technology, scale=1.0, hidden=3):
    return compile(random_lstm(np.random.default_rng(3), 2, hidden, scale=scale), technology)


def amplifier(technology, **changes):
    return replace(technology, amplifier=replace(technology.amplifier, **changes))


@pytest.mark.parametrize("technology", [OPAMP_IDEAL, OPAMP, OPAMP_BENCH], ids=lambda technology: technology.name)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_presets_pass_their_own_check(technology, scale):
    built = machine(technology, scale)
    assert built.check().holds, str(built.check())


def test_a_run_is_judged_at_its_voltages():
    built = machine(OPAMP_BENCH, 3.0)
    run = built.run(X, engine=Ngspice())
    found = built.check(run)
    assert found.holds
    largest = max(np.abs(run.trajectory[f"l0_{name}"]).max() for name in ("c_sum", "c_new", "c"))
    by_label = {f.part: f.value for f in found.findings if f.rule is Rule.RAIL}
    assert by_label["l0_c_adder"] == pytest.approx(np.abs(run.trajectory["l0_c_sum"]).max() / 11.8)
    assert max(by_label[f"l0_c_{name}"] for name in ("adder", "master", "slave")) == pytest.approx(largest / 11.8)
    assert found.worst(Rule.OUTPUT).value < 0.1


BROKEN = {
    Rule.SETTLING: amplifier(OPAMP, gain_bandwidth=0.3e6),
    Rule.PHASE_MARGIN: replace(OPAMP, row_capacitance=100e-12),
    Rule.SLEW: amplifier(OPAMP, slew=1e6),
    Rule.DROOP: replace(OPAMP, hold=replace(OPAMP.hold, leak_resistance=1e9)),
    Rule.RAIL: replace(OPAMP, row_volts=3.0),
    Rule.LINE: amplifier(OPAMP, output_current=1e-4),
}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.name)
def test_each_rule_catches_a_circuit_made_to_break_it(rule):
    whole, broken = machine(OPAMP, 3.0).check(), machine(BROKEN[rule], 3.0).check()
    assert broken.worst(rule).severity is not Severity.FINE
    assert whole.worst(rule) is None or whole.worst(rule).severity is Severity.FINE
    assert broken.worst(rule).advice


def test_the_phase_margin_is_that_of_two_poles():
    """A loop gain of w0/s/(1 + s tau) with w0 tau = sqrt(2) crosses 1 at w tau = 1: 45 degrees."""
    built = machine(OPAMP, 3.0)
    bank, back = built.network.part("l0_rows"), built.network.part("l0_rows_first_back").conductance
    total = bank.positive.sum(axis=1) + back
    loop = 2.0 * np.pi * OPAMP.amplifier.gain_bandwidth * back / total
    row = int(np.argmax(loop / total))
    capacitance = float(np.sqrt(2.0) * total[row] / loop[row])
    found = machine(replace(OPAMP, row_capacitance=capacitance), 3.0).check()
    margins = {f.part: f.value for f in found.findings if f.rule is Rule.PHASE_MARGIN}
    assert margins["l0_rows_first"] == pytest.approx(45.0, abs=1e-6)
    assert margins["l0_c_slave"] == 90.0


def test_what_limits_the_sizes_of_the_bench_is_its_margin():
    """As its provenance says; the other figures are far from their limits, but for slewing at half of its."""
    other = (OPAMP_BENCH, replace(OPAMP_BENCH, row_volts=0.3), replace(OPAMP_BENCH, sum_resistance=10e3))
    found = [machine(technology, 3.0).check() for technology in other]
    assert [round(check.worst(Rule.PHASE_MARGIN).value) for check in found] == [56, 49, 51]
    strains = {rule: finding.strain for rule in Rule if (finding := found[0].worst(rule)) is not None}
    assert max(strains, key=strains.get) is Rule.PHASE_MARGIN
    assert sorted(strains.values())[-2] == strains[Rule.SLEW] == pytest.approx(0.53, abs=0.01)


def test_a_row_of_little_margin_rings():
    """What the margin is about: 100 pF at the rows, and the pre-activations overshoot on their way."""
    over = {}
    for capacitance in (1e-12, 100e-12):
        built = machine(replace(OPAMP, row_capacitance=capacitance), 3.0)
        course = built.run(np.array([[0.9, -0.4]]), engine=Ngspice()).trajectory["l0_zi"]
        step = course[-1] - course[0]
        over[capacitance] = ((course - course[-1]) / step).max()
    assert over[1e-12] < 0.02
    assert over[100e-12] > 0.2


@pytest.mark.parametrize("technology", [OPAMP, OPAMP_BENCH], ids=lambda technology: technology.name)
def test_of_chips_on_an_axis_the_worst_is_judged(technology):
    built, cause = machine(technology, 3.0), DeviceSpread(share=0.2)
    found = built.with_imperfection(cause, Streams(seed=1, chips=3)).check().findings
    alone = [built.with_imperfection(cause, Streams(seed=1, first=chip)).check().findings for chip in range(3)]
    for many, *each in zip(found, *alone, strict=True):
        worst = max(each, key=lambda finding: finding.strain)
        assert many.value == pytest.approx(worst.value, rel=1e-9), many.rule
        assert (many.rule, many.where, many.total) == (worst.rule, worst.where, worst.total)


def test_a_held_voltage_leaks_through_the_switches_that_are_open():
    """Two of them at a slave, that of the copy and that of the reset."""
    opened = 1e9
    built = machine(replace(OPAMP, hold=replace(OPAMP.hold, opened_resistance=opened)))
    lost = 2.0 / opened * built.compiled.cycle.step_time / OPAMP.hold.capacitance
    found = built.check().worst(Rule.DROOP)
    assert found.value == pytest.approx(lost, rel=1e-3)
    assert found.severity is not Severity.FINE


def test_a_head_alone_holds_nothing():
    lstm = random_lstm(np.random.default_rng(3), 1, 1, outputs=1)
    head = compile(replace(lstm, head=replace(lstm.head, final=True)), OPAMP).alone(1)
    assert head.check().worst(Rule.DROOP) is None
