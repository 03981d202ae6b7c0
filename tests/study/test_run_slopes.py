"""Derivatives of the results of a run by parameters, inputs and initial state, against central differences."""

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.compiler.hydraulic import Detail
from lstm_analog.engines import Settle
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError
from lstm_analog.imperfections import OrificeWeights, ProgrammingError, ReadNoise, Streams
from lstm_analog.model import Form, State
from lstm_analog.model.sequences import Outputs
from lstm_analog.network.laws import lever_values
from lstm_analog.study import LabelAccuracy, LargestError, RootMeanSquareError
from lstm_analog.study.budget_draws import with_changes
from lstm_analog.study.budget_subject import answer_slopes, metric_slopes
from lstm_analog.study.lots import as_one_chip
from lstm_analog.study.run_slopes import OutputSlopes, run_sensitivities

STEP = 1e-4
STENCIL = (2, 1, -1, -2)
WEIGHTS = np.array([-1.0, 8.0, -8.0, 1.0]) / (12.0 * STEP)
BEHAVIOURAL, OIL = la.electrical.BEHAVIOURAL, la.hydraulic.OIL
X = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 4, 2))


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    technology: object = BEHAVIOURAL
    form: dict = field(default_factory=dict)
    timing: object = la.CLOCKED
    units: int = 3
    lengths: tuple[int, ...] | None = None
    cause: object = None

    @property
    def machine(self) -> la.Machine:
        lstm = la.random_lstm(np.random.default_rng(0), 2, self.units, **self.form)
        made = la.compile(lstm, self.technology, timing=self.timing, settling=24.0)
        return made if self.cause is None else made.with_imperfection(self.cause, Streams(seed=1))

    def run(self, machine: la.Machine, x=X, state=None, keep=la.Keep.OUTPUTS) -> la.Run:
        return machine.run(x, state=state, lengths=self.lengths, engine=Settle(), keep=keep)


CASES = {
    "electrical": Case(),
    "gated leak": Case(timing=la.GATED_LEAK),
    "ideal op-amps": Case(technology=la.electrical.OPAMP_IDEAL, units=2),
    "op-amps": Case(technology=la.electrical.OPAMP, units=2),
    "oil": Case(technology=OIL),
    "oil through orifices": Case(technology=OIL, units=2, cause=OrificeWeights(transition=3000.0)),
    "full oil": Case(technology=replace(OIL, detail=Detail.FULL), units=2),
    "peephole": Case(form={"form": Form.PEEPHOLE}),
    "two layers and a head": Case(form={"layers": 2, "outputs": 2}),
    "both directions, lengths": Case(form={"bidirectional": True, "outputs": 1, "layers": 2}, lengths=(4, 2)),
    "GRU": Case(form={"form": Form.GRU}),
}
EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def sum_of(outputs: Outputs, slopes: OutputSlopes) -> np.ndarray:
    """Return the sums (chips,) that have these slopes."""
    states = ((outputs.state.h, slopes.state.h), (outputs.state.c, slopes.state.c))
    pairs = [(outputs.h, slopes.h), *(pair for each in states for pair in zip(*each, strict=True))]
    pairs += [] if outputs.y is None else [(outputs.y, slopes.y)]
    return sum((array * slope[0]).reshape(len(array), -1).sum(axis=1) for array, slope in pairs)


def random_slopes(outputs: Outputs, rng: np.random.Generator) -> OutputSlopes:
    def drawn(array):
        return rng.standard_normal((1, *array.shape))

    state = State(h=tuple(map(drawn, outputs.state.h)), c=tuple(map(drawn, outputs.state.c)))
    return OutputSlopes(h=drawn(outputs.h), y=None if outputs.y is None else drawn(outputs.y), state=state)


@cache
def differentiated(case: Case):
    machine = case.machine
    run = case.run(machine, keep=la.Keep.EVERYTHING)
    slopes = random_slopes(run.outputs, np.random.default_rng(2))
    return machine, run, slopes, run_sensitivities(run, slopes)


@EACH
def test_derivatives_by_all_parameters_are_those_of_differences(case):
    rng, (machine, _, slopes, found) = np.random.default_rng(3), differentiated(case)
    places = [
        (number, part.label, name, rng.standard_normal(value.shape) * np.abs(value))
        for number, compiled in enumerate(machine.passes)
        for part in compiled.network.parts
        for name, value in lever_values(part).items()
        if np.isfinite(value).all() and value.any()
    ]
    changes = [{} for _ in machine.passes]
    for place, (number, label, name, direction) in enumerate(places):
        own = changes[number][label, name] = np.zeros((4 * len(places), *direction.shape))
        own[4 * place : 4 * place + 4] = STEP * np.multiply.outer(STENCIL, direction)
    passes = tuple(
        replace(compiled, network=with_changes(compiled.network, own, 1.0))
        for compiled, own in zip(machine.passes, changes, strict=True)
    )
    expected = sum_of(case.run(replace(machine, passes=passes)).outputs, slopes).reshape(-1, 4) @ WEIGHTS
    got = np.array(
        [
            (found.passes[number].parameters[label][name][0] * direction).sum()
            for number, label, name, direction in places
        ]
    )
    assert np.abs(got - expected).max() <= 1e-7 * np.abs(expected).max()
    assert np.isfinite(got).all()


