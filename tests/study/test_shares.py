"""Whose an error is: a technology explains what its parts cost by design, and no fault, however small beside that."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from faulty_machines import with_banks

import lstm_analog as la
from lstm_analog.compiler import Compiled, Timing, lower
from lstm_analog.compiler.electrical import OPAMP, OPAMP_BENCH, OPAMP_IDEAL, OpAmpCircuit
from lstm_analog.compiler.scaling import reach
from lstm_analog.compiler.signals import SignalNetwork
from lstm_analog.engines import Ngspice, Progress, Settle
from lstm_analog.imperfections import AmplifierOffset, ProgrammingError, Streams
from lstm_analog.imperfections.ideal import Cause, causes_of, idealise
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Conductors, Crossbars, OpAmps
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory
from lstm_analog.study import Report, Verdict

LSTM = la.random_lstm(np.random.default_rng(4), inputs=1, hidden=1, name="one")
X = np.random.default_rng(2).uniform(-1.0, 1.0, (2, 1))
STREAMS = Streams(seed=3)
NGSPICE = Ngspice()


def turned(machine: la.Machine, factor: float, place: int = 0) -> la.Machine:
    """Return `machine` with one conductance of its first weights off by a `factor`."""
    rows = next(part for part in machine.network.parts if isinstance(part, Crossbars))
    positive = rows.positive.copy()
    positive.flat[place] *= factor
    return with_banks(machine, replace(rows, positive=positive))


def named(technology: la.hydraulic.Hydraulic) -> str:
    return technology.name


def compared(machine: la.Machine, **more: object) -> Report:
    return la.compare(machine.run(X, engine=NGSPICE), LSTM, **more)


@pytest.fixture(scope="module")
def opamp() -> Report:
    return compared(la.compile(LSTM, OPAMP))


def test_op_amps_at_their_defaults_do_what_they_should(opamp: Report) -> None:
    assert opamp.by_clock + opamp.by_engine < opamp.worst < 1e-4
    assert opamp.verdict is Verdict.WITHIN
    assert opamp.tolerance == opamp.by_clock + opamp.by_engine + opamp.by_technology
    assert opamp.shares is not None
    assert opamp.shares.left < 1e-8
    assert opamp.by_technology == pytest.approx(opamp.worst, rel=1e-3)
    assert (opamp.shares.changed, opamp.shares.imperfections, opamp.by_imperfections) == ((), (), 0.0)


def test_each_cause_has_its_figure(opamp: Report) -> None:
    """Which causes there are follows from the parts; the text says the whole beside them."""
    assert opamp.shares is not None
    names = {cost.cause for cost in opamp.shares.causes}
    assert names == {cause.value for cause in causes_of(la.compile(LSTM, OPAMP).network)}
    assert names == {each.value for each in (Cause.GAIN, Cause.SLEW, Cause.RAILS, Cause.OUTPUT, Cause.LEAK)}
    first = opamp.shares.causes[0]
    assert (first.cause, first.error) == ("gain of op-amps", pytest.approx(opamp.worst, rel=0.05))
    text = str(opamp)
    assert f"{opamp.by_technology:.3g} by the technology" in text
    assert f"technology     {opamp.by_technology:.3g} together: {first.error:.3g} gain of op-amps, " in text
    assert opamp.to_dict()["shares"]["causes"][0] == {"cause": first.cause, "error": first.error}
    assert opamp.to_dict()["by_technology"] == opamp.by_technology


def test_a_gain_costs_in_proportion_to_its_inverse(opamp: Report) -> None:
    """The noise gain over A0 (any text on op-amps): a tenth of the gain is ten times the error."""
    poor = compared(la.compile(LSTM, replace(OPAMP, amplifier=replace(OPAMP.amplifier, gain=1e4))))
    assert opamp.shares is not None
    assert poor.shares is not None
    assert poor.shares.causes[0].error == pytest.approx(10.0 * opamp.shares.causes[0].error, rel=0.05)
    assert poor.verdict is Verdict.WITHIN


def test_what_costs_too_much_is_explained_and_does_not_hold() -> None:
    report = compared(la.compile(LSTM, replace(OPAMP, amplifier=replace(OPAMP.amplifier, gain=50.0))))
    assert report.worst > report.tolerance
    assert report.verdict is Verdict.TECHNOLOGY
    assert "explained by what the parts of the technology cost by design" in str(report).splitlines()[0]
    assert not report.holds


def test_resistors_of_a_series_are_a_cause() -> None:
    report = compared(la.compile(LSTM, OPAMP_BENCH, settling=40.0))
    assert report.shares is not None
    assert report.verdict is Verdict.WITHIN
    assert report.shares.causes[0].cause == "values of a series of resistors"
    exact = replace(OPAMP_BENCH, crossbar=replace(OPAMP_BENCH.crossbar, series=0))
    ours, theirs = (la.compile(LSTM, made, settling=40.0).run(X, engine=NGSPICE).h for made in (exact, OPAMP_BENCH))
    assert report.shares.causes[0].error == pytest.approx(np.abs(ours - theirs).max(), rel=1e-6)


def test_a_fault_smaller_than_what_the_technology_costs_is_a_defect(opamp: Report) -> None:
    poor = replace(OPAMP, amplifier=replace(OPAMP.amplifier, gain=1e3))
    machine = la.compile(LSTM, poor)
    fault = compared(turned(machine, 1.002))
    assert fault.shares is not None
    assert fault.by_engine < fault.shares.by_changes < compared(machine).by_technology
    assert fault.shares.changed == ("l0_rows",)
    assert fault.verdict is Verdict.DEFECT
    assert fault.tolerance < fault.worst
    assert "l0_rows, which no record names" in str(fault)


@pytest.mark.parametrize("technology", [OPAMP_IDEAL, OPAMP, OPAMP_BENCH], ids=lambda made: made.name)
def test_faults_of_boards_are_defects(technology: OpAmpCircuit) -> None:
    """One resistor off by 5 %, a feedback too; swapped gates; a wrong sign; one offset of 20 mV."""
    machine = la.compile(LSTM, technology)
    rows, back = machine.network.part("l0_rows"), machine.network.part("l0_rows_second_back")
    amplifiers = machine.network.part("l0_c_master")
    assert isinstance(rows, Crossbars)
    assert isinstance(back, Conductors)
    assert isinstance(amplifiers, OpAmps)
    faults = [
        turned(machine, 1.05),
        with_banks(machine, replace(back, conductance=back.conductance * np.array([1.0, 1.05, 1.0, 1.0]))),
        with_banks(machine, replace(rows, plus=rows.minus, minus=rows.plus)),
        with_banks(machine, replace(rows, positive=rows.positive[[2, 1, 0, 3]], negative=rows.negative[[2, 1, 0, 3]])),
        with_banks(machine, replace(amplifiers, offset=amplifiers.offset + 20e-3)),
    ]
    for fault in faults[:: 1 if technology is OPAMP_IDEAL else 2]:
        assert compared(fault).verdict is Verdict.DEFECT


@dataclass(frozen=True, kw_only=True)
class Miswired:
    """A technology whose compiler takes the weights of one gate a little too large."""

    of: OpAmpCircuit
    factor: float


@lower.register
def _(technology: Miswired, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    made = lower(technology.of, signals, timing, settling)
    rows = made.network.part("l0_rows")
    assert isinstance(rows, Crossbars)
    wrong = replace(rows, positive=rows.positive * np.array([[technology.factor], [1.0], [1.0], [1.0]]))
    parts = tuple(wrong if part is rows else part for part in made.network.parts)
    return replace(made, network=replace(made.network, parts=parts))


def test_a_compiler_that_errs_is_a_defect_though_it_made_the_network_as_it_meant() -> None:
    """Nothing differs from what was compiled; what ideal parts leave is the fault, which is below the share."""
    poor = replace(OPAMP, amplifier=replace(OPAMP.amplifier, gain=1e3))
    report = compared(la.compile(LSTM, Miswired(of=poor, factor=1.005)))
    assert report.shares is not None
    assert report.shares.changed == ()
    assert report.by_engine < report.shares.left < report.by_technology
    assert report.verdict is Verdict.DEFECT
    assert compared(la.compile(LSTM, Miswired(of=OPAMP, factor=1.0))).holds


def test_readings_that_lie_are_no_share_of_the_technology() -> None:
    run = la.compile(LSTM, OPAMP).run(X, engine=NGSPICE)
    made, nodes = run.passes[0], run.trajectory.network.unknowns["l0_h"]
    efforts = run.trajectory.efforts.copy()
    efforts[..., nodes] *= -1.0
    lying = replace(run, passes=(replace(made, trajectory=replace(run.trajectory, efforts=efforts)),))
    assert la.compare(lying, LSTM).verdict is Verdict.DEFECT


def test_a_run_that_does_not_say_how_it_came_about_has_no_shares() -> None:
    run = replace(la.compile(LSTM, OPAMP).run(X, engine=NGSPICE), setup=None)
    report = la.compare(run, LSTM)
    assert (report.shares, report.by_technology, report.verdict) == (None, 0.0, Verdict.DEFECT)


def test_shares_are_looked_for_where_they_are_needed_or_asked_for() -> None:
    machine = la.compile(LSTM, la.electrical.BEHAVIOURAL)
    assert compared(machine).shares is None
    asked = compared(machine, causes=True)
    assert asked.shares is not None
    assert asked.by_technology < 1e-12
    assert asked.verdict is Verdict.WITHIN
    accepted = compared(la.compile(LSTM, OPAMP), tolerance=1e-3)
    assert (accepted.shares, accepted.verdict) == (None, Verdict.WITHIN)


@pytest.mark.parametrize("technology", [la.electrical.BEHAVIOURAL, la.hydraulic.OIL, OPAMP], ids=lambda made: made.name)
def test_imperfections_are_explained_by_their_records(technology: object) -> None:
    cause = AmplifierOffset(volts=1e-3) if technology is OPAMP else ProgrammingError(sigma=0.03)
    report = compared(la.compile(LSTM, technology).with_imperfection(cause, STREAMS))
    assert report.verdict is Verdict.IMPERFECT
    assert report.by_imperfections == pytest.approx(report.worst, rel=0.05)
    assert f"explained by {cause!r} drawn from Streams(seed=3)" in str(report)
    assert not report.holds


def test_a_fault_beside_an_imperfection_is_a_defect() -> None:
    machine = la.compile(LSTM, la.hydraulic.OIL).with_imperfection(ProgrammingError(sigma=0.03), STREAMS)
    report, meant = (la.compare(made.run(X, engine=Settle()), LSTM) for made in (turned(machine, 1.05), machine))
    assert report.shares is not None
    assert report.shares.by_changes < meant.by_imperfections
    assert (report.verdict, report.shares.changed) == (Verdict.DEFECT, ("l0_rows",))


@dataclass(frozen=True, kw_only=True, eq=False)
class Counting:
    """`Settle`, and which networks it has run."""

    ran: list[Network]

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        self.ran.append(network)
        return Settle().run(network, schedule, progress)


def test_the_engine_of_the_run_runs_again_and_no_oftener_than_it_must() -> None:
    """As its records say, as compiled, with ideal parts: leaks are the only cause of oil."""
    engine = Counting(ran=[])
    machine = la.compile(LSTM, la.hydraulic.OIL)
    assert la.compare(machine.run(X, engine=engine), LSTM).holds
    assert len(engine.ran) == 1
    imperfect = machine.with_imperfection(ProgrammingError(sigma=0.03), STREAMS)
    assert la.compare(imperfect.run(X, engine=engine), LSTM).verdict is Verdict.IMPERFECT
    assert len(engine.ran) == 1 + 1 + 3


def test_stops_and_leaks_of_plumbing_are_causes() -> None:
    """A short stroke cuts c off: its share is that of the tank without stops."""
    oil, farthest = la.hydraulic.OIL, float(np.abs(LSTM.trace(X[:1]).layers[0].c).max())
    vessel = replace(oil.vessel, stroke=0.5 * farthest / reach(oil).c * oil.vessel.stroke)
    short = replace(oil, detail=la.hydraulic.Detail.FULL, vessel=vessel)
    machine = la.compile(LSTM, short)
    assert causes_of(machine.network) == (Cause.LEAK, Cause.STOPS)
    free = idealise(machine.network, (Cause.STOPS,))
    with pytest.warns(la.errors.StopsWarning):
        run = machine.run(X[:1])
    ideal = replace(machine, passes=(replace(machine.compiled, network=free),)).run(X[:1])
    report = la.compare(run, LSTM, causes=True)
    assert report.shares is not None
    assert report.shares.causes[0].cause == "stops of tanks"
    assert report.shares.causes[0].error == pytest.approx(np.abs(run.h - ideal.h).max(), rel=1e-6)
    assert report.shares.left < 1e-6


@pytest.mark.parametrize(
    "technology", [la.hydraulic.OIL, la.hydraulic.WATER, la.hydraulic.GLYCEROL], ids=lambda m: m.name
)
def test_faults_of_plumbing_are_defects(technology: la.hydraulic.Hydraulic) -> None:
    """One tube off by 5 %, the manifolds of a row exchanged, the rows of two gates exchanged."""
    machine = la.compile(LSTM, technology)
    rows = machine.network.part("l0_rows")
    assert isinstance(rows, Crossbars)
    swapped = {name: getattr(rows, name)[[2, 1, 0, 3]] for name in ("positive", "negative", "plus_load", "minus_load")}
    for fault in (
        turned(machine, 1.05, int(rows.positive.argmax())),
        with_banks(machine, replace(rows, plus=rows.minus, minus=rows.plus)),
        with_banks(machine, replace(rows, **swapped)),
    ):
        report = la.compare(fault.run(X, engine=Settle()), LSTM)
        assert (report.verdict, report.shares and report.shares.changed) == (Verdict.DEFECT, ("l0_rows",))


def test_a_fault_of_a_chip_smaller_than_its_calibration_leaves_is_a_defect() -> None:
    machine = la.compile(LSTM, la.electrical.BICMOS, settling=12.0)
    whole = compared(machine)
    assert whole.holds
    rows = machine.network.part("l0_rows")
    assert isinstance(rows, Crossbars)
    fault = compared(turned(machine, 1.02, int(rows.positive.argmax())))
    assert fault.shares is not None
    assert fault.by_engine < fault.shares.by_changes < whole.by_technology
    assert fault.verdict is Verdict.DEFECT
