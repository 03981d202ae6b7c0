"""Sizing: what it chooses is the cheapest of all choices that reach the target, and the next cheaper one does not."""

import csv
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.engines import Settle, Waveform
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, SimulationError, UnsupportedError
from lstm_analog.imperfections import AmplifierOffset, BoreTolerance, DeviceSpread, ProgrammingError, Quantisation
from lstm_analog.show import sizing as draw_sizing
from lstm_analog.study import (
    Build,
    Knob,
    LargestError,
    Reached,
    Spec,
    Target,
    energy_by_price,
    narrowed,
    size,
    usual_knobs,
    wilson_interval,
    yield_of,
)
from lstm_analog.study.knobs import (
    BANDWIDTH,
    BORE,
    CAPACITOR,
    LEVELS,
    OFFSET,
    PHASE_LENGTH,
    PROGRAMMING,
    RANGE,
)
from lstm_analog.study.sampling import ClockedMetric

X = np.random.default_rng(3).uniform(-1.0, 1.0, (4, 2))
CHIPS = 60
TARGET = Target(spec=Spec(at_most=0.0075), share=0.8)
KNOBS = (
    narrowed(PHASE_LENGTH, at_least=7.0, at_most=12.0),
    narrowed(PROGRAMMING, at_least=0.002, at_most=0.02),
)
BEHAVIOURAL = la.electrical.BEHAVIOURAL


@pytest.fixture(scope="module")
def lstm():
    return la.random_lstm(np.random.default_rng(2), 2, 3)


@pytest.fixture(scope="module")
def ask(lstm):
    def asked(**changes):
        given = {
            "make": partial(la.compile, lstm),
            "technology": BEHAVIOURAL,
            "x": X,
            "metric": LargestError(expected=lstm(X).h),
            "target": TARGET,
            "chips": CHIPS,
            "seed": 5,
            "knobs": KNOBS,
        }
        return size(**{**given, **changes})

    return asked


@pytest.fixture(scope="module")
def found(ask):
    return ask()


def sampled(lstm, settling, sigma):
    """Return the yield of a choice as it is sampled: by `Waveform`, on the chips of the next seed."""
    return yield_of(
        la.compile(lstm, BEHAVIOURAL, settling=settling),
        ProgrammingError(sigma=sigma),
        X,
        metric=LargestError(expected=lstm(X).h),
        spec=TARGET.spec,
        chips=CHIPS,
        seed=6,
        engine=Waveform(),
    )


# What is chosen.


def test_the_choice_is_the_cheapest_of_all_that_reach_the_target(lstm, found):
    """Against a look at every choice that costs as much or less, sampled as the chosen one is."""
    costs = {}
    machines = {value: la.compile(lstm, BEHAVIOURAL, settling=float(value)) for value in KNOBS[0].values}
    energies = {
        value: la.study.running_cost(made.run(X, engine=Settle(), keep=la.Keep.EVERYTHING)).energy
        for value, made in machines.items()
    }
    for settling, (sigma, price) in product(KNOBS[0].values, zip(KNOBS[1].values, KNOBS[1].prices, strict=True)):
        cost = energies[settling] * price
        if cost < 1.001 * found.chosen.cost and sampled(lstm, settling, sigma).interval.low >= TARGET.share:
            costs[settling, sigma] = cost
    best = min(costs, key=costs.get)
    assert tuple(each.value for each in found.chosen.offer.values) == best
    assert found.chosen.cost == pytest.approx(costs[best])
    assert found.chosen.reached is Reached.MET
    assert np.array_equal(found.chosen.found.values, sampled(lstm, *best).values)


def test_the_next_cheaper_choice_costs_less_and_misses(found):
    assert found.cheaper is not None
    assert found.cheaper.reached is Reached.MISSED
    assert found.cheaper.cost < found.chosen.cost
    assert found.cheaper.found.interval.high < TARGET.share <= found.chosen.found.interval.low
    assert found.cheaper.excess > 0.0 >= found.chosen.excess


def test_each_choice_that_was_sampled_is_told_by_its_largest_sample(ask, lstm):
    """Half of the chips of the next cheaper choice are within the limit, so that it stays undecided."""
    knob = narrowed(PROGRAMMING, at_least=0.01, at_most=0.02)
    machine, metric = la.compile(lstm, BEHAVIOURAL, settling=24.0), LargestError(expected=lstm(X).h)
    middle = yield_of(machine, ProgrammingError(sigma=0.02), X, metric=metric, spec=TARGET.spec, chips=160, seed=2)
    limit = float(middle.quantiles(0.5))
    found = ask(knobs=(knob,), settling=24.0, target=Target(spec=Spec(at_most=limit), share=0.5), chips=20, seed=1)
    excess = {each.values: each.excess for each in found.tried}
    assert found.cheaper.found.chips > found.chosen.found.chips == 20
    for each in (found.chosen, found.cheaper):
        assert excess[each.offer.values] == each.excess


def test_few_choices_are_judged(found):
    assert found.choices == KNOBS[0].values.size * KNOBS[1].values.size
    assert len(found.tried) < 0.7 * found.choices