@EACH
def test_derivatives_by_inputs_and_initial_state_are_those_of_differences(case):
    rng, (machine, run, slopes, found) = np.random.default_rng(3), differentiated(case)
    towards = rng.standard_normal(X.shape)
    first = run.initial_state
    h, c = (tuple(0.3 * rng.standard_normal(each.shape) for each in some) for some in (first.h, first.c))

    def at(step):
        state = State(
            h=tuple(a + step * b for a, b in zip(first.h, h, strict=True)),
            c=tuple(a + step * b for a, b in zip(first.c, c, strict=True)),
        )
        return sum_of(as_one_chip(case.run(machine, X + step * towards, state).outputs), slopes)[0]

    pairs = [*zip(found.state.h, h, strict=True), *zip(found.state.c, c, strict=True), (found.x, towards)]
    got = sum(float((slope[0] * direction).sum()) for slope, direction in pairs)
    assert got == pytest.approx(np.array([at(step * STEP) for step in STENCIL]) @ WEIGHTS, rel=1e-7)


def test_a_head_that_reads_the_last_state_passes_its_slopes_on():
    lstm = la.random_lstm(np.random.default_rng(0), 2, 3, bidirectional=True, outputs=2)
    machine = la.compile(replace(lstm, head=replace(lstm.head, final=True)), BEHAVIOURAL, settling=24.0)
    run = machine.run(X, lengths=(4, 3), engine=Settle(), keep=la.Keep.EVERYTHING)
    weights, towards = (
        np.random.default_rng(3).standard_normal((1, 2, 2)),
        np.random.default_rng(4).normal(size=X.shape),
    )

    def at(step):
        return (machine.run(X + step * towards, lengths=(4, 3), engine=Settle()).y * weights[0]).sum()

    found = run_sensitivities(run, OutputSlopes(y=weights))
    expected = np.array([at(step * STEP) for step in STENCIL]) @ WEIGHTS
    assert (found.x[0] * towards).sum() == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("final", [False, True])
def test_a_result_need_not_depend_on_the_head_of_its_own_pass(final):
    """There was an `IndexError` from within the reverse pass."""
    lstm = la.random_lstm(np.random.default_rng(0), 2, 3, bidirectional=True, outputs=2)
    machine = la.compile(replace(lstm, head=replace(lstm.head, final=final)), BEHAVIOURAL, settling=24.0)
    run = machine.run(X, engine=Settle(), keep=la.Keep.EVERYTHING)
    weights, towards = np.random.default_rng(3).standard_normal((1, *run.h.shape)), np.ones_like(X)

    def at(step):
        return (machine.run(X + step * towards, engine=Settle()).h * weights[0]).sum()

    found = run_sensitivities(run, OutputSlopes(h=weights))
    expected = np.array([at(step * STEP) for step in STENCIL]) @ WEIGHTS
    assert (found.x[0] * towards).sum() == pytest.approx(expected, rel=1e-7)


def test_a_run_of_another_engine_or_one_that_kept_less_is_refused():
    machine = Case().machine
    slopes = OutputSlopes(h=np.ones((1, 2, 4, 3)))
    with pytest.raises(UnsupportedError, match="a run with derivatives must be one by Settle, got Waveform"):
        run_sensitivities(machine.run(X), slopes)
    with pytest.raises(InvalidValueError, match="must keep all unknowns in all intervals"):
        run_sensitivities(Case().run(machine), slopes)


def test_chips_and_parameters_that_change_in_time_are_refused():
    machine, slopes = Case().machine, OutputSlopes(h=np.ones((1, 2, 4, 3)))
    chips = machine.with_imperfection(ProgrammingError(sigma=0.01), Streams(seed=1, chips=2))
    with pytest.raises(InvalidShapeError, match="must have no chip axis"):
        run_sensitivities(Case().run(chips, keep=la.Keep.EVERYTHING), slopes)
    noisy = machine.with_imperfection(ReadNoise(sigma=0.01), Streams(seed=1))
    with pytest.raises(UnsupportedError, match="parameters must stand still, got some that change from step to step"):
        run_sensitivities(Case().run(noisy, keep=la.Keep.EVERYTHING), slopes)


def test_slopes_of_metrics_are_those_of_differences():
    run = Case(form={"outputs": 1}).run(Case(form={"outputs": 1}).machine)
    expected = run.outputs.y + np.random.default_rng(5).normal(size=run.outputs.y.shape)
    for metric in (RootMeanSquareError(expected=expected), LargestError(expected=expected)):
        own, other = metric_slopes(metric, run.outputs), metric_slopes(metric.__call__, run.outputs)
        assert other.y == pytest.approx(own.y, abs=1e-8)
        assert own.h is None
        assert np.abs(other.h).max() == 0.0


def squared(outputs: Outputs) -> np.ndarray:
    return (outputs.h**2).sum(axis=(-1, -2)) + outputs.state.c[0].sum(axis=-1, keepdims=True)[..., 0]


def test_slopes_of_an_answer_of_the_users_are_found_by_differences():
    outputs = Case().run(Case().machine).outputs
    found = answer_slopes(squared, outputs, np.array([[1.0, 2.0]]))
    assert found.h[0] == pytest.approx(2.0 * outputs.h * np.array([1.0, 2.0])[:, None, None], abs=1e-8)
    assert found.state.c[0][0] == pytest.approx(np.ones((2, 3)) * np.array([[1.0], [2.0]]), abs=1e-8)


def test_metrics_without_slopes_are_refused():
    outputs = Case().run(Case().machine).outputs
    with pytest.raises(InvalidValueError, match="the RMSE must be above zero to have a slope"):
        metric_slopes(RootMeanSquareError(expected=outputs.h), outputs)
    with pytest.raises(UnsupportedError, match="a metric with slopes must be smooth, got LabelAccuracy"):
        metric_slopes(LabelAccuracy(labels=[0, 1]), outputs)
    with pytest.raises(InvalidShapeError, match="expected must have the shape of one chip's answer"):
        metric_slopes(RootMeanSquareError(expected=outputs.h[0]), outputs)
