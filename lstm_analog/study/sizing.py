"""Size a machine: from a target to the cheapest values of its knobs, with a Monte Carlo that shows it."""

from collections.abc import Callable
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked
from lstm_analog.engines import EngineLike, Waveform
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain
from lstm_analog.study.cheapest import Position, next_cheaper, search
from lstm_analog.study.knobs import Build, Knob, usual_knobs
from lstm_analog.study.lot_study import count_rule
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.metrics import Metric
from lstm_analog.study.sampling import Choices, MachineMaker
from lstm_analog.study.sizing_result import Choice, Gains, Offer, Reached, Sizing, Target, Tried
from lstm_analog.study.yield_result import Yield

SETTLING = 24.0
"""Default settling where the phase length is no knob: it leaves 4e-11 of a unit step by one pole."""
_MOST = 8
"""Largest number of chips, over the usual one, by which it is decided whether the next cheaper choice meets the target.
Larger: slower where it nearly does."""
Cost: TypeAlias = Callable[[Offer], float]
"""Function from an offer to its cost."""


@checked
def energy_by_price(offer: Offer) -> float:
    """Return the energy of a step (J) times the relative prices of the grades of an `offer`: the usual cost."""
    return offer.running.energy * offer.price


@checked
def size(
    make: MachineMaker[AnyDesign],
    technology: object,
    x: ArrayLike,
    *,
    metric: Metric,
    target: Target,
    chips: Annotated[int, count_rule("chips")],
    seed: int,
    knobs: tuple[Knob, ...] | None = None,
    imperfections: tuple[object, ...] = (),
    settling: float = SETTLING,
    cost: Cost = energy_by_price,
    engine: EngineLike = None,
) -> Sizing[AnyDesign]:
    """Return the cheapest values of `knobs` with which chips reach a `target`, and the next cheaper ones that do not.

    Both are built and sampled by the `engine`. An error of the metric is taken not to grow from a coarser value of a
    knob to a finer one; if it does, choices that were ruled out by it may be good, but what is returned was sampled.

    Parameters
    ----------
    make : MachineMaker
        Makes a machine: `partial(la.compile, lstm)`, with its other arguments if need be.
    technology : Technology
        What the knobs turn, such as `electrical.OPAMP`.
    x : (batch, time, inputs) or (time, inputs)
        Input of every chip.
    metric : Metric
        Gives one number per chip, as in `yield_of`.
    target : Target
        The condition on the metric, and the share of the chips that meet it.
    chips, seed : int, int
        Number of chips for each choice, and their seed. Chips that show that the target is met have the next seed.
    knobs : tuple of Knob, optional
        What can be turned: `usual_knobs(technology)` unless given.
    imperfections : tuple of records
        Imperfections beside those that knobs set.
    settling : float
        Length of a phase in time constants, if no knob sets it.
    cost : Cost
        Function from an `Offer` to its cost: `energy_by_price` unless given. It must not fall from coarser to finer.
    engine : Engine or name, optional
        The engine that samples: `Waveform()` unless given, which shows what the clock leaves.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument is wrong, a cost is no positive number, or the finest values of all knobs miss the target.
    SimulationError, UnsupportedError
        If the costs of a choice cannot be found, no knobs of the technology are known, or engines refuse the machine.
    """
    target.needed(int(chips))
    choices = Choices(
        make=make,
        start=Build(technology=technology, settling=settling, imperfections=imperfections),
        knobs=usual_knobs(technology) if knobs is None else _checked_knobs(knobs),
        x=floats(x, "x"),
        metric=metric,
        target=target,
        chips=int(chips),
        seed=int(seed),
        engine=chosen_engine(engine, Waveform()),
    )
    return _sized(choices, _costs(choices, cost))