def test_it_is_the_same_for_a_seed(ask, found):
    again = ask()
    assert str(again) == str(found)
    assert [(each.cost, each.excess) for each in again.tried] == [(each.cost, each.excess) for each in found.tried]


def test_a_cost_of_the_user_chooses(ask, found):
    """Only the time of a step counts: the finest devices, and the shortest phase that they allow."""
    quick = ask(cost=lambda offer: offer.running.step_time)
    settling, sigma = quick.chosen.offer.values
    assert sigma.value == KNOBS[1].values[-1] or quick.cheaper.cost < quick.chosen.cost
    assert settling.value <= found.chosen.offer.values[0].value


def test_the_knob_that_binds_is_the_one_whose_finest_value_gains_most(ask, found):
    names = {knob.name for knob in KNOBS}
    assert {name for name, _ in found.gains} == names
    assert found.binding == found.gains[0][0]
    assert found.gains[0][1] >= found.gains[1][1] >= 0.0
    alone = ask(knobs=KNOBS[1:], settling=24.0)
    assert alone.binding == "programming error"
    assert "settling" not in str(alone.chosen.offer)


def test_the_cheapest_of_all_has_no_cheaper_one(ask):
    found = ask(knobs=(narrowed(PHASE_LENGTH, at_least=16.0, at_most=16.0),))
    assert found.cheaper is None
    assert "next cheaper: none" in str(found)


@dataclass(frozen=True, kw_only=True)
class Failing:
    """`Waveform`, which fails where a phase is shorter than `least` (s)."""

    least: float

    def run(self, network, schedule, progress=None):
        if schedule.durations[0] < self.least:
            raise SimulationError("smoke")
        return Waveform().run(network, schedule, progress)


def test_choices_that_cannot_be_run_are_passed_over(ask):
    """Only phases of 12 time constants, 12 us, can be run: the next cheaper choice is the next coarser device."""
    found = ask(engine=Failing(least=11e-6))
    chosen, cheaper = ([each.value for each in choice.offer.values] for choice in (found.chosen, found.cheaper))
    assert chosen == [12.0, 0.01]
    assert cheaper == [12.0, 0.02]
    assert found.cheaper.reached is Reached.MISSED
    assert any(np.isinf(each.excess) for each in found.tried)


# What the clock leaves.


def test_screening_adds_what_the_clock_leaves(lstm):
    """Chips at rest and the clock's error of the nominal machine, together, are the chips in time to second order."""
    machine, metric = la.compile(lstm, BEHAVIOURAL, settling=7.0), LargestError(expected=lstm(X).h)
    timed, rest = (machine.run(X, engine=engine, keep=la.Keep.OUTPUTS).h for engine in (Waveform(), Settle()))
    clock = np.abs(timed - rest).max()
    assert clock > 2e-3
    asked = {"spec": TARGET.spec, "chips": 20, "seed": 1}
    cause = ProgrammingError(sigma=0.002)
    whole = yield_of(machine, cause, X, metric=metric, engine=Waveform(), **asked).values
    added = ClockedMetric(metric=metric, h=timed - rest, y=None)
    both = yield_of(machine, cause, X, metric=added, engine=Settle(), **asked).values
    blind = yield_of(machine, cause, X, metric=metric, engine=Settle(), **asked).values
    assert np.abs(both - whole).max() < 0.1 * clock
    assert np.abs(blind - whole).max() > 0.5 * clock


# Targets.


def test_a_target_asks_for_as_many_chips_as_show_it():
    target = Target(spec=Spec(at_most=1.0), share=0.9)
    for chips in (40, 100, 400):
        needed = target.needed(chips)
        assert wilson_interval(needed, chips).low >= 0.9 > wilson_interval(needed - 1, chips).low
    assert target.excess(np.arange(100.0)) == target.needed(100) - 1
    assert str(target) == "90% of the chips at most 1"


def test_too_few_chips_are_refused():
    with pytest.raises(InvalidValueError, match=r"chips must be enough to show a yield of 0\.9, got 10: take more"):
        Target(spec=Spec(at_most=1.0), share=0.9).needed(10)
    with pytest.raises(InvalidValueError, match=r"target share must be between 0 and 1, got 1\.0: give e\.g\. 0\.9"):
        Target(spec=Spec(at_most=1.0), share=1.0)


def test_a_target_out_of_reach_is_refused(ask):
    with pytest.raises(InvalidValueError, match=r"^the target must be reached by the finest values \(80% of the chips"):
        ask(target=Target(spec=Spec(at_most=1e-6), share=0.8))


# Knobs.


