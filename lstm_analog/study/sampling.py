"""Judge the choices of a sizing: build each, screen its chips as at rest, sample those that pass by their waveforms.

Chips are screened by `Settle`, which takes every phase as at rest and does not show what the clock leaves. That error
is the same for all chips to first order: the difference of the outputs by `Waveform` and by `Settle` of the machine
without imperfections is added to the outputs of every chip. What passes is sampled by `Waveform` on other chips.
"""

from dataclasses import dataclass, field, replace
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
from lstm_analog.study.run import Run
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
    """What is the same for all choices of a sizing, and what was found so far of each.

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
    machines, ways, running : dict
        The machine of each technology and settling, how it is screened (None: not at all), and its running cost.
    screened, sampled : dict
        The excess by the screening at each place of the lattice of all choices, and the yield by the sampling.
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
    machines: dict[object, AnyDesign] = field(default_factory=dict)
    ways: dict[object, tuple[Metric, Engine] | None] = field(default_factory=dict)
    running: dict[object, RunningCost] = field(default_factory=dict)
    screened: dict[Position, float] = field(default_factory=dict)
    sampled: dict[Position, Yield[AnyDesign]] = field(default_factory=dict)

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

    def machine(self, build: Build) -> AnyDesign:
        """Return the machine of a `build` without its imperfections."""
        key = (build.technology, build.settling)
        if key not in self.machines:
            self.machines[key] = self.make(build.technology, settling=build.settling)
        return self.machines[key]

    def offer(self, place: Position) -> Offer:
        """Return what the choice at a `place` takes."""
        build = self.build(place)
        key = (build.technology, build.settling)
        if key not in self.running:
            self.running[key] = running_cost(self._costed(self.machine(build)))
        price = float(np.prod([knob.prices[number] for knob, number in zip(self.knobs, place, strict=True)]))
        return Offer(values=self.values(place), build=build, running=self.running[key], price=price)

    def _costed(self, machine: AnyDesign) -> Run:
        """Return a short run of `machine`, by the engine that samples where `Settle` finds no rest."""
        x = self.x[..., :_COSTED, :]
        try:
            return machine.run(x, engine=Settle(), keep=Keep.EVERYTHING)
        except SimulationError:
            return machine.run(x, engine=self.engine, keep=Keep.EVERYTHING)

    def values(self, place: Position) -> tuple[KnobValue, ...]:
        """Return what each knob is set to at a `place`."""
        return tuple(
            KnobValue(name=knob.name, value=float(knob.values[number]), unit=knob.unit)
            for knob, number in zip(self.knobs, place, strict=True)
        )

    def ideal(self) -> float:
        """Return the excess of the finest choice without imperfections; infinite if it cannot be run."""
        try:
            run = self.machine(self.build(self.finest)).run(self.x, engine=self.engine, keep=Keep.OUTPUTS)
        except SimulationError:
            return np.inf
        return float(self.target.spec.excess(measured(self.metric, beside(run.outputs), 1))[0])

    def judge(self, place: Position) -> float:
        """Return the excess at a `place`: by `Settle`, and if that meets the target by the engine on other chips."""
        screened = self.screen(place)
        return self.excess(self.sample(place)) if screened <= 0.0 else screened

    def screen(self, place: Position) -> float:
        """Return the excess at a `place` by `Settle`, with what the clock leaves; infinite if it cannot be run."""
        if place not in self.screened:
            build = self.build(place)
            way = self.screening(build)
            self.screened[place] = np.inf if way is None else self.excess(self.yield_of(build, *way, self.seed))
        return self.screened[place]

    def screening(self, build: Build) -> tuple[Metric, Engine] | None:
        """Return the metric and the engine that screen the chips of a `build`; None if the machine cannot be run.

        That is `Settle` with what the clock leaves, or the engine that samples where `Settle` finds no rest.
        """
        key = (build.technology, build.settling)
        if key not in self.ways:
            self.ways[key] = self._screening(self.machine(build))
        return self.ways[key]

    def _screening(self, machine: AnyDesign) -> tuple[Metric, Engine] | None:
        try:
            timed = machine.run(self.x, engine=self.engine, keep=Keep.OUTPUTS)
        except SimulationError:
            return None
        try:
            rest = machine.run(self.x, engine=Settle(), keep=Keep.OUTPUTS)
        except SimulationError:
            return self.metric, self.engine
        return _clocked(self.metric, timed, rest), Settle()

    def sample(self, place: Position) -> Yield[AnyDesign]:
        """Return the yield at a `place` by the engine, on chips that the screening did not see."""
        if place not in self.sampled:
            self.sampled[place] = self.sample_more(place, 1)
        return self.sampled[place]

    def sample_more(self, place: Position, times: int) -> Yield[AnyDesign]:
        """Return the yield at a `place` as `sample` does, of so many `times` the number of chips."""
        return self.yield_of(self.build(place), self.metric, self.engine, self.seed + 1, times)

    def yield_of(self, build: Build, metric: Metric, engine: Engine, seed: int, times: int = 1) -> Yield[AnyDesign]:
        """Return the yield of the chips of a `build` by `metric`, `engine` and `seed`, `times` the usual number."""
        return yield_of(
            self.machine(build),
            build.imperfections,
            self.x,
            metric=metric,
            spec=self.target.spec,
            chips=times * self.chips,
            seed=seed,
            engine=engine,
            level=self.target.level,
        )

    def excess(self, found: Yield[AnyDesign]) -> float:
        """Return the excess of a yield `found` beyond the limit of the target."""
        return self.target.excess(self.target.spec.excess(found.values))


def _clocked(metric: Metric, timed: Run, rest: Run) -> Metric:
    """Return `metric` with the difference of the run that is `timed` and that at `rest` added to the outputs."""
    given, settled = timed.outputs, rest.outputs
    y = None if given.y is None or settled.y is None else given.y - settled.y
    return ClockedMetric(metric=metric, h=given.h - settled.h, y=y)
