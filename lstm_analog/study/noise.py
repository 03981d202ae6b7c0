"""Noise of a machine in time: how much is on h and c after each step, which part made it, and sample paths."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, TypeAlias

import numpy as np
import scipy
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats
from lstm_analog.compiler.compiled import Spot
from lstm_analog.compiler.passes import only
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import EngineLike, Settle, Waveform
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.imperfections.base import InRange
from lstm_analog.model.sequences import StateLike
from lstm_analog.network.cells import Cells
from lstm_analog.network.laws.noise import ROOM
from lstm_analog.network.trajectory import MOST_BYTES
from lstm_analog.network.varying import check_steady
from lstm_analog.study.keeping import Keep, saves
from lstm_analog.study.lots import Design
from lstm_analog.study.noise_origins import NoiseOrigins
from lstm_analog.study.pass_noise import (
    HandedSamples,
    SignalNoise,
    deviations_held,
    fed_to,
    linear_noise,
    pass_shares,
    samples_of,
    signals_of,
    weights_of,
)
from lstm_analog.study.run import PassRun, Run
from lstm_analog.summaries import Rows, Summarised

_POINTS = 17
"""Points of an interval at which the network may be linearised. Against 129 they cost less than 1e-8 of sigma on
`BEHAVIOURAL`, `OIL` and both op-amp circuits (`benchmarks/noise_in_time.py`)."""
PathCount: TypeAlias = Annotated[int, InRange("count", 1, np.inf, "ask for one path at least")]
"""A number of sample paths."""


class NoisySignal(Enum):
    """The signal whose noise is asked for: h or c of a chain, or y of the head."""

    H = "h"
    C = "c"
    Y = "y"


@dataclass(frozen=True, kw_only=True, eq=False)
class ChainNoise:
    """The noise of one chain, a direction of a layer: of its `h`, and of its `c`, None for one that has no cells."""

    h: SignalNoise
    c: SignalNoise | None


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MachineNoise(Summarised):
    """The noise of a machine along a `run` without noise, as `noise_of` found it.

    Attributes
    ----------
    run : Run
        What the machine does without noise.
    passes : tuple of LinearNoise
        The noise of the network of each pass along that, for whoever asks for other nodes. Inputs of a later pass are
        storages in it, which hold what the one before hands on.
    layers : tuple of ChainNoise
        Bottom layer first, forward before backward.
    y : SignalNoise or None
        Of the head, after each step; without the axis of time if it reads the final state; None if there is no head.
    """

    run: Run
    passes: tuple[LinearNoise, ...]
    layers: tuple[ChainNoise, ...]
    y: SignalNoise | None

    @property
    def linear(self) -> LinearNoise:
        """The only one of `passes`; raises `UnsupportedError` if there are several."""
        return only(self.passes, "noise")

    @property
    def temperature(self) -> float:
        """The temperature of all parts (K)."""
        return self.passes[0].temperature

    def summary(self) -> Rows:
        """Return the temperature, and the largest sigma of h and c of the top layer and of y."""
        top = self.layers[-self._width :] if self.layers else ()
        signals = [*(("h", chain.h) for chain in top), *(("c", chain.c) for chain in top), ("y", self.y)]
        largest = dict[str, float]()
        for name, of in signals:
            if of is not None:
                largest[name] = max(largest.get(name, 0.0), float(of.sigma.max()))
        told = ((f"largest sigma of {name}", f"{sigma:.3g}") for name, sigma in largest.items())
        return (("temperature", f"{self.temperature:g} K"), *told, *self.run.summary())

    @property
    def h(self) -> Floats:
        """Standard deviation of h of the top layer, forward before backward, (..., time, outputs), in signal units."""
        return np.concatenate([chain.h.sigma for chain in self._top], axis=-1)

    @property
    def c(self) -> Floats:
        """Standard deviation of c of the top layer, (..., time, units); without units where it has no cells."""
        found = [chain.c.sigma for chain in self._top if chain.c is not None]
        return np.concatenate([self.h[..., :0], *found], axis=-1)

    @property
    def _top(self) -> tuple[ChainNoise, ...]:
        if not self.layers:
            raise UnsupportedError(explain("the noise", must="be that of h and c", got="a head alone", do="take its y"))
        return self.layers[-self._width :]

    @property
    def _width(self) -> int:
        """The number of chains of the top layer."""
        return next((len(each.top) for each in reversed(self.run.passes) if each.layers), 0)

    def origins(self, signal: NoisySignal = NoisySignal.H, *, step: int = -1, layer: int = -1) -> NoiseOrigins:
        """Return what made the noise of a `signal` after a `step`, by part and interval; both may count from the end.

        It is the mean over all units of chain number `layer`, and over the sequences that have that step. `step` counts
        as the chain goes, which for a backward one is from the end of the sequence. Raises `InvalidValueError` if there
        is no such step, layer or signal. What earlier passes made, and handed on, is among their parts and intervals.
        """
        last, spot = self._spot(signal, layer)
        passes = self.run.passes[: last + 1]
        done, compiled, steps = passes[last], passes[last].compiled, passes[last].x.shape[-2]
        after = _place("step", step, steps if done.lengths is None else int(done.lengths.max()))
        there = slice(None) if done.lengths is None else done.lengths > after
        weights = weights_of(compiled, spot, np.arange(compiled.network.unknowns.size))
        number = int(compiled.cycle.ends(spot.interval, steps)[after])
        shares = pass_shares(passes, self.passes, number, weights.T @ weights / len(weights))
        parts = [part for each in passes for part in each.compiled.network.parts]
        named = ((each.trajectory.schedule.names, len(share)) for each, share in zip(passes, shares, strict=True))
        return NoiseOrigins(
            parts=tuple(part.label for part in parts),
            kinds=tuple(type(part).__name__ for part in parts),
            intervals=tuple(name for names, count in named for name in names[:count]),
            variance=scipy.linalg.block_diag(*(share[:, there].mean(axis=1) for share in shares)),
        )

    def sample(self, count: PathCount, *, seed: int, most_bytes: float = MOST_BYTES) -> Run:
        """Return `count` sample paths of the machine as a run whose signals lead with an axis of them, as of chips.

        Each deviates from the run without noise by one draw of the noise of all steps, with its correlations between
        steps, units and signals; white noise that no storage holds is left out. The `outputs` are what metrics take.
        The same `seed` and count give the same paths. Raises `InvalidValueError` for more than `most_bytes` bytes.
        """
        passes, shape = self.run.passes, self.run.x.shape
        lead, ragged = (int(count) * int(np.prod(shape[:-2])), *shape[-2:]), self.run.lengths is not None
        kept = saves(
            tuple(done.compiled for done in passes),
            lead,
            ragged=ragged,
            engine=Settle(),
            keep=Keep.SIGNALS,
            most_bytes=most_bytes,
        )
        drawn, rng = list[PassRun](), Streams(seed=seed).generator("noise")
        for done, linear, save in zip(passes, self.passes, kept, strict=True):
            fed = fed_to(done, drawn[-1]) if drawn else done.x
            held = deviations_held(done, linear, fed - done.x) if drawn else {}
            trajectory = replace(linear.paths(count, rng, save, held), network=done.compiled.network)
            drawn.append(replace(done, x=fed, trajectory=trajectory, chips=int(count)))
        return replace(self.run, passes=tuple(drawn), setup=None)

    def _spot(self, signal: NoisySignal, layer: int) -> tuple[int, Spot]:
        """Return the number of the pass of a `signal` of chain `layer`, and where to read it there."""
        passes = [done.compiled.layout for done in self.run.passes]
        if signal is NoisySignal.Y:
            head = passes[-1].head
            if head is None:
                raise InvalidValueError(explain("signal", must="be h or c", got="y, and no head", do="ask for h"))
            return len(passes) - 1, head.y
        places = [(number, place) for number, layout in enumerate(passes) for place in layout.layers]
        number, place = places[_place("layer", layer, len(places))]
        return number, place.h if signal is NoisySignal.H else place.cell


@checked
def noise_of(
    machine: Design,
    x: ArrayLike,
    *,
    temperature: float = ROOM,
    state: StateLike | None = None,
    lengths: ArrayLike | None = None,
    engine: EngineLike = None,
) -> MachineNoise:
    """Return how much noise is on the signals of `machine` after each step, while it runs over `x`.

    Thermal and shot noise of all its parts, as their laws say (docs/parts.md): white at its origin, filtered by what
    it goes through, sampled by the switches (kT/C), kept by the memories and passed on by the recurrence. Of first
    order in the deviations, as is `MachineNoise.sample`; `benchmarks/noise_in_time.py` compares both with paths of the
    nonlinear machine. 1/f noise is not modelled; ideal followers and relays have none.

    Parameters
    ----------
    machine : Machine
        One machine, without an axis of chips. The samples that a pass hands to the next bring their noise along.
    x : (batch, time, inputs) or (time, inputs)
        What it is fed.
    temperature : float
        Of all parts (K).
    state : State or pair of arrays, optional
        Where it starts, as in `Machine.run`; without noise.
    lengths : (batch,), optional
        How many steps of each sequence count.
    engine : Engine or name, optional
        What runs it without noise, `Waveform(points=17)` unless given: the network is linearised at its points.

    Raises
    ------
    InvalidShapeError
        If the machine is several chips, or the engine keeps fewer than 2 points an interval.
    UnsupportedError
        If it has transistor cells (`transistor_noise`), parameters that change from step to step (take
        `machine.at_step(k)`), or more than `engines.noise.MOST_STORAGES` storages in a pass.
    InvalidValueError
        If the temperature is not above zero, or the run would keep more than a gigabyte.
    """
    for compiled in machine.passes:
        if any(isinstance(part, Cells) for part in compiled.network.parts):
            must, do = "have laws in this package", "ask study.transistor_noise, whose simulator knows transistors"
            raise UnsupportedError(explain("parts that make noise", must=must, got="transistor cells", do=do))
        check_steady(compiled.network)
    run = machine.run(
        x, state=state, lengths=lengths, engine=chosen_engine(engine, Waveform(points=_POINTS)), keep=Keep.EVERYTHING
    )
    passes, layers = list[LinearNoise](), list[ChainNoise]()
    y: SignalNoise | None = None
    handed: HandedSamples | None = None
    for done, following in zip(run.passes, (*run.passes[1:], None), strict=True):
        passes.append(linear_noise(done, temperature, fed=handed is not None))
        samples, handed = samples_of(done, passes[-1], handed, following)
        found, layout = signals_of(done, passes[-1], samples), done.compiled.layout
        for place in layout.layers:
            layers.append(ChainNoise(h=found[place.h], c=None if place.c is None else found[place.c]))
        y = None if layout.head is None else found[layout.head.y]
        if y is not None and layout.final:
            y = replace(y, sigma=y.sigma[..., 0, :], white=y.white[..., 0, :])
    return MachineNoise(run=run, passes=tuple(passes), layers=tuple(layers), y=y)


def _place(what: str, number: int, count: int) -> int:
    """Return `number` as 0 to `count` - 1, where -1 stands for the last `what`, or raise."""
    if not -count <= number < count:
        do = f"there are {count}, counted from zero"
        raise InvalidValueError(explain(what, must=f"be from {-count} to {count - 1}", got=number, do=do))
    return number % count