def test_each_knob_turns_what_it_says():
    start = Build(technology=la.electrical.OPAMP, settling=24.0, imperfections=(DeviceSpread(share=0.5),))
    assert PHASE_LENGTH.turn(start, 9.0).settling == 9.0
    assert BANDWIDTH.turn(start, 2e6).technology.amplifier.gain_bandwidth == 2e6
    assert CAPACITOR.turn(start, 22e-12).technology.hold.capacitance == 22e-12
    made = RANGE.turn(start, 10.0).technology.crossbar
    assert made.largest / made.least == pytest.approx(10.0)
    graded = ((PROGRAMMING, ProgrammingError(sigma=0.1)), (OFFSET, AmplifierOffset(volts=0.1)))
    graded += ((LEVELS, Quantisation(levels=8.0)), (BORE, BoreTolerance(sigma=0.1)))
    for knob, record in graded:
        value = 8.0 if knob is LEVELS else 0.1
        assert knob.turn(start, value).imperfections == (DeviceSpread(share=0.5), record)
    again = PROGRAMMING.turn(PROGRAMMING.turn(start, 0.2), 0.1)
    assert again == PROGRAMMING.turn(start, 0.1), "in place of its own kind"


def test_usual_knobs_fit_their_technology():
    for technology in (BEHAVIOURAL, la.electrical.OPAMP, la.hydraulic.OIL):
        build = Build(technology=technology, settling=3.0)
        for knob in usual_knobs(technology):
            assert knob.turn(build, float(knob.values[-1])) != build
    with pytest.raises(UnsupportedError, match="technology must have known knobs, got Bicmos: give knobs="):
        usual_knobs(la.electrical.BICMOS)
    with pytest.raises(UnsupportedError, match="technology must be of op-amps for this knob, got Behavioural"):
        BANDWIDTH.turn(Build(technology=BEHAVIOURAL, settling=24.0), 1e6)


def test_grades_cost_more_the_finer_they_are():
    assert np.all(np.diff(OFFSET.prices) > 0.0)
    assert OFFSET.prices[-1] == pytest.approx(np.sqrt(OFFSET.values[0] / OFFSET.values[-1]))
    assert np.all(PHASE_LENGTH.prices == 1.0), "what it costs is in the energy of a step"


def test_knobs_that_are_none_are_refused(ask):
    with pytest.raises(InvalidShapeError, match="values and prices must be equally many"):
        replace(OFFSET, prices=np.ones(2))
    with pytest.raises(InvalidValueError, match="offset grade prices must be positive and not fall"):
        replace(OFFSET, prices=OFFSET.prices[::-1])
    with pytest.raises(InvalidValueError, match=r"phase length values must rise or fall, got .*: put the coarsest"):
        replace(PHASE_LENGTH, values=np.roll(PHASE_LENGTH.values, 3))
    with pytest.raises(InvalidValueError, match="range of offset grade must hold one of"):
        narrowed(OFFSET, at_least=1.0, at_most=2.0)
    with pytest.raises(InvalidValueError, match="knobs must be one at least, each of another name"):
        ask(knobs=(PHASE_LENGTH, PHASE_LENGTH))
    with pytest.raises(InvalidTypeError, match="turn must be"):
        Knob(name="a", unit="1", values=np.ones(1), prices=np.ones(1), turn=3, source="none")


def test_a_turn_and_a_maker_that_return_something_else_are_refused(ask):
    none = replace(PHASE_LENGTH, turn=lambda build, value: None)
    with pytest.raises(InvalidTypeError, match="turn of phase length must return a Build, got None: "):
        ask(knobs=(none,))
    with pytest.raises(InvalidTypeError, match="machine must be a Machine, got 3: "):
        ask(make=lambda technology, settling: 3)


def test_a_cost_that_is_none_is_refused(ask):
    with pytest.raises(InvalidValueError, match=r"cost must be positive and finite, got -1\.0: return what"):
        ask(cost=lambda offer: -1.0)
    with pytest.raises(InvalidTypeError, match="cost must be a number, got 'dear': return a number"):
        ask(cost=lambda offer: "dear")


# What is told.


def test_a_sizing_says_what_it_found(found, tmp_path):
    told = str(found)
    for text in ("target: 80% of the chips at most 0.0075", "chosen: phase length", ": met", "not met", "binding:"):
        assert text in told
    assert repr(found).startswith("Sizing")
    found.write(tmp_path / "tried.csv")
    with (tmp_path / "tried.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(found.tried)
    assert [float(row["excess"]) for row in rows] == [each.excess for each in found.tried]
    assert list(rows[0])[:2] == ["phase length (time constants)", "programming error (of Gmax)"]
    assert energy_by_price(found.chosen.offer) == found.chosen.cost


def test_a_sizing_is_drawn(found):
    figure = draw_sizing(found, "energy", "error of h")
    (axes,) = figure.axes
    good, bad, limit, *rings = axes.get_lines()
    assert good.get_xdata().size + bad.get_xdata().size == len(found.tried)
    assert good.get_ydata().max() <= TARGET.spec.limit < bad.get_ydata().min()
    assert limit.get_ydata() == [TARGET.spec.limit] * 2
    assert [ring.get_xdata()[0] for ring in rings] == [found.chosen.cost, found.cheaper.cost]
    assert [text.get_text() for text in axes.texts] == ["chosen", "next cheaper"]
    assert axes.get_xlabel() == "energy"
    figure.draw_without_rendering()
