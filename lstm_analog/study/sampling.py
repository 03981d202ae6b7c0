"""Judge the choices of a sizing: build each, screen its chips as at rest, sample those that pass by their waveforms.

Chips are screened by `Settle`, which takes every phase as at rest and does not show what the clock leaves. That error
is the same for all chips to first order: the difference of the outputs by `Waveform` and by `Settle` of the machine
without imperfections is added to the outputs of every chip. What passes is sampled by `Waveform` on other chips.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines import Engine, Settle
from lstm_analog.errors import InvalidTypeError, SimulationError, explain
from lstm_analog.model.sequences import Outputs
from lstm_analog.study.cheapest import Position
from lstm_analog.study.keeping import Keep
from lstm_analog.study.knobs import Build, Knob
from lstm_analog.study.lots import AnyDesign, Design, as_one_chip, check_design
from lstm_analog.study.metrics import Metric, measured
from lstm_analog.study.running_cost import RunningCost, running_cost
from lstm_analog.study.sizing_result import KnobValue, Offer, Target
from lstm_analog.study.yield_result import Yield
from lstm_analog.study.yields import yield_of

_COSTED = 6
"""Steps of the run whose running cost is computed. More: slower, and nearer to the mean over all inputs."""
_Made_co = TypeVar("_Made_co", bound=Design, covariant=True)


class MachineMaker(Protocol[_Made_co]):
    """A function that makes machines without imperfections; `partial(la.compile, lstm)` is one."""

    def __call__(self, technology: object, *, settling: float) -> _Made_co:
        """Return the machine built in `technology`, its phases of `settling` time constants."""
        ...


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class ClockedMetric:
    """A `metric` of chips that were run as at rest, with what the clock leaves added to their h and y.

    `h` and `y` have the shape of the outputs of one chip; y is None without a head.
    """

    metric: Metric
    h: Floats
    y: Floats | None

    def __call__(self, outputs: Outputs) -> Floats:
        """Return the metric of each chip of `outputs`, (chips,)."""
        y = None if outputs.y is None or self.y is None else outputs.y + self.y
        return self.metric(replace(outputs, h=outputs.h + self.h, y=y))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Built(Generic[AnyDesign]):
    """A `machine` without imperfections, which choices of one technology and settling share; rest as in `Choices`."""

    machine: AnyDesign
    x: Floats
    metric: Metric
    engine: Engine

    @cached_property
    def running(self) -> RunningCost:
        """The cost of a short run of the machine, by the engine that samples where `Settle` finds no rest."""
        x = self.x[..., :_COSTED, :]
        try:
            return running_cost(self.machine.run(x, engine=Settle(), keep=Keep.EVERYTHING))
        except SimulationError:
            return running_cost(self.machine.run(x, engine=self.engine, keep=Keep.EVERYTHING))

    @cached_property
    def screening(self) -> tuple[Metric, Engine] | None:
        """The metric and the engine that screen the chips of the machine; None if it cannot be run.

        That is `Settle` with what the clock leaves, or the engine that samples where `Settle` finds no rest.
        """
        try:
            timed = self.machine.run(self.x, engine=self.engine, keep=Keep.OUTPUTS)
        except SimulationError:
            return None
        try:
            rest = self.machine.run(self.x, engine=Settle(), keep=Keep.OUTPUTS)
        except SimulationError:
            return self.metric, self.engine
        given, settled = timed.outputs, rest.outputs
        y = None if given.y is None or settled.y is None else given.y - settled.y
        return ClockedMetric(metric=self.metric, h=given.h - settled.h, y=y), Settle()


@dataclass(frozen=True, kw_only=True, eq=False)
class Choices(Generic[AnyDesign]):
    """The choices of a sizing, each a `place` on the lattice of the knobs' values; built and judged when asked for.

    Attributes
    ----------
    make : MachineMaker
        Makes machines.
    start : Build
        The build whose values the knobs change.
    knobs, target : tuple of Knob, Target
        As in `size`.
    x, metric, chips, seed : float array, Metric, int, int
        As in `yield_of`. Chips are screened with the seed, and sampled with the next one.
    engine : Engine
        The engine that samples.
    screened : dict
        The excess by the screening of each place, in the order in which choices were judged.
    sampled : dict
        The yield of the largest sample at each place.
    """

    make: MachineMaker[AnyDesign]
    start: Build
    knobs: tuple[Knob, ...]
    x: Floats
    metric: Metric
    target: Target
    chips: int
    seed: int
    engine: Engine
    screened: dict[Position, float] = field(default_factory=dict, init=False)
    sampled: dict[Position, Yield[AnyDesign]] = field(default_factory=dict, init=False)
    _made: dict[tuple[object, float], _Built[AnyDesign]] = field(default_factory=dict, init=False)

    @property
    def finest(self) -> Position:
        """The place of the finest values of all knobs."""
        return tuple(knob.values.size - 1 for knob in self.knobs)

    def build(self, place: Position) -> Build:
        """Return the build at a `place`; `InvalidTypeError` if a knob makes none."""
        build = self.start
        for knob, number in zip(self.knobs, place, strict=True):
            turned: object = knob.turn(build, float(knob.values[number]))
            if not isinstance(turned, Build):
                what, do = f"turn of {knob.name}", "return the build with the value, by replace"
                raise InvalidTypeError(explain(what, must="return a Build", got=ascii(turned)[:80], do=do))
            build = turned
        return build

    def values(self, place: Position) -> tuple[KnobValue, ...]:
        """Return what each knob is set to at a `place`."""
        return tuple(
            KnobValue(name=knob.name, value=float(knob.values[number]), unit=knob.unit)
            for knob, number in zip(self.knobs, place, strict=True)
        )

    def _built(self, place: Position) -> _Built[AnyDesign]:
        """Return the machine at a `place`, made once for each technology and settling."""
        build = self.build(place)
        key = build.technology, build.settling
        if key not in self._made:
            machine = self.make(build.technology, settling=build.settling)
            check_design(machine)
            self._made[key] = _Built(machine=machine, x=self.x, metric=self.metric, engine=self.engine)
        return self._made[key]

    def offer(self, place: Position) -> Offer:
        """Return the choice at a `place` with its running cost and price."""
        price = float(np.prod([knob.prices[number] for knob, number in zip(self.knobs, place, strict=True)]))
        running = self._built(place).running
        return Offer(values=self.values(place), build=self.build(place), running=running, price=price)

    def ideal(self) -> float:
        """Return the excess of the finest choice without imperfections; infinite if it cannot be run."""
        try:
            run = self._built(self.finest).machine.run(self.x, engine=self.engine, keep=Keep.OUTPUTS)
        except SimulationError:
            return np.inf
        return float(self.target.spec.excess(measured(self.metric, as_one_chip(run.outputs), 1))[0])

    def can_run(self, place: Position) -> bool:
        """Return whether the machine at a `place` can be run."""
        return self._built(place).screening is not None

    def judge(self, place: Position) -> float:
        """Return the excess at a `place`: by `Settle`, and if that meets the target by the engine on other chips."""
        screened = self.screen(place)
        return self.excess(self.sample(place)) if screened <= 0.0 else screened

    def screen(self, place: Position) -> float:
        """Return the excess at a `place` by `Settle`, with what the clock leaves; infinite if it cannot be run."""
        if place not in self.screened:
            way = self._built(place).screening
            self.screened[place] = np.inf if way is None else self.excess(self._yield(place, *way, self.seed))
        return self.screened[place]

    def sample(self, place: Position) -> Yield[AnyDesign]:
        """Return the yield at a `place` by the engine, on chips that the screening did not see."""
        return self.sampled[place] if place in self.sampled else self.sample_more(place, 1)

    def sample_more(self, place: Position, times: int) -> Yield[AnyDesign]:
        """Return the yield at a `place` as `sample` does, of so many `times` the number of chips."""
        self.sampled[place] = self._yield(place, self.metric, self.engine, self.seed + 1, times)
        return self.sampled[place]

    def excess(self, found: Yield[AnyDesign]) -> float:
        """Return the excess of a yield `found` beyond the limit of the target."""
        return self.target.excess(self.target.spec.excess(found.values))

    def _yield(self, place: Position, metric: Metric, engine: Engine, seed: int, times: int = 1) -> Yield[AnyDesign]:
        return yield_of(
            self._built(place).machine,
            self.build(place).imperfections,
            self.x,
            metric=metric,
            spec=self.target.spec,
            chips=times * self.chips,
            seed=seed,
            engine=engine,
            level=self.target.level,
        )
