"""Signals beyond what a machine was made for are named, with place and figure, and never explained away."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.scaling import MARGIN
from lstm_analog.engines import Ngspice, Settle
from lstm_analog.study import Rule, Severity, Verdict
from lstm_analog.study.ranges import FAR
from lstm_analog.study.run import PassRun

LSTM = la.random_lstm(np.random.default_rng(1), inputs=2, hidden=2, name="two")
X = np.random.default_rng(2).uniform(-1.0, 1.0, (3, 2))
BEHAVIOURAL, OIL, OPAMP = la.electrical.BEHAVIOURAL, la.hydraulic.OIL, la.electrical.OPAMP


def with_peak(size: float) -> np.ndarray:
    x = X.copy()
    x[1, 0] = -size
    return x


@pytest.mark.parametrize("technology", [BEHAVIOURAL, OIL], ids=lambda made: made.name)
def test_an_input_of_a_million_does_not_pass(technology: object) -> None:
    report = la.compare(la.compile(LSTM, technology).run(with_peak(1e6), engine=Settle()), LSTM)
    assert report.worst < report.tolerance
    assert (report.verdict, report.holds) == (Verdict.BEYOND, False)
    said = "x of 1e+06 at (batch 0, step 1, unit 0) is beyond 100, what ideal parts are taken to be made for"
    assert f"  beyond         {said}" in str(report).splitlines()
    assert report.to_dict()["beyond"][0]["place"] == {"batch": 0, "step": 1, "unit": 0}
    assert la.compare(la.compile(LSTM, technology).run(with_peak(FAR), engine=Settle()), LSTM).holds


def test_the_clock_explains_no_more_than_the_signal() -> None:
    """A clock of a tenth of a time constant would explain an error of several units of h."""
    run = la.compile(LSTM, BEHAVIOURAL, settling=0.1).run(40.0 * X)
    report = la.compare(run, LSTM)
    largest = np.abs(LSTM.trace(40.0 * X).layers[0].h).max()
    assert report.by_clock == largest
    efforts = run.trajectory.efforts.copy()
    efforts[..., run.trajectory.network.unknowns["l0_h"]] += 1.1 * largest + 1.0
    wrong = la.Run(passes=(_with(run.passes[0], efforts),), x=run.x, initial_state=run.initial_state)
    assert la.compare(wrong, LSTM).verdict is Verdict.DEFECT


def _with(made: PassRun, efforts: np.ndarray) -> PassRun:
    return replace(made, trajectory=replace(made.trajectory, efforts=efforts))


def test_states_to_start_from_are_looked_at_too() -> None:
    start = la.State(h=([0.0, 0.0],), c=([0.0, 2e3],))
    report = la.compare(la.compile(LSTM, BEHAVIOURAL).run(X, state=start, engine=Settle()), LSTM)
    assert [each.signal for each in report.beyond] == ["l0_c to start from"]
    assert "of 2000 at (batch 0, step 0, unit 1)" in str(report.beyond[0])
    assert report.verdict is Verdict.BEYOND


def test_rails_and_stops_are_limits_and_what_it_was_compiled_for_is_named() -> None:
    """The room of OPAMP is 0.9 of 4.5 V at 1 V a unit; of a machine compiled for smaller inputs, that of these."""
    run = la.compile(LSTM, OPAMP).run(with_peak(5.0), engine=Ngspice())
    (found,) = (each for each in la.compare(run, LSTM, tolerance=1.0).beyond if each.signal == "x")
    assert (found.value, found.harmful) == (5.0, True)
    assert found.limit == pytest.approx(0.9 * 4.5)
    made = la.compile(LSTM, OIL, inputs=0.1 * X)
    report = la.compare(made.run(X, engine=Settle()), LSTM)
    signals = {each.signal: each for each in report.beyond}
    assert signals["x"].limit == pytest.approx(MARGIN * 0.1 * np.abs(X).max())
    assert not any(each.harmful for each in report.beyond)
    assert report.verdict is Verdict.WITHIN
    assert ", what it was compiled for, with a margin, yet harmless" in str(report)


def test_trim_that_a_pre_activation_leaves_is_named() -> None:
    """ln(50)/2 of equal-percentage trim; beyond it a valve is as open as it gets."""
    report = la.compare(la.compile(LSTM, OIL).run(30.0 * X, engine=Settle()), LSTM)
    (found,) = (each for each in report.beyond if each.signal == "l0_z")
    assert (found.limit, found.harmful) == (pytest.approx(0.5 * np.log(50.0)), False)
    assert found.value == np.abs(LSTM.trace(30.0 * X).layers[0].z).max()


def test_steps_that_do_not_count_are_not_looked_at() -> None:
    x = np.stack([X, with_peak(1e6)])
    run = la.compile(LSTM, BEHAVIOURAL).run(x, lengths=[3, 1], engine=Settle())
    report = la.compare(run, LSTM)
    assert (report.beyond, report.verdict) == ((), Verdict.WITHIN)


def test_a_design_check_of_a_run_judges_its_inputs() -> None:
    machine = la.compile(LSTM, OIL)
    found = machine.check(machine.run(with_peak(1e3), engine=Settle())).worst(Rule.ROOM)
    assert found is not None
    assert (found.value, found.limit, found.where) == (10.0, 1.0, "input 0")
    assert found.severity is Severity.WARNING
    fine = machine.check(machine.run(X, engine=Settle())).worst(Rule.ROOM)
    assert fine is not None
    assert fine.severity is Severity.FINE
