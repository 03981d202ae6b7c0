"""Judge the choices of a sizing: build each, screen its chips as at rest, sample those that pass by their waveforms.

Chips are screened by `Settle`, which takes every phase as at rest and does not show what the clock leaves. That error
is the same for all chips to first order: the difference of the outputs by `Waveform` and by `Settle` of the machine
without imperfections is added to the outputs of every chip. What passes is sampled by `Waveform` on other chips.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Generic, Protocol, TypeVar

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.engines import Engine, Settle
from lstm_analog.errors import SimulationError
from lstm_analog.model.sequences import Outputs
from lstm_analog.study.cheapest import Position
from lstm_analog.study.keeping import Keep
from lstm_analog.study.knobs import Build, Knob
from lstm_analog.study.lots import AnyDesign, Design, beside
from lstm_analog.study.metrics import Metric, measured
from lstm_analog.study.running_cost import RunningCost, running_cost
from lstm_analog.study.sizing_result import KnobValue, Offer, Target
from lstm_analog.study.yield_result import Yield
from lstm_analog.study.yields import yield_of

_COSTED = 6
"""Steps of the run whose running cost is computed. More: slower, and nearer to the mean over all inputs."""
_Made_co = TypeVar("_Made_co", bound=Design, covariant=True)


class MachineMaker(Protocol[_Made_co]):
    """What makes machines without imperfections; `partial(la.compile, lstm)` is one."""

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
class Sampling(Generic[AnyDesign]):
    """What is the same for all choices of a sizing; a choice is a `place` on the lattice of the values of all knobs.

    Attributes
    ----------
    make : MachineMaker
        Makes machines.
    start : Build
        What the knobs turn.
    knobs, target : tuple of Knob, Target
        As in `size`.
    x, metric, chips, seed : float array, Metric, int, int
        As in `yield_of`. Chips are screened with the seed, and sampled with the next one.
    engine : Engine
        The engine that samples.
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

    @property
    def finest(self) -> Position:
        """The place of the finest values of all knobs."""
        return tuple(knob.values.size - 1 for knob in self.knobs)

    def build(self, place: Position) -> Build:
        """Return the build at a `place`."""
        build = self.start
        for knob, number in zip(self.knobs, place, strict=True):
            build = knob.turn(build, float(knob.values[number]))
        return build

    def values(self, place: Position) -> tuple[KnobValue, ...]:
        """Return what each knob is set to at a `place`."""
        return tuple(
            KnobValue(name=knob.name, value=float(knob.values[number]), unit=knob.unit)
            for knob, number in zip(self.knobs, place, strict=True)
        )

    def running(self, machine: AnyDesign) -> RunningCost:
        """Return what `machine` takes in a short run, by the engine that samples where `Settle` finds no rest."""
        x = self.x[..., :_COSTED, :]
        try:
            return running_cost(machine.run(x, engine=Settle(), keep=Keep.EVERYTHING))
        except SimulationError:
            return running_cost(machine.run(x, engine=self.engine, keep=Keep.EVERYTHING))

    def screening(self, machine: AnyDesign) -> tuple[Metric, Engine] | None:
        """Return the metric and the engine that screen the chips of `machine`; None if it cannot be run.

        That is `Settle` with what the clock leaves, or the engine that samples where `Settle` finds no rest.
        """
        try:
            timed = machine.run(self.x, engine=self.engine, keep=Keep.OUTPUTS)
        except SimulationError:
            return None
        try:
            rest = machine.run(self.x, engine=Settle(), keep=Keep.OUTPUTS)
        except SimulationError:
            return self.metric, self.engine
        given, settled = timed.outputs, rest.outputs
        y = None if given.y is None or settled.y is None else given.y - settled.y
        return ClockedMetric(metric=self.metric, h=given.h - settled.h, y=y), Settle()

    def excess(self, found: Yield[AnyDesign]) -> float:
        """Return the excess of a yield `found` beyond the limit of the target."""
        return self.target.excess(self.target.spec.excess(found.values))


class SizingBuilder(Generic[AnyDesign]):
    """Builds, screens and samples the choices of a `sampling` when they are asked for, and keeps what it found.

    `screened` has the excess by the screening, in the order in which choices were judged, and `sampled` the yield of
    the largest sample, by place. A machine is made once for each technology and settling.
    """

    def __init__(self, sampling: Sampling[AnyDesign]) -> None:
        """Start without any choice."""
        self.sampling = sampling
        self.screened = dict[Position, float]()
        self.sampled = dict[Position, Yield[AnyDesign]]()
        self._made = cache(lambda technology, settling: sampling.make(technology, settling=settling))
        self._running = cache(lambda *made_of: sampling.running(self._made(*made_of)))
        self._screening = cache(lambda *made_of: sampling.screening(self._made(*made_of)))

    def machine(self, place: Position) -> AnyDesign:
        """Return the machine at a `place` without its imperfections."""
        return self._made(*self._made_of(place))

    def _made_of(self, place: Position) -> tuple[object, float]:
        build = self.sampling.build(place)
        return build.technology, build.settling

    def offer(self, place: Position) -> Offer:
        """Return what the choice at a `place` takes."""
        asked, running = self.sampling, self._running(*self._made_of(place))
        price = float(np.prod([knob.prices[number] for knob, number in zip(asked.knobs, place, strict=True)]))
        return Offer(values=asked.values(place), build=asked.build(place), running=running, price=price)

    def ideal(self) -> float:
        """Return the excess of the finest choice without imperfections; infinite if it cannot be run."""
        asked = self.sampling
        try:
            run = self.machine(asked.finest).run(asked.x, engine=asked.engine, keep=Keep.OUTPUTS)
        except SimulationError:
            return np.inf
        return float(asked.target.spec.excess(measured(asked.metric, beside(run.outputs), 1))[0])

    def can_run(self, place: Position) -> bool:
        """Return whether the machine at a `place` can be run."""
        return self._screening(*self._made_of(place)) is not None

    def judge(self, place: Position) -> float:
        """Return the excess at a `place`: by `Settle`, and if that meets the target by the engine on other chips."""
        screened = self.screen(place)
        return self.sampling.excess(self.sample(place)) if screened <= 0.0 else screened

    def screen(self, place: Position) -> float:
        """Return the excess at a `place` by `Settle`, with what the clock leaves; infinite if it cannot be run."""
        if place not in self.screened:
            way, seed = self._screening(*self._made_of(place)), self.sampling.seed
            self.screened[place] = np.inf if way is None else self.sampling.excess(self._yield(place, *way, seed))
        return self.screened[place]

    def sample(self, place: Position) -> Yield[AnyDesign]:
        """Return the yield at a `place` by the engine, on chips that the screening did not see."""
        return self.sampled[place] if place in self.sampled else self.sample_more(place, 1)

    def sample_more(self, place: Position, times: int) -> Yield[AnyDesign]:
        """Return the yield at a `place` as `sample` does, of so many `times` the number of chips."""
        asked = self.sampling
        self.sampled[place] = self._yield(place, asked.metric, asked.engine, asked.seed + 1, times)
        return self.sampled[place]

    def _yield(self, place: Position, metric: Metric, engine: Engine, seed: int, times: int = 1) -> Yield[AnyDesign]:
        asked = self.sampling
        return yield_of(
            self.machine(place),
            asked.build(place).imperfections,
            asked.x,
            metric=metric,
            spec=asked.target.spec,
            chips=times * asked.chips,
            seed=seed,
            engine=engine,
            level=asked.target.level,
        )
