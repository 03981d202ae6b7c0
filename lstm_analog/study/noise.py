"""Noise of a machine in time: how much is on h and c after each step, which part made it, and sample paths."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, Spot
from lstm_analog.compiler.passes import only
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import EngineLike, Settle, Waveform
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.engines.noise import LinearNoise
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.imperfections.base import InRange
from lstm_analog.model.sequences import StateLike, in_time
from lstm_analog.network.cells import Cells
from lstm_analog.network.laws.noise import ROOM
from lstm_analog.network.trajectory import MOST_BYTES
from lstm_analog.network.varying import check_steady
from lstm_analog.study.keeping import Keep, saves
from lstm_analog.study.lots import Design
from lstm_analog.study.noise_origins import NoiseOrigins
from lstm_analog.study.run import Run
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
class SignalNoise:
    """The noise of a signal after each step, in the order of time.

    Attributes
    ----------
    sigma : float array, (..., time, n)
        Standard deviation of the signal by the noise that storages have filtered, in signal units.
    white : float array, (..., time, n)
        One-sided density of the white noise that reaches the signal past all storages, signal units squared per Hz.
        Whatever reads the signal adds this times its own noise bandwidth. Zero where a storage holds the signal.
    unit : float array, (n,)
        The effort that stands for one unit (V or Pa).
    """

    sigma: Floats
    white: Floats
    unit: Floats

    @property
    def effort(self) -> Floats:
        """The standard deviation in V or Pa, (..., time, n)."""
        return self.sigma * self.unit


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
    linear : LinearNoise
        The noise of its network along that, for whoever asks for other nodes.
    layers : tuple of ChainNoise
        Bottom layer first, forward before backward.
    y : SignalNoise or None
        Of the head, after each step; None if there is no head.
    """

    run: Run
    linear: LinearNoise
    layers: tuple[ChainNoise, ...]
    y: SignalNoise | None

    def summary(self) -> Rows:
        """Return the temperature, and the largest sigma of h and c of the top layer and of y."""
        top = self.layers[self.run.compiled.layout.top]
        signals = [*(("h", chain.h) for chain in top), *(("c", chain.c) for chain in top), ("y", self.y)]
        largest = dict[str, float]()
        for name, of in signals:
            if of is not None:
                largest[name] = max(largest.get(name, 0.0), float(of.sigma.max()))
        told = ((f"largest sigma of {name}", f"{sigma:.3g}") for name, sigma in largest.items())
        return (("temperature", f"{self.linear.temperature:g} K"), *told, *self.run.summary())

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
        return self.layers[self.run.compiled.layout.top]

    def origins(self, signal: NoisySignal = NoisySignal.H, *, step: int = -1, layer: int = -1) -> NoiseOrigins:
        """Return what made the noise of a `signal` after a `step`, by part and interval; both may count from the end.

        It is the mean over all units of chain number `layer`, and over the sequences that have that step. `step` counts
        as the chain goes, which for a backward one is from the end of the sequence. Raises `InvalidValueError` if there
        is no such step, layer or signal.
        """
        compiled, lengths, steps = self.run.compiled, self.run.lengths, self.run.x.shape[-2]
        longest = steps if lengths is None else int(lengths.max())
        spot, after = self._spot(signal, layer), _place("step", step, longest)
        there = slice(None) if lengths is None else lengths > after
        number = int(compiled.cycle.ends(spot.interval, steps)[after])
        every = np.arange(compiled.network.unknowns.size)
        weights = weights_of(compiled, spot, every)
        parts = compiled.network.parts
        added = np.zeros((number + 1, len(parts)))
        for before, share in self.linear.origins(number, weights.T @ weights):
            added[before] = share.reshape(-1, len(parts))[there].mean(axis=0) / len(weights)
        return NoiseOrigins(
            parts=tuple(part.label for part in parts),
            kinds=tuple(type(part).__name__ for part in parts),
            intervals=self.run.trajectory.schedule.names[: number + 1],
            variance=added,
        )

    def sample(self, count: PathCount, *, seed: int, most_bytes: float = MOST_BYTES) -> Run:
        """Return `count` sample paths of the machine as a run whose signals lead with an axis of them, as of chips.

        Each deviates from the run without noise by one draw of the noise of all steps, with its correlations between
        steps, units and signals; white noise that no storage holds is left out. The `outputs` are what metrics take.
        The same `seed` and count give the same paths. Raises `InvalidValueError` for more than `most_bytes` bytes.
        """
        done = self.run.passes[0]
        batch, (steps, inputs) = int(np.prod(done.x.shape[:-2])), done.x.shape[-2:]
        shape, ragged = (int(count) * batch, steps, inputs), done.lengths is not None
        (save,) = saves(
            (done.compiled,), shape, ragged=ragged, engine=Settle(), keep=Keep.SIGNALS, most_bytes=most_bytes
        )
        trajectory = self.linear.paths(count, Streams(seed=seed).generator("noise"), save)
        return replace(self.run, passes=(replace(done, trajectory=trajectory, chips=count),), setup=None)

    def _spot(self, signal: NoisySignal, layer: int) -> Spot:
        layout = self.run.compiled.layout
        if signal is NoisySignal.Y:
            if layout.head is None:
                raise InvalidValueError(explain("signal", must="be h or c", got="y, and no head", do="ask for h"))
            return layout.head.y
        place = layout.layers[_place("layer", layer, len(layout.layers))]
        return place.h if signal is NoisySignal.H else place.cell


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
        One machine, without an axis of chips, that goes through time once.
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
        If it takes several passes (take `machine.alone(k)`), has transistor cells (`transistor_noise`), parameters that
        change from step to step (take `machine.at_step(k)`), or more than `engines.noise.MOST_STORAGES` storages.
    InvalidValueError
        If the temperature is not above zero, or the run would keep more than a gigabyte.
    """
    compiled = only(machine.passes, "machine")
    if any(isinstance(part, Cells) for part in compiled.network.parts):
        must, do = "have laws in this package", "ask study.transistor_noise, whose simulator knows transistors"
        raise UnsupportedError(explain("parts that make noise", must=must, got="transistor cells", do=do))
    check_steady(compiled.network)
    run = machine.run(
        x, state=state, lengths=lengths, engine=chosen_engine(engine, Waveform(points=_POINTS)), keep=Keep.EVERYTHING
    )
    linear = LinearNoise(trajectory=run.trajectory, temperature=temperature)
    layout = compiled.layout
    ways = {spot: place.backward for place in layout.layers for spot in (place.h, place.c) if spot is not None}
    if layout.head is not None:
        ways[layout.head.y] = layout.backward
    found = _signals(run, linear, ways)
    chains = (ChainNoise(h=found[place.h], c=None if place.c is None else found[place.c]) for place in layout.layers)
    y = None if layout.head is None else found[layout.head.y]
    return MachineNoise(run=run, linear=linear, layers=tuple(chains), y=y)


def _signals(run: Run, linear: LinearNoise, ways: dict[Spot, bool]) -> dict[Spot, SignalNoise]:
    """Return the noise at each spot after each step, in the order of time; `ways` say whether its chain goes back."""
    compiled, steps = run.compiled, run.passes[0].x.shape[-2]
    unknowns = compiled.network.unknowns
    nodes = np.unique(np.concatenate([unknowns[label] for spot in ways for label in spot.groups]))
    asked = {spot: frozenset(compiled.cycle.ends(spot.interval, steps).tolist()) for spot in ways}
    weights = {spot: weights_of(compiled, spot, nodes) for spot in ways}
    taken = {spot: list[tuple[Floats, Floats]]() for spot in ways}
    for number, noise in enumerate(linear.nodes(nodes)):
        for spot in (spot for spot in ways if number in asked[spot]):
            taken[spot].append((_diagonal(noise.covariance, weights[spot]), _diagonal(noise.white, weights[spot])))
    result = {}
    for spot, found in taken.items():
        each = (np.stack(values, axis=-2) for values in zip(*found, strict=True))
        variance, white = (in_time(values, run.lengths, backward=ways[spot]) for values in each)
        unit = unknowns.scales()[unknowns[spot.group]] / np.array(spot.gain or 1.0)
        result[spot] = SignalNoise(sigma=np.sqrt(np.maximum(variance, 0.0)), white=white, unit=unit)
    return result


def _diagonal(covariance: Floats, weights: Floats) -> Floats:
    """Return the variances of the sums `weights` (n, m) of m unknowns with a `covariance` (..., m, m), (..., n)."""
    result: Floats = ((weights @ covariance) * weights).sum(axis=-1)
    return result


def weights_of(compiled: Compiled, spot: Spot, nodes: Indices) -> Floats:
    """Return the signal at `spot` of `compiled` as sums of the efforts of `nodes` (m,), ascending: (n, m)."""
    unknowns = compiled.network.unknowns
    unit = unknowns.scales()[unknowns[spot.group]]
    gain = np.array(spot.gain or 1.0) / unit
    result = np.zeros((unit.size, nodes.size))
    for label, sign in zip(spot.groups, (1.0, -1.0), strict=False):
        result[np.arange(unit.size), np.searchsorted(nodes, unknowns[label])] += sign * gain
    return result


def _place(what: str, number: int, count: int) -> int:
    """Return `number` as 0 to `count` - 1, where -1 stands for the last `what`, or raise."""
    if not -count <= number < count:
        do = f"there are {count}, counted from zero"
        raise InvalidValueError(explain(what, must=f"be from {-count} to {count - 1}", got=number, do=do))
    return number % count
