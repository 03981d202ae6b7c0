"""Error budgets: known shares, agreement with sampled chips, where first order ends, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError, LstmAnalogError, UnsupportedError
from lstm_analog.imperfections import (
    AmplifierOffset,
    BoreTolerance,
    ClockJitter,
    HoldLeak,
    OrificeWeights,
    OutputConverter,
    PairGain,
    PairOffset,
    ProgrammingError,
    ReadNoise,
    Streams,
)
from lstm_analog.model.random import Form
from lstm_analog.model.sequences import Outputs
from lstm_analog.network.laws import lever_values
from lstm_analog.study import (
    ErrorBudget,
    LabelAccuracy,
    LargestDeviation,
    RootMeanSquareDeviation,
    RootMeanSquareError,
    StrengthRow,
    budget,
)
from lstm_analog.study.budget_draws import parameter_changes, with_changes
from lstm_analog.study.budget_shares import element_names
from lstm_analog.study.budget_subject import root_mean_square

X = np.random.default_rng(1).uniform(-1.0, 1.0, (2, 5, 2))
LSTM = la.random_lstm(np.random.default_rng(2), 2, 3)
DEEP = la.random_lstm(np.random.default_rng(3), 2, 2, layers=2, bidirectional=True, outputs=1)
BEHAVIOURAL, OIL = la.electrical.BEHAVIOURAL, la.hydraulic.OIL
CAUSE = ProgrammingError(sigma=1e-3)


def last_h(outputs: Outputs) -> np.ndarray:
    return outputs.h[:, :, -1]


def compiled(technology=BEHAVIOURAL, lstm=LSTM) -> la.Machine:
    return la.compile(lstm, technology, settling=24.0)


def made(causes=CAUSE, machine=None, **more) -> ErrorBudget:
    few = {"seed": 1, "draws": 60, "chips": 20} | more
    return budget(compiled() if machine is None else machine, causes, X, **few)


def first_hidden(outputs: Outputs) -> np.ndarray:
    """The first unit of the first sequence after the first step: it depends on three gates of its own alone."""
    return outputs.h[:, 0, 0, 0]


def test_shares_of_each_kind_add_up_to_one():
    found = made((CAUSE, PairGain(share=1e-3)))
    for kind in ("imperfection", "part", "gate", "unit"):
        assert sum(found.shares[kind].values()) == pytest.approx(1.0, abs=0.02 if kind == "imperfection" else 1e-9)
    assert sum(found.shares["step"].values()) == pytest.approx(1.0, abs=1e-9)
    assert list(found.shares["step"]) == list("01234")


def test_a_number_that_depends_on_few_weights_has_its_shares_there():
    found = made(of=first_hidden, draws=300)
    assert found.share("unit", "layer 0 unit 0") == pytest.approx(1.0, abs=1e-9)
    assert found.share("step", "0") == pytest.approx(1.0, abs=1e-9)
    assert "layer 0 forget gate" not in found.shares["gate"] or abs(found.share("gate", "layer 0 forget gate")) < 1e-12
    assert all(
        "l0_zi_0" in name or "l0_zg_0" in name or "l0_zo_0" in name for name in list(found.shares["parameter"])[:6]
    )


def test_the_prediction_is_that_of_the_derivative_times_sigma():
    """Errors are independent, of one sigma in each bank: so sigma times the norm of the derivatives."""
    machine = compiled()
    found = made(of=first_hidden, draws=3000, chips=1, strengths=(1.0,))
    bank = machine.passes[0].network.part("l0_rows").transconductance
    step, spread = 1e-4 * np.abs(bank).max(), 0.0
    places = np.flatnonzero(bank)
    changes = {("l0_rows", "transconductance"): np.zeros((2 * places.size, *bank.shape))}
    flat = changes["l0_rows", "transconductance"].reshape(2 * places.size, -1)
    flat[2 * np.arange(places.size), places], flat[2 * np.arange(places.size) + 1, places] = step, -step
    network = with_changes(machine.passes[0].network, changes, 1.0)
    chips = replace(machine, passes=(replace(machine.passes[0], network=network),))
    h = first_hidden(chips.run(X, engine="settle").outputs)
    slopes = (h[0::2] - h[1::2]) / (2.0 * step)
    spread = 1e-3 * np.abs(bank).max() * np.sqrt((slopes**2).sum())
    assert found.predicted == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize(
    ("technology", "cause"),
    [(BEHAVIOURAL, CAUSE), (la.electrical.OPAMP, AmplifierOffset(volts=1e-4)), (OIL, BoreTolerance(sigma=1e-4))],
    ids=["electrical", "op-amps", "oil"],
)
def test_predicted_deviations_are_those_of_chips_and_first_order_ends(technology, cause):
    machine = compiled(technology, la.random_lstm(np.random.default_rng(2), 2, 2))
    found = made(cause, machine, draws=3, chips=3, strengths=(0.1, 1.0))
    small, given = found.ladder
    assert small.ratio == pytest.approx(1.0, abs=5e-3)
    assert abs(small.ratio - 1.0) <= abs(given.ratio - 1.0) + 1e-9
    assert given.predicted == pytest.approx(10.0 * small.predicted)
    assert found.first_order_until == 1.0


def test_where_first_order_ends_is_the_last_strength_before_the_first_that_is_off():
    ladder = [StrengthRow(strength=s, predicted=s, sampled=s * r) for s, r in ((1.0, 1.05), (3.0, 1.3), (9.0, 1.0))]
    found = made(draws=2, chips=1, strengths=(1.0,))
    assert replace(found, ladder=tuple(ladder)).first_order_until == 1.0
    assert replace(found, ladder=tuple(ladder[1:])).first_order_until == 0.0
    assert StrengthRow(strength=1.0, predicted=0.0, sampled=0.0).ratio == 1.0


def test_chips_that_cannot_be_made_have_no_sampled_deviation():
    found = made(BoreTolerance(sigma=0.05), compiled(OIL), draws=4, chips=4, strengths=(1.0, 1e3))
    assert np.isfinite(found.ladder[0].sampled)
    assert np.isnan(found.ladder[1].sampled)


def test_the_deviation_of_a_ragged_batch_is_that_of_its_valid_steps():
    """Pads, which no part moves, are not in the mean; the metric of the same has the same slope."""
    machine, lengths = compiled(), [5, 1]
    found = made(machine=machine, chips=8, strengths=(1.0,), lengths=lengths)
    chips = machine.with_imperfection(CAUSE, Streams(seed=1, chips=8)).run(X, lengths=lengths, engine="settle").h
    away = chips - machine.run(X, lengths=lengths, engine="settle").h
    valid = np.concatenate([away[:, 0].ravel(), away[:, 1, 0].ravel()])
    assert found.ladder[0].sampled == pytest.approx(np.sqrt((valid**2).mean()), rel=1e-6)
    expected = LSTM(X, lengths=lengths).h - 0.1 * (np.arange(5) < np.array(lengths)[:, None])[..., None]
    of = RootMeanSquareError(expected=expected)
    error = made(machine=machine, chips=8, strengths=(0.01, 1.0), lengths=lengths, of=of)
    assert error.ladder[0].ratio == pytest.approx(1.0, abs=1e-2)


def test_the_largest_deviation_is_that_of_the_answer_that_deviates_most():
    machine = compiled()
    found, all_of_them = (
        made(machine=machine, of=of, chips=8, strengths=(1.0,))
        for of in (LargestDeviation(), RootMeanSquareDeviation())
    )
    chips = machine.with_imperfection(CAUSE, Streams(seed=1, chips=8)).run(X, engine="settle").h
    away = chips - machine.run(X, engine="settle").h
    each = np.sqrt((away**2).mean(axis=0))
    assert found.predicted > all_of_them.predicted
    assert found.ladder[0].sampled == pytest.approx(each.max(), rel=0.3)
    assert all_of_them.ladder[0].sampled == pytest.approx(np.sqrt((away**2).mean()), rel=1e-6)


def test_a_metric_deviates_from_its_own_value():
    machine = compiled()
    wanted = machine.run(X, engine="settle").h + 0.3
    found = made(machine=machine, of=RootMeanSquareError(expected=wanted))
    assert found.of == "RootMeanSquareError"
    assert found.ladder[0].ratio == pytest.approx(1.0, abs=1e-2)


def test_several_passes_have_budgets():
    found = made(machine=compiled(lstm=DEEP), chips=4, strengths=(0.1,))
    assert set(found.shares["gate"]) >= {"layer 0 cell gate", "layer 0 backward cell gate", "layer 1 cell gate"}
    assert found.ladder[0].ratio == pytest.approx(1.0, abs=1e-2)


def test_imperfections_that_act_on_the_same_weights_interact_when_strong():
    weak, strong = (
        made((ProgrammingError(sigma=sigma), PairGain(share=sigma)), strengths=(1.0,)) for sigma in (1e-4, 0.2)
    )
    (pair,) = weak.interactions
    assert {pair.first, pair.second} == {"ProgrammingError", "PairGain"}
    assert pair.share < 1e-3
    assert strong.interactions[0].share > 0.05
    assert weak.together == pytest.approx(1.0, abs=1e-3)


def test_two_of_three_causes_interact_without_the_third():
    """Two weak causes add up, whatever a strong one does beside them; with that one in each pair it does not."""
    weak, other, strong = PairOffset(volts=1e-5), PairGain(share=1e-4), ProgrammingError(sigma=0.2)
    found = {(pair.first, pair.second): pair.share for pair in made((weak, other, strong)).interactions}
    assert len(found) == 3
    (alone,) = (share for pair, share in found.items() if "ProgrammingError" not in pair)
    assert alone < 1e-4


def test_changes_make_the_same_chips_as_the_imperfections():
    machine = compiled(la.electrical.OPAMP)
    chips = machine.with_imperfection((CAUSE, PairGain(share=0.01)), Streams(seed=1, chips=3))
    network, altered = machine.passes[0].network, chips.passes[0].network
    again = with_changes(network, parameter_changes(network, altered, 3), 1.0)
    assert replace(again, provenance=()).equals(replace(altered, provenance=()), rtol=1e-12)


def test_the_table_has_all_shares(tmp_path):
    found = made(draws=4, chips=2)
    found.write_csv(tmp_path / "budget.csv")
    lines = (tmp_path / "budget.csv").read_text().splitlines()
    assert lines[0] == "kind,name,share"
    assert len(lines) == 1 + sum(map(len, found.shares.values()))
    assert "first order up to" in str(found)
    assert "deviation" in repr(found)


NO_CHANGE = "must change a parameter of a part, got no change|must stand still"


@pytest.mark.parametrize(
    ("causes", "technology", "text"),
    [
        (ReadNoise(sigma=0.01), BEHAVIOURAL, "must stand still in a run, got ReadNoise"),
        (ClockJitter(seconds=1e-9), BEHAVIOURAL, f"ClockJitter {NO_CHANGE}"),
        (OutputConverter(bits=8, low=-1.0, high=1.0), BEHAVIOURAL, NO_CHANGE),
        (OrificeWeights(transition=3000.0), OIL, "must have what the imperfection changes, got an ideal one"),
        (HoldLeak(conductance=1e-12), la.electrical.OPAMP, "must change parameters of parts, not parts, got other"),
    ],
    ids=["in time", "clock", "output", "an effect that the ideal part has not", "parts of its own"],
)
def test_imperfections_that_change_no_parameter_that_there_is_are_refused(causes, technology, text):
    with pytest.raises(UnsupportedError, match=text):
        made(causes, compiled(technology))


def test_arguments_are_checked():
    with pytest.raises(InvalidValueError, match="imperfections must be of each kind once"):
        made((CAUSE, ProgrammingError(sigma=0.1)))
    with pytest.raises(InvalidValueError, match="must be of each kind once, got "):
        made(())
    with pytest.raises(InvalidValueError, match="draws"):
        made(draws=0)
    with pytest.raises(InvalidValueError, match="strengths must be some, above 0 and finite"):
        made(strengths=())
    with pytest.raises(UnsupportedError, match="a metric with slopes must be smooth"):
        made(of=LabelAccuracy(labels=[0, 1], answer=last_h))
    with pytest.raises(InvalidValueError, match="the RMSE must be above zero"):
        made(of=RootMeanSquareError(expected=compiled().run(X, engine="settle").h))
    found = made(draws=2, chips=1, strengths=(1.0,))
    with pytest.raises(InvalidValueError, match="kind must be one of imperfection, part"):
        found.share("row", "1")
    with pytest.raises(InvalidValueError, match="gate of the budget must be one of layer 0 "):
        found.share("gate", "q")


def test_the_root_mean_square_weighs_the_answers():
    assert root_mean_square(np.array([[3.0, 0.0], [4.0, 0.0]]), np.array([0.5, 0.5])) == pytest.approx(2.5)


@pytest.mark.parametrize("form", [Form.LSTM, Form.GRU, Form.PEEPHOLE, Form.MGU])
@pytest.mark.parametrize("technology", [la.electrical.OPAMP, OIL])
def test_each_element_has_a_name_of_its_own_and_each_row_of_weights_its_gate(form, technology):
    """Elements that end at ground or at a rail had all the same name, so that one share stood for several."""
    machine = compiled(technology, la.random_lstm(np.random.default_rng(4), 2, 3, form=form))
    found = {part.label: element_names(machine.compiled, part) for part in machine.network.parts if lever_values(part)}
    assert all(len({name for _, _, name in each}) == len(each) for each in found.values())
    gates = [gate.name.lower() for gate in machine.compiled.layout.layers[0].gates]
    rows = [name for label in ("l0_rows", "l0_new", "l0_late") for name in found.get(label, [])]
    assert [gate for gate, _, _ in rows][: 3 * len(gates) : 3] == [f"layer 0 {g} gate" for g in gates]
    assert [unit for _, unit, _ in rows] == [f"layer 0 unit {k}" for k in range(3)] * (len(rows) // 3)


def test_an_answer_that_is_none_is_refused_and_one_that_stands_still_has_no_share():
    """An answer without numbers, or made of c, which chips do not keep, stopped with a bare error."""
    for answer, words in (
        (lambda outputs: outputs.c[:, -1], "must take the outputs of several chips, got TypeError: "),
        (lambda outputs: np.zeros((len(outputs.h), 0)), r"must have shape \(1, \.\.\.\) and numbers, got \(1, 0\)"),
        (lambda outputs: np.full(len(outputs.h), "a"), "must make real numbers, got <U1"),
    ):
        with pytest.raises(LstmAnalogError, match=f"^the answer {words}.*: return an array .chips, ...."):
            made(of=RootMeanSquareDeviation(answer=answer))
    with pytest.raises(InvalidValueError, match=r"^what deviates must be finite for the machine as .*, got .inf."):
        made(of=lambda outputs: np.full(len(outputs.h), np.inf))
    still = made(of=LargestDeviation(answer=lambda outputs: np.ones(len(outputs.h))), draws=3, chips=1)
    assert still.predicted == 0.0
    assert set(still.shares["imperfection"].values()) == {0.0}
