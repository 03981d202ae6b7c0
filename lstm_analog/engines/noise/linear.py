"""Noise of a network along a trajectory: the covariance of its efforts, sample paths, and the share of each part."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.engines.noise.linearised import LinearNetwork, linearise, storages_read, white_on
from lstm_analog.engines.noise.pieces import NoisePiece, pieces_of
from lstm_analog.engines.noise.samples import SampleForm, Samples
from lstm_analog.engines.record import recorder
from lstm_analog.engines.system import System, system
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import High, Kind
from lstm_analog.network.laws.noise import ROOM
from lstm_analog.network.quantities import check_count, check_number
from lstm_analog.network.trajectory import EVERYTHING, Save, Trajectory

_SAME = 1e-9
"""Difference of two times, as a share of the shortest interval, below which they count as one."""
MOST_STORAGES = 600
"""Most storages of a network that is accepted: time grows with their third power, memory with the second."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NominalRun:
    """The intervals of a `trajectory` that has kept everything, its leading axes as one batch."""

    trajectory: Trajectory
    _systems: dict[High, System] = field(default_factory=dict, init=False)

    @cached_property
    def efforts(self) -> Floats:
        """The efforts with one axis of sequences, (batch, points, unknowns)."""
        efforts = self.trajectory.efforts
        return efforts.reshape(-1, *efforts.shape[-2:])

    @cached_property
    def points(self) -> tuple[Indices, ...]:
        """The numbers of the points in each interval: those behind its beginning, its end included."""
        schedule = self.trajectory.schedule
        edges = np.append(0.0, schedule.ends) + _SAME * schedule.durations.min()
        places = np.searchsorted(self.trajectory.time, edges, side="right")
        return tuple(np.arange(*ends) for ends in itertools.pairwise(places.tolist()))

    @cached_property
    def _stretches(self) -> tuple[tuple[Network, range], ...]:
        return tuple(self.trajectory.schedule.stretches(self.trajectory.network))

    def equations(self, number: int) -> System:
        """Return the equations of interval `number`; those of one stretch are kept until another is asked for."""
        network = next(network for network, intervals in self._stretches if number in intervals)
        high, known = self.trajectory.schedule.phase(number), self._systems
        if any(each.network is not network for each in known.values()):
            known.clear()
        if high not in known:
            known[high] = system(network, high)
        return known[high]

    def end(self, number: int) -> Floats:
        """Return the efforts (batch, unknowns) at the end of interval `number`."""
        return self.efforts[:, self.points[number][-1]]

    def by_sequence(self, values: Floats) -> Floats:
        """Return `values` (batch, ...) with the leading axes of the trajectory."""
        return values.reshape(*self.trajectory.schedule.lead, *values.shape[1:])


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeNoise:
    """The noise of m unknowns at the end of an interval.

    Attributes
    ----------
    covariance : float array, (*batch, m, m)
        Of the noise that storages filter, effort squared.
    white : float array, (*batch, m, m)
        One-sided density of the white noise besides, effort squared per Hz: on unknowns without capacity.
    """

    covariance: Floats
    white: Floats


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class LinearNoise:
    """The noise of a network along a `trajectory`, as far as it is small: of first order in the deviations.

    The covariance P of the storages obeys the Lyapunov equation dP/dt = A P + P A' + B along the trajectory (Demir et
    al. 1996), A and B from the laws of the parts at its efforts. It starts at zero, and goes through the clock: what a
    switch leaves on a capacitor that it opens, kT/C, follows from the noise of the closed switch.

    An unknown without capacity follows the storages at once, and passes white noise on to storages that it is coupled
    to. The variance of white noise on the unknown itself is unbounded. It is told as a density (`NodeNoise.white`) and
    is in no covariance; whoever reads the unknown adds the density times the bandwidth of the reader.

    Attributes
    ----------
    trajectory : Trajectory
        The run without noise: all unknowns, two or more points an interval, as of `Waveform(points=17)`.
    temperature : float
        Of all parts (K).
    """

    trajectory: Trajectory
    temperature: float = ROOM

    def __post_init__(self) -> None:
        """Check the temperature, the size of the network, and that the trajectory has what it takes."""
        check_number("temperature", self.temperature)
        if self.trajectory.saved != EVERYTHING:
            do = "run it with keep=Keep.EVERYTHING"
            raise InvalidValueError(explain("the trajectory", must="have kept everything", got="less", do=do))
        kinds = self.trajectory.network.kinds()
        if kinds[Kind.SWITCHED].size:
            must, do = "have no switches with a threshold", "take sample paths: impose noise as flows on Integrate"
            raise UnsupportedError(explain("the network", must=must, got=f"{kinds[Kind.SWITCHED].size}", do=do))
        size = kinds[Kind.STORED].size
        if size > MOST_STORAGES:
            must, do = f"have at most {MOST_STORAGES} storages", "take a smaller model, or a layer of it"
            raise UnsupportedError(explain("the network", must=must, got=size, do=do))
        if min(map(len, self._nominal.points)) < 2:
            got, do = "fewer", "run it with Waveform(points=17)"
            raise InvalidShapeError(explain("the trajectory", must="have 2 points an interval", got=got, do=do))

    @cached_property
    def _nominal(self) -> NominalRun:
        return NominalRun(trajectory=self.trajectory)

    @property
    def _batch(self) -> int:
        return len(self._nominal.efforts)

    @cached_property
    def storages(self) -> Indices:
        """The unknowns whose deviations are computed, the storages, (n,)."""
        return self._nominal.equations(0).dynamic

    def nodes(self, nodes: Indices, samples: Samples | None = None) -> Iterator[NodeNoise]:
        """Yield the noise of `nodes` (m,) at the end of each interval.

        `samples` that sources impose add theirs, and those that are asked for are taken.
        """
        size = self.storages.size
        covariance: Floats = np.zeros((self._batch, size, size))
        for number in range(len(self._nominal.points)):
            if samples is not None:
                samples.impose(number, covariance)
            transition, added = self.propagation(number)
            covariance = transition @ covariance @ transition.mT + added
            equations, effort = self._nominal.equations(number), self._nominal.end(number)
            every = storages_read(equations, effort)
            if samples is not None:
                samples.advance(number, transition, covariance, every)
            reading = every[:, nodes]
            white = white_on(equations, effort, nodes, self.temperature)
            found = reading @ covariance @ reading.mT
            yield NodeNoise(covariance=self._nominal.by_sequence(found), white=self._nominal.by_sequence(white))

    def _pieces(self, number: int) -> Iterator[NoisePiece]:
        """Yield the pieces of interval `number`, in each of which the network counts as constant."""
        schedule, points, batch = self.trajectory.schedule, self._nominal.points[number], self._batch
        equations = self._nominal.equations(number)
        time = self.trajectory.time[points] - float(schedule.ends[number] - schedule.durations[number])

        def linearised(chosen: Indices) -> list[LinearNetwork]:
            efforts = np.swapaxes(self._nominal.efforts[:, points[chosen]], 0, 1)
            found = linearise(equations, efforts.reshape(-1, efforts.shape[-1]), self.temperature)
            return [found.some(place * batch, batch) for place in range(chosen.size)]

        yield from pieces_of(time, linearised)

    def propagation(self, number: int) -> tuple[Floats, Floats]:
        """Return the transition matrix of the storages over interval `number`, and the covariance that it adds.

        Both (batch, n, n).
        """
        size = self.storages.size
        through: Floats = np.eye(size)
        total: Floats = np.zeros((self._batch, size, size))
        for piece in self._pieces(number):
            transition, added = piece.forward()
            through = transition @ through
            total = transition @ total @ transition.mT + added
        return through, total

    def origins(self, number: int, form: Floats, of_samples: SampleForm | None = None) -> Iterator[tuple[int, Floats]]:
        """Yield the share of each part in the sum of `form` times the covariance at the end of interval `number`.

        `form` is (unknowns, unknowns). `of_samples` is a form of samples that counts, too; afterwards it is that of
        those that were imposed. Yields each interval's number, from the last to the first, with what the noise in it
        adds, by part, (*batch, parts).
        """
        reading = storages_read(self._nominal.equations(number), self._nominal.end(number))
        weight = reading.mT @ (0.5 * (form + form.T)) @ reading  # `backward` takes symmetric forms
        for before in range(number, -1, -1):
            share = np.zeros((self._batch, len(self.trajectory.network.parts)))
            if of_samples is not None:
                every = storages_read(self._nominal.equations(before), self._nominal.end(before))
                of_samples.before_taking(before, weight, every)
            for piece in reversed(list(self._pieces(before))):
                weight, added = piece.backward(weight)
                np.add.at(share.T, piece.linear[0].flows.banks, added.T)
            if of_samples is not None:
                of_samples.before_interval(before, self.propagation(before)[0], weight)
            yield before, self._nominal.by_sequence(share)

    def paths(
        self,
        count: int,
        rng: np.random.Generator,
        save: Save = EVERYTHING,
        held: Mapping[int, list[tuple[Indices, Floats]]] = MappingProxyType({}),
    ) -> Trajectory:
        """Return `count` sample paths at the ends of intervals, drawn from `rng`: efforts (count, *batch, points, ...).

        Each is the trajectory and a Gaussian deviation, exact at the ends for the linearised network; what they `save`
        is everything unless given. White noise that is on an unknown itself is left out. `held` says what sources that
        count as storages begin an interval with, by its number: their places among the storages, (k,), and their
        deviations, (batch, count, k), bank by bank.
        """
        check_count("count", count)
        nominal, trajectory = self._nominal, self.trajectory
        lead = (int(count), self._batch)
        record = recorder(trajectory.network, trajectory.schedule, save, points=1, lead=lead)
        record.write(0, np.broadcast_to(nominal.efforts[:, :1], (*lead, 1, nominal.efforts.shape[-1])))
        deviation = np.zeros((self._batch, int(count), self.storages.size))
        for number in range(len(self._nominal.points)):
            for places, values in held.get(number, ()):
                deviation[..., places] = values
            transition, added = self.propagation(number)
            fresh = rng.standard_normal(deviation.shape) @ _root(added).mT
            deviation = deviation @ transition.mT + fresh
            if record.asks(number + 1):
                end = nominal.end(number)
                reading = storages_read(nominal.equations(number), end)
                efforts = end[:, None] + deviation @ reading.mT
                record.write(number + 1, np.swapaxes(efforts, 0, 1)[..., None, :])
        text = f"noise at {self.temperature:g} K along {trajectory.engine}"
        return record.trajectory(engine=text, lead=(int(count), *trajectory.schedule.lead))


def _root(covariance: Floats) -> Floats:
    """Return a matrix R of `covariance` (..., n, n) = R R'."""
    values, vectors = np.linalg.eigh(covariance)
    result: Floats = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    return result
