"""Yield: each chip is what it is alone, wherever lots run; the distribution is that of a closed form."""

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
import scipy
from chip_metrics import last_h

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, NetworkError, SimulationError
from lstm_analog.imperfections import DeviceSpread, ProgrammingError, Quantisation, Streams
from lstm_analog.model import LSTM, Cell, Head, Layer, Outputs, State
from lstm_analog.study import (
    LabelAccuracy,
    LargestError,
    ModelAnswer,
    RootMeanSquareError,
    Spec,
    Target,
    Yield,
    YieldCurve,
    agreement,
    wilson_interval,
    yield_curve,
    yield_of,
)
from lstm_analog.study.lot_study import usual_lot_size
from lstm_analog.study.lots import Trial

X = np.random.default_rng(3).uniform(-1.0, 1.0, (4, 2))
CAUSE = DeviceSpread(share=0.05)


@pytest.fixture(scope="module")
def lstm():
    return la.random_lstm(np.random.default_rng(2), 2, 3)


@pytest.fixture(scope="module")
def machine(lstm):
    return la.compile(lstm, la.electrical.BEHAVIOURAL, settling=24.0)


@pytest.fixture(scope="module")
def asked(machine, lstm):
    """Return a function that asks for the yield of forty chips, of which about half pass."""
    given = {
        "machine": machine,
        "imperfections": CAUSE,
        "x": X,
        "metric": LargestError(expected=lstm(X).h),
        "spec": Spec(at_most=0.012),
        "chips": 40,
        "seed": 5,
        "lot_size": 10,
    }
    forty = yield_of(**given)

    def ask(**changes):
        return yield_of(**{**given, **changes}) if changes else forty

    return ask


# Closed forms.


def test_a_score_that_is_no_number_is_no_right_label():
    """NaN was the largest score, or not above the threshold: a chip of which nothing is known had 100 %."""
    scores = np.array([[[0.9, 0.1], [0.2, 0.8]], [[np.nan, 0.1], [0.2, 0.8]]])
    outputs = Outputs(h=np.zeros((2, 2, 1, 1)), state=State(h=(), c=()), y=None, c=None)
    found = LabelAccuracy(labels=np.array([0, 1]), answer=lambda _: scores)(outputs)
    np.testing.assert_array_equal(found, [1.0, np.nan])
    single = LabelAccuracy(labels=np.array([0, 0]), answer=lambda _: scores[..., :1] - 1.0, threshold=0.0)(outputs)
    np.testing.assert_array_equal(single, [1.0, np.nan])


def test_one_conductor_gives_a_half_normal_error():
    """No weight but that of the head: h = tanh(c/2)/2 has no device, y = w h errs by the share of one."""
    weight, share, chips = 0.8, 0.02, 4000
    cell = Cell(input=np.zeros((4, 1, 1)), recurrent=np.zeros((4, 1, 1)))
    lstm = LSTM(layers=(Layer(forward=cell),), head=Head(weights=np.array([[weight]])), name="one")
    state, x = State(h=(np.zeros(1),), c=(np.array([2.0]),)), np.zeros((1, 1))
    y = lstm(x, state).y
    np.testing.assert_allclose(y, weight * 0.5 * np.tanh(1.0), rtol=1e-12)
    sigma = share * float(y[0, 0])
    limit = 1.3 * sigma
    found = yield_of(
        la.compile(lstm, la.electrical.BEHAVIOURAL, settling=30.0),
        DeviceSpread(share=share),
        x,
        state=state,
        metric=LargestError(expected=y),
        spec=Spec(at_most=limit),
        chips=chips,
        seed=1,
        level=0.99,
        lot_size=2000,
    )
    expected = scipy.special.erf(limit / sigma / np.sqrt(2.0))
    assert found.interval.low < expected < found.interval.high
    assert found.interval.half_width < 0.02
    assert scipy.stats.kstest(found.values / sigma, "halfnorm").pvalue > 0.05
    median = sigma * scipy.stats.halfnorm.ppf(0.5)
    np.testing.assert_allclose(found.quantiles([0.5]), [median], rtol=0.05)