def _sized(choices: Choices[AnyDesign], costs: Floats) -> Sizing[AnyDesign]:
    place = search(costs, choices.screen, choices.judge, choices.ideal())
    if place is None:
        raise _refusal(choices)
    chosen, cheaper = _choice(choices, place, costs, choices.sample(place)), _resolved(choices, place, costs)
    while cheaper is not None and cheaper[1].reached is Reached.MET:
        (place, chosen), cheaper = cheaper, _resolved(choices, cheaper[0], costs)
    return Sizing(
        target=choices.target,
        chosen=chosen,
        cheaper=None if cheaper is None else cheaper[1],
        gains=_gains(choices, place),
        tried=_tried(choices, costs),
        choices=costs.size,
    )


def _checked_knobs(knobs: tuple[Knob, ...]) -> tuple[Knob, ...]:
    names = [knob.name for knob in knobs]
    if not names or len(set(names)) != len(names):
        do = "give each once"
        raise InvalidValueError(explain("knobs", must="be one at least, each of another name", got=names, do=do))
    return knobs


def _costs(choices: Choices[AnyDesign], cost: Cost) -> Floats:
    """Return the cost of every choice, an array with an axis for each knob."""
    costs = np.empty([knob.values.size for knob in choices.knobs])
    for place in np.ndindex(costs.shape):
        told: object = cost(choices.offer(place))
        if isinstance(told, bool) or not isinstance(told, int | float | np.floating):
            do = "return a number for each offer"
            raise InvalidTypeError(explain("cost", must="be a number", got=ascii(told)[:80], do=do))
        costs[place] = told
    if not (np.isfinite(costs) & (costs > 0.0)).all():
        got, do = float(costs.min()), "return what an offer costs"
        raise InvalidValueError(explain("cost", must="be positive and finite", got=got, do=do))
    return costs


def _refusal(choices: Choices[AnyDesign]) -> InvalidValueError:
    finest = choices.finest
    beyond, values = choices.judge(finest), ", ".join(map(str, choices.values(finest)))
    do = "give finer values, other knobs, a wider spec, or more chips"
    must = f"be reached by the finest values ({choices.target})"
    return InvalidValueError(explain("the target", must=must, got=f"{beyond:.3g} beyond the limit by {values}", do=do))


def _choice(choices: Choices[AnyDesign], place: Position, costs: Floats, found: Yield[AnyDesign]) -> Choice[AnyDesign]:
    return Choice(offer=choices.offer(place), cost=float(costs[place]), found=found, target=choices.target)


def _resolved(choices: Choices[AnyDesign], place: Position, costs: Floats) -> tuple[Position, Choice[AnyDesign]] | None:
    """Return the next cheaper choice than that at a `place`, sampled until it is decided whether it meets the target.

    The number of chips is doubled up to `_MOST` times the usual one. Choices that cannot be run are passed over. None
    if there is no cheaper choice.
    """
    cheaper = next_cheaper(costs, place)
    while cheaper is not None and not choices.can_run(cheaper):
        cheaper = next_cheaper(costs, cheaper)
    if cheaper is None:
        return None
    choice, times = _choice(choices, cheaper, costs, choices.sample(cheaper)), 2
    while choice.reached is Reached.UNDECIDED and times <= _MOST:
        choice, times = _choice(choices, cheaper, costs, choices.sample_more(cheaper, times)), 2 * times
    return cheaper, choice


def _gains(choices: Choices[AnyDesign], place: Position) -> Gains:
    """Return for each knob how far the screened excess at a `place` falls with it alone at its finest value."""
    here, gains = choices.screen(place), []
    for axis, knob in enumerate(choices.knobs):
        finer = (*place[:axis], knob.values.size - 1, *place[axis + 1 :])
        there = choices.screen(finer)
        gains.append((knob.name, here - there if here > there else 0.0))  # both may be infinite
    return tuple(sorted(gains, key=lambda gain: -gain[1]))


def _tried(choices: Choices[AnyDesign], costs: Floats) -> tuple[Tried, ...]:
    """Return all choices that were screened or sampled, with the excess by the largest sample where there is one."""
    sampled = {place: choices.excess(found) for place, found in choices.sampled.items()}
    return tuple(
        Tried(values=choices.values(place), cost=float(costs[place]), excess=excess)
        for place, excess in (choices.screened | sampled).items()
    )