@pytest.mark.parametrize(("passing", "count"), [(0, 1), (1, 1), (0, 250), (3, 1000), (330, 1000), (999, 1000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_the_interval_is_that_of_scipy(passing, count, level):
    theirs = scipy.stats.binomtest(passing, count).proportion_ci(confidence_level=level, method="wilson")
    ours = wilson_interval(passing, count, level=level)
    np.testing.assert_allclose((ours.low, ours.high), (theirs.low, theirs.high), rtol=1e-12, atol=1e-15)


def test_a_level_is_told_as_it_was_asked(asked):
    assert "(99.95% interval " in str(asked(chips=10, level=0.9995))
    assert str(Target(spec=Spec(at_most=1.0), share=0.995)) == "99.5% of the chips at most 1"


def test_the_interval_is_that_of_the_table():
    """R. G. Newcombe, Statist. Med. 17 (1998) 857-872, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    known = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (passing, count), ends in known.items():
        found = wilson_interval(passing, count)
        np.testing.assert_allclose((found.low, found.high), ends, rtol=0, atol=5e-5)


# Seeds and lots.


class LastFirst(Executor):
    """Runs what it is given four at a time, the last first."""

    def __init__(self):
        self.held = []

    def submit(self, function, /, *arguments):
        future = Future()
        self.held.append((future, function, arguments))
        if len(self.held) == 4:
            for waiting, call, given in reversed(self.held):
                waiting.set_result(call(*given))
            self.held.clear()
        return future


@pytest.mark.parametrize("executor", [LastFirst, LastFirst(), ThreadPoolExecutor])
def test_where_lots_run_changes_no_bit(asked, executor):
    here, there = asked(), asked(executor=executor, ahead=4)
    np.testing.assert_array_equal(there.values, here.values)
    assert str(there) == str(here)


class OneBreaks(Executor):
    """Runs the first four that it is given together, but for one, whose worker dies; `spans` are all lots given."""

    def __init__(self, spans):
        self.spans, self.held = spans, []

    def submit(self, function, /, *arguments):
        future = Future()
        self.held.append((future, function, arguments))
        self.spans.append(arguments[1:])
        for waiting, call, given in self.held if len(self.spans) >= 4 else ():
            if len(self.spans) == 4 and given[1:] == self.spans[0]:
                waiting.set_exception(BrokenExecutor("died"))
            else:
                waiting.set_result(call(*given))
        return future


def test_lots_that_are_done_when_a_worker_dies_are_not_run_again(asked):
    spans = []
    found = asked(executor=lambda: OneBreaks(spans), ahead=4)
    np.testing.assert_array_equal(found.values, asked().values)
    assert [spans.count(span) for span in dict.fromkeys(spans)] == [2, 1, 1, 1]


def test_each_chip_is_the_one_of_its_number(asked, machine, lstm):
    """Whatever the size of lots, to rounding; and the chip that is handed out is that very one."""
    found = asked()
    for size in (7, 40):
        np.testing.assert_allclose(asked(lot_size=size).values, found.values, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(asked(chips=20).values, found.values[:20])
    for number in (0, 13, 39):
        alone = machine.with_imperfection(CAUSE, Streams(seed=5, first=number))
        assert found.chip(number).network.equals(alone.network, rtol=0.0)
        h = found.chip(number).run(X, engine=la.engines.Settle()).h
        assert abs(np.abs(h - lstm(X).h).max() - found.values[number]) < 1e-14
    assert len(np.unique(found.values)) == 40
    assert np.abs(asked(seed=6, lot_size=40).values - found.values).min() > 1e-9


@pytest.mark.parametrize(("units", "batch", "size"), [(1, 1, 250), (8, 4000, 34), (300, 1, 54)])
def test_large_networks_and_batches_come_in_small_lots(units, batch, size):
    """About half a gigabyte each, whatever it is of."""
    made = la.compile(la.random_lstm(np.random.default_rng(0), 1, units), la.electrical.BEHAVIOURAL)
    x = np.zeros((batch, 2, 1))
    trial = Trial(
        machine=made, imperfections=(), seed=1, x=x, state=None, lengths=None, engine=la.engines.Settle(), metric=last_h
    )
    assert usual_lot_size(trial) == pytest.approx(size, rel=0.1)


def test_the_netlist_of_a_chip_is_that_chip(asked, lstm, tmp_path):
    """The worst of forty, written to SPICE and run by ngspice, has the metric that the study gave it."""
    found = asked()
    (worst,) = found.worst(1)
    chip = found.chip(int(worst))
    h = chip.run(X, engine=la.engines.Ngspice()).h
    assert abs(np.abs(h - lstm(X).h).max() - found.values[worst]) < 1e-6
    chip.write.spice(tmp_path / "worst.cir", X)
    deck = la.read_spice(tmp_path / "worst.cir")
    assert deck.network.equals(chip.network, rtol=1e-12)


def test_a_cause_that_errs_on_no_chip_gives_all_the_same(asked):
    """Of strength zero, or the same on all: the network then has no axis of chips."""
    for cause in (DeviceSpread(share=0.0), (), Quantisation(levels=16.0)):
        found = asked(imperfections=cause, chips=23)
        assert found.values.shape == (23,)
        assert np.ptp(found.values) == 0.0
    assert asked(imperfections=()).values[0] == asked().nominal < 1e-9


def test_a_study_ends_with_the_first_lot_that_is_enough(asked):
    whole = asked(chips=100, lot_size=100)
    ends = [wilson_interval(int(whole.passes[:count].sum()), count).half_width for count in range(10, 110, 10)]
    first = next(number for number, width in enumerate(ends) if width <= 0.12)
    for executor in (None, LastFirst):
        found = asked(chips=100, until=0.12, executor=executor, ahead=4)
        assert found.chips == 10 * (first + 1) < 100
        np.testing.assert_allclose(found.values, whole.values[: found.chips], rtol=0, atol=1e-14)
        assert found.interval.half_width <= 0.12


# Chips that cannot be solved.


@dataclass(frozen=True, kw_only=True)
class Fragile:
    """Settles, but no chip of which a transconductance is larger than `most`, in units of the machine as compiled."""

    most: float

    def run(self, network, schedule, progress=None):
        if largest(network) > self.most:
            raise SimulationError("it must hold, got smoke: take a larger one")
        return la.engines.Settle().run(network, schedule, progress)


def largest(network):
    return max(np.abs(part.transconductance).max() for part in network.parts if hasattr(part, "transconductance"))


def test_a_chip_that_cannot_be_solved_takes_no_other_with_it(asked, machine):
    found = asked()
    sizes = np.array([largest(found.chip(chip).network) for chip in range(40)])
    most = np.sort(sizes)[-4]
    left = asked(engine=Fragile(most=most))
    bad = sizes > most
    assert [failure.chip for failure in left.failures] == np.flatnonzero(bad).tolist()
    assert {failure.reason for failure in left.failures} == {"it must hold, got smoke: take a larger one"}
    np.testing.assert_array_equal(np.isnan(left.values), bad)
    np.testing.assert_allclose(left.values[~bad], found.values[~bad], rtol=0, atol=1e-14)
    assert left.passing == (found.passes & ~bad).sum()
    assert left.chips == 40
    np.testing.assert_array_equal(np.sort(left.worst(3)), np.flatnonzero(bad))
    assert "3 without a metric" in repr(left)
    with pytest.raises(SimulationError, match="smoke"):
        asked(engine=Fragile(most=0.5 * largest(machine.network)))


def test_a_metric_that_is_not_finite_is_a_failure(asked):
    found = asked(metric=lambda outputs: np.where(last_h(outputs) > np.median(last_h(outputs)), np.nan, 1.0))
    assert len(found.failures) == 20
    assert {failure.reason for failure in found.failures} == {"its metric is not finite"}
    assert found.fraction == 0.0


def test_engines_of_one_chip_run_them_in_turn(asked, lstm):
    given = {"chips": 2, "x": X[:1], "metric": LargestError(expected=lstm(X[:1]).h)}
    found = asked(**given, engine=la.engines.Integrate())
    np.testing.assert_allclose(found.values, asked(**given).values, rtol=0, atol=1e-6)


# Metrics and specifications.


def test_metrics_are_what_their_names_say(machine, lstm):
    chips = machine.with_imperfection(CAUSE, Streams(seed=5, chips=3))
    batch = np.stack([X, X[::-1]])
    outputs, digital = chips.run(batch, engine="settle").outputs, lstm(batch)
    error = np.abs(outputs.h - digital.h).reshape(3, -1)
    np.testing.assert_array_equal(LargestError(expected=digital.h)(outputs), error.max(axis=1))
    np.testing.assert_allclose(
        RootMeanSquareError(expected=digital.h)(outputs), np.sqrt((error**2).mean(axis=1)), rtol=1e-14
    )
    last = {"answer": lambda told: told.h[..., -1, :]}
    said = outputs.h[:, :, -1].argmax(axis=-1)
    right = LabelAccuracy(labels=np.array([0, 2]), **last)(outputs)
    np.testing.assert_array_equal(right, [np.mean(row == [0, 2]) for row in said])
    assert agreement(digital.h[:, -1], **last)(outputs).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(InvalidShapeError, match=r"^scores must have the axes \(chips, batch, classes\), got \(3, 2, "):
        LabelAccuracy(labels=np.array([0, 2]))(outputs)
    with pytest.raises(InvalidShapeError, match=r"^labels must be at least one, got none: give one a sequence$"):
        LabelAccuracy(labels=[])
    with pytest.raises(InvalidValueError, match="threshold must be finite"):
        LabelAccuracy(labels=np.array([0]), threshold=np.nan)
    one = LabelAccuracy(labels=np.array([1, 0]), answer=lambda told: told.h[..., -1, :1], threshold=0.0)(outputs)
    np.testing.assert_array_equal(one, [np.mean(row == [1, 0]) for row in (outputs.h[:, :, -1, 0] > 0.0).astype(int)])


def test_a_whole_model_answers_for_every_chip(machine, lstm):
    """With padded steps: what is masked, pooled and scored stays numbers around each chip."""
    model = la.Model(
        lstm=lstm,
        after=(la.model.Dense(weights=np.array([[1.0, -2.0, 0.5]]), bias=np.array([0.1])),),
        final=True,
    )
    batch = np.stack([X, X[::-1]])
    fed = model.encode(batch, [4, 2])
    answer = ModelAnswer(model=model, fed=fed)
    metric = LargestError(expected=model(batch, lengths=[4, 2]), answer=answer)
    given = {"metric": metric, "spec": Spec(at_most=0.1), "chips": 5, "seed": 5}
    found = yield_of(machine, CAUSE, fed.x, lengths=fed.lengths, **given)
    assert found.nominal < 1e-9
    for number in range(5):
        run = found.chip(number).run(fed.x, lengths=fed.lengths, engine="settle")
        error = np.abs(model.decode(run.outputs, fed) - model(batch, lengths=[4, 2])).max()
        assert abs(error - found.values[number]) < 1e-14


def padded_and_not(machine, error_of, lengths):
    """Return the errors of two chips over a ragged batch, and by numpy over the valid steps of each sequence."""
    chips, batch = machine.with_imperfection(CAUSE, Streams(seed=5, chips=2)), np.stack([X, X[::-1]])
    run = chips.run(batch, lengths=lengths, engine="settle")
    digital = [sequence[:length] for sequence, length in zip(batch, lengths, strict=True)]
    found = [np.concatenate([h[:n].ravel() for h, n in zip(chip, lengths, strict=True)]) for chip in run.h]
    return error_of(run.outputs, batch), np.array(found), digital


def test_errors_of_ragged_batches_are_those_of_valid_steps(machine, lstm):
    def error_of(outputs, batch):
        return RootMeanSquareError(expected=lstm(batch, lengths=[4, 1]).h)(outputs)

    errors, found, digital = padded_and_not(machine, error_of, [4, 1])
    away = found - np.concatenate([lstm(each).h.ravel() for each in digital])
    np.testing.assert_allclose(errors, np.sqrt((away**2).mean(axis=1)), rtol=1e-13)


def test_padding_is_left_out_of_other_answers_that_have_a_value_a_step(machine, lstm):
    def first(outputs):
        return outputs.h[..., :1]

    expected = lstm(np.stack([X, X[::-1]]), lengths=[4, 1]).h
    errors, found, digital = padded_and_not(
        machine, lambda told, _: RootMeanSquareError(expected=expected[..., :1], answer=first)(told), [4, 1]
    )
    away = found.reshape(2, -1, 3)[..., 0] - np.concatenate([lstm(each).h[:, 0] for each in digital])
    np.testing.assert_allclose(errors, np.sqrt((away**2).mean(axis=1)), rtol=1e-13)
    batch = np.stack([X, X[::-1]])
    told = machine.with_imperfection(CAUSE, Streams(seed=5, chips=2)).run(batch, lengths=[4, 1], engine="settle")
    ambiguous = RootMeanSquareError(expected=expected[..., 0], answer=lambda outputs: outputs.h[..., 0])
    with pytest.raises(InvalidShapeError, match=r"^an answer must show whether it is one a step, got \(2, 2, 4\) of 4"):
        ambiguous(told.outputs)
    joined = RootMeanSquareError(expected=expected[..., 0].ravel(), answer=lambda told: told.h[..., 0].reshape(2, -1))
    assert (joined(told.outputs) < errors).all(), "all numbers count where axes are joined"
    last = RootMeanSquareError(expected=expected[:, 0], answer=lambda outputs: outputs.h[..., 0, :])
    assert last(told.outputs).shape == (2,)


def test_converters_read_no_padding(machine, lstm):
    """0 is outside their range, so that padding was read as its lower end."""
    shifted = machine.with_imperfection(la.imperfections.OutputConverter(bits=20, low=0.5, high=1.5), Streams(seed=1))
    batch = np.stack([X, X[::-1]])
    outputs = shifted.run(batch, lengths=[4, 1], engine="settle").outputs
    assert (outputs.h[1, 1:] == 0.0).all()
    assert (outputs.h[1, 0] >= 0.5).all()
    assert outputs.lengths.tolist() == lstm(batch, lengths=[4, 1]).lengths.tolist() == [4, 1]


def test_a_specification_bounds_one_side():
    values = np.array([0.1, 0.2, np.nan, 0.3])
    assert (Spec(at_most=0.2).excess(values) <= 0).tolist() == [True, True, False, False]
    assert (Spec(at_least=0.2).excess(values) <= 0).tolist() == [False, True, False, True]
    assert str(Spec(at_least=0.0)) == "at least 0"
    assert Spec(at_least=0.0).limit == 0.0


def test_the_same_chips_are_judged_by_another_specification(asked):
    found = asked()
    assert 0 < found.passing < 40
    assert replace(found, spec=Spec(at_most=float(found.values.max()))).fraction == 1.0
    assert found.worst(40)[-1] == found.values.argmin()
    assert found.worst(1)[0] == found.values.argmax()
    assert replace(found, spec=Spec(at_least=0.1)).worst(1)[0] == found.values.argmin()


def test_yield_falls_with_the_strength_of_its_cause(asked):
    found = yield_curve(
        lambda sigma: asked(imperfections=ProgrammingError(sigma=sigma), chips=60, lot_size=60),
        [0.0, 0.003, 0.01, 0.03],
    )
    assert found.fractions[0] == 1.0
    assert (np.diff(found.fractions) <= 0.0).all()
    assert found.fractions[-1] < 0.8
    assert ((found.intervals[:, 0] <= found.fractions) & (found.fractions <= found.intervals[:, 1])).all()
    assert repr(found).splitlines()[1].split() == ["0", *str(found.yields[0]).split()]


def test_what_is_no_curve_is_refused(asked):
    found = asked(chips=2)
    with pytest.raises(InvalidShapeError, match=r"^strengths must be a vector of one at least, got shape \(0,\): give"):
        yield_curve(lambda strength: found, [])
    with pytest.raises(InvalidTypeError, match=r"^ask must return a Yield, got 0.5: call yield_of in it$"):
        yield_curve(lambda strength: strength, [0.5])
    with pytest.raises(InvalidTypeError, match=r"^ask must be a function of one strength, got TypeError: .*: call"):
        yield_curve(lambda: found, [0.5])
    with pytest.raises(InvalidShapeError, match=r"^yields must be one a strength, got 1 for strengths \(2,\): take"):
        YieldCurve(strengths=[0.1, 0.2], yields=(found,))


# What is refused.


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"chips": 0}, InvalidValueError, r"^chips must be 1 to 1000000000, got 0: give a whole number there$"),
        ({"lot_size": -1}, InvalidValueError, r"^lot_size must be 1 to 1000000000, got -1: give"),
        ({"ahead": 2**70}, InvalidValueError, r"^ahead must be 1 to 1000000000, got 1180591620717411303424: give"),
        ({"chips": 2.5}, InvalidTypeError, r"^chips must be a whole number, got 2.5: give that$"),
        ({"seed": -1}, InvalidValueError, r"^streams seed must be a whole number >= 0, got -1: count from there$"),
        ({"level": 1.0}, InvalidValueError, r"^level must be between 0 and 1, got 1.0: give e.g. 0.95$"),
        ({"level": 1.0 - 2.0**-53}, InvalidValueError, r"^level must be between 0 and 1, got 0.9999999999999999: "),
        ({"until": 0.0}, InvalidValueError, r"^until must be between 0 and 0.5, got 0.0: give half the width of the"),
        ({"timeout": 3.0}, InvalidValueError, r"^timeout must come with an executor, got none: give e.g. executor="),
        (
            {"timeout": -1.0, "executor": ThreadPoolExecutor},
            InvalidValueError,
            r"^timeout must be positive and finite, got -1.0: give seconds, or None for no limit$",
        ),
        ({"executor": int}, InvalidTypeError, r"^executor must be an Executor or make one, got 0: give e.g. Process"),
        ({"spec": 0.1}, InvalidTypeError, r"^spec must be Spec, got 0.1: give that$"),
        ({"machine": "opamp"}, InvalidTypeError, r"^machine must be a Machine, got 'opamp': give what la.compile"),
        ({"imperfections": 0.05}, InvalidTypeError, r"^imperfection must be a known record, got float: take a record"),
        ({"x": X[:, :1]}, InvalidShapeError, r"^features of x must be 2, got 1"),
        ({"engine": "setle"}, InvalidValueError, r"did you mean 'settle'\?$"),
        (
            {"metric": lambda outputs: outputs.h},
            InvalidShapeError,
            r"^the metric must have shape \(1,\), got \(1, 4, 3\): return one number a chip",
        ),
        (
            {"metric": lambda outputs: outputs.h / "x"},
            InvalidValueError,
            r"^the metric must take the outputs of several chips, got TypeError: .*: return one number a chip",
        ),
        (
            {"metric": lambda outputs: np.array(["good"])},
            InvalidTypeError,
            r"^the metric must make real numbers, got <U4: return one number a chip",
        ),
        (
            {"metric": LargestError(expected=np.zeros(3))},
            InvalidShapeError,
            r"^expected must have the shape of one chip's answer, \(4, 3\), got \(3,\): give lstm\(x\).y, or lstm",
        ),
        (
            {"metric": LabelAccuracy(labels=np.array([0, 1, 2]))},
            InvalidShapeError,
            r"^labels must have shape \(4,\), got \(3,\): give a label for each row of scores$",
        ),
        (
            {"metric": LabelAccuracy(labels=np.array([0] * 4), threshold=0.5)},
            InvalidValueError,
            r"^threshold must be given for a single score alone, got 0.5 for \(3,\) scores: give 0.5 for a prob",
        ),
    ],
)
def test_what_is_no_study_is_refused(asked, changes, kind, text):
    with pytest.raises(kind, match=text):
        asked(**changes)


def test_chips_are_drawn_here_and_of_parts_that_are_there(asked, machine):
    many = machine.with_imperfection(CAUSE, Streams(seed=1, chips=3))
    with pytest.raises(InvalidValueError, match=r"^machine must have no axis of chips, got 3 chips: give the machine"):
        asked(machine=many)
    with pytest.raises(NetworkError, match="OpAmp"):
        asked(imperfections=la.imperfections.AmplifierOffset(volts=1e-3))


@pytest.mark.parametrize("sides", [{}, {"at_most": 1.0, "at_least": 0.0}, {"at_most": float("nan")}])
def test_a_specification_has_one_limit(sides):
    with pytest.raises(InvalidValueError, match=r"^a spec must have one finite limit, got at_most=.*, at_l"):
        Spec(**sides)


def test_what_was_not_made_is_not_handed_out(asked):
    found = asked(chips=3)
    assert isinstance(found, Yield)
    with pytest.raises(InvalidValueError, match=r"^chip must be 0 to 2, got 3: count from zero$"):
        found.chip(3)
    with pytest.raises(InvalidValueError, match=r"^count must be 0 to 3, got 4: ask for fewer$"):
        found.worst(4)
    with pytest.raises(InvalidValueError, match=r"^shares must be 0 to 1, got 2: give e.g. 0.9$"):
        found.quantiles(2)
    with pytest.raises(InvalidShapeError, match=r"^shares must be a number or a vector, got \(1, 1\): give one, or a"):
        found.quantiles([[0.5]])
    with pytest.raises(InvalidTypeError, match=r"^answer must be a function, got 3: give that$"):
        LargestError(expected=np.zeros(2), answer=3)
    with pytest.raises(InvalidValueError, match=r"^passing chips must be 0 to all, of one at least, got 4 of 3"):
        wilson_interval(4, 3)


@pytest.mark.parametrize("scores", [(), 1.0, np.zeros((3, 0))])
def test_scores_of_no_class_are_refused(scores: object) -> None:
    with pytest.raises(InvalidShapeError, match="scores must end in an axis of classes"):
        agreement(expected=scores)  # type: ignore[arg-type]
