"""What an engine takes down of a run: arrays for what is to be kept, filled point by point, and how far tanks went."""

from dataclasses import dataclass, replace
from math import prod
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Finite, Flags, Floats, Indices, Span, aligned_zeros, span
from lstm_analog.engines.base import moments
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Idle, idle
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import EVERYTHING, Extremes, Save, Trajectory

_STREAMED = 2**22
"""Bytes of a record from which it is written past the caches; larger: it stays there, and pushes out buffers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Within:
    """A `network` without the parts that carry nothing while all efforts stay within the `ranges`."""

    network: Network
    ranges: tuple[Idle, ...]


_KNOWN: WeakKeyDictionary[Network, tuple[Network | None, tuple[Idle, ...]]] = WeakKeyDictionary()
"""The free networks and the ranges of networks that are in use; no free network where all parts stay."""


def within(network: Network) -> Within:
    """Return `network` without the parts that are idle between limits; the same each time."""
    if network not in _KNOWN:
        ranges = tuple(found for part in network.parts if (found := idle(part)) is not None)
        free = replace(network, parts=tuple(part for part in network.parts if idle(part) is None)) if ranges else None
        _KNOWN[network] = (free, ranges)
    free, ranges = _KNOWN[network]
    return Within(network=network if free is None else free, ranges=ranges)


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """What a run keeps of some unknowns.

    Attributes
    ----------
    save : Save
        What is kept, nothing beside it.
    nodes : slice or index array
        The unknowns.
    time : float array, (points,)
        When (s).
    efforts : float array, (*lead, points, kept)
        What was written so far; the leading axes are the engine's, the batch last.
    places : index array, (1 + intervals,)
        Which of the points is the start of the run, and the first of each interval; -1 where nothing is kept.
    """

    save: Save
    nodes: Span
    time: Floats
    efforts: Floats
    places: Indices

    @property
    def streamed(self) -> bool:
        """Whether it is so large that it would push all else out of the caches."""
        return self.efforts.nbytes >= _STREAMED


@dataclass(frozen=True, kw_only=True, eq=False)
class Watch:
    """How far the nodes of some `limits` went: the `lowest` and `highest` efforts so far, (*chips, n)."""

    limits: Idle
    lowest: Floats
    highest: Floats

    def note(self, lowest: Floats, highest: Floats) -> None:
        """Take efforts of the nodes into account, of every sequence, (*chips, batch, n)."""
        np.minimum(self.lowest, lowest.min(axis=-2), out=self.lowest)
        np.maximum(self.highest, highest.max(axis=-2), out=self.highest)

    @property
    def inside(self) -> bool:
        """Whether no effort has left the range."""
        return bool((self.lowest >= self.limits.low).all() and (self.highest <= self.limits.high).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorder:
    """What is taken down of a run of `network` under `schedule`: what is kept, and what is watched."""

    network: Network
    schedule: Schedule
    records: tuple[Record, ...]
    watches: tuple[Watch, ...]

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading axes of what is written: chips, if there are any, and the batch."""
        return self.records[0].efforts.shape[:-2]

    def asks(self, number: int) -> bool:
        """Return whether something is to be written of interval `number`, the start of the run being 0."""
        return bool(self.watches) or any(int(record.places[number]) >= 0 for record in self.records)

    def share(self, part: slice | int) -> "Recorder":
        """Return the recorder of the chips `part`, or one of them by its number; of sequences, if there are no chips.

        What it takes down is written to this one; how far sequences went, when they are done, by `join`.
        """
        records = tuple(replace(record, efforts=record.efforts[part]) for record in self.records)
        if self.network.chips:
            watches = tuple(
                replace(watch, lowest=watch.lowest[part], highest=watch.highest[part]) for watch in self.watches
            )
        else:
            watches = tuple(_watch(watch.limits, ()) for watch in self.watches)
        shared = replace(self, records=records, watches=watches)
        shared.forget()
        return shared

    def forget(self) -> None:
        """Start anew with how far efforts went."""
        for watch in self.watches:
            watch.lowest[...], watch.highest[...] = np.inf, -np.inf

    def join(self, share: "Recorder") -> None:
        """Take into account how far the sequences of a `share` went."""
        for watch, other in zip(self.watches, share.watches, strict=True):
            watch.note(other.lowest[None], other.highest[None])

    def copy(self, trajectory: Trajectory) -> None:
        """Take down a whole `trajectory` of the same network, schedule and points, which another engine has found."""
        for record, one in zip(self.records, trajectory.each, strict=True):
            record.efforts[...] = one.efforts.reshape(record.efforts.shape)
        for watch, extremes in zip(self.watches, trajectory.extremes, strict=True):
            watch.lowest[...], watch.highest[...] = extremes.lowest, extremes.highest

    def write(self, number: int, path: Floats) -> None:
        """Take down a `path` (*lead, points, unknowns) of interval `number`, the start of the run being 0."""
        for record in self.records:
            place = int(record.places[number])
            if place >= 0:
                record.efforts[..., place : place + path.shape[-2], :] = path[..., record.nodes]
        for watch in self.watches:
            efforts = path[..., span(watch.limits.nodes)]
            watch.note(efforts.min(axis=-2), efforts.max(axis=-2))

    def trajectory(
        self, *, engine: str, lead: tuple[int, ...], error: float = np.nan, finite: bool = False
    ) -> Trajectory:
        """Return what was taken down of a run by `engine`, of that `error`, with the leading axes `lead`.

        Whether all of it is finite is looked at unless it was found `finite` when it was written.
        """
        made: list[Trajectory] = []
        for record in reversed(self.records):
            record.efforts.flags.writeable = False  # or the trajectory would take a copy
            first, efforts = record is self.records[0], record.efforts.reshape(*lead, *record.efforts.shape[-2:])
            made.append(
                Trajectory(
                    network=self.network,
                    schedule=self.schedule,
                    time=record.time,
                    efforts=efforts.view(Finite) if finite else efforts,
                    engine=engine,
                    saved=record.save,
                    error=error,
                    more=tuple(reversed(made)) if first else (),
                    extremes=tuple(_extremes(watch) for watch in self.watches) if first else (),
                )
            )
        return made[-1]


def recorder(
    network: Network, schedule: Schedule, save: Save | None, *, points: int, lead: tuple[int, ...]
) -> Recorder:
    """Return the empty recorder of a run of `network` under `schedule` that keeps `save`, all if that is None.

    Each interval has `points`, as `moments` says; the leading axes of what is written are `lead`, chips and the batch.
    """
    records = tuple(_record(network, schedule, one, points, lead) for one in (save or EVERYTHING).each)
    watches = tuple(_watch(limits, lead[:-1]) for limits in within(network).ranges)
    return Recorder(network=network, schedule=schedule, records=records, watches=watches)


def leading_axes(network: Network, schedule: Schedule) -> tuple[int, ...]:
    """Return the axes of the efforts of `network` under `schedule`: its chips, if any, and one of all sequences."""
    return (network.chips, prod(schedule.batch)) if network.chips else (prod(schedule.lead),)


def cut(trajectory: Trajectory, save: Save | None) -> Trajectory:
    """Return of a `trajectory` that kept everything what `save` asks for: named intervals at their ends only."""
    if save is None or save == EVERYTHING:
        return trajectory
    chips = trajectory.efforts.ndim - 2 - len(trajectory.schedule.lead)
    flat = trajectory.efforts.reshape(*trajectory.efforts.shape[:chips], -1, *trajectory.efforts.shape[-2:])
    watches = tuple(_watch(limits, flat.shape[:chips]) for limits in within(trajectory.network).ranges)
    watching = Recorder(network=trajectory.network, schedule=trajectory.schedule, records=(), watches=watches)
    watching.write(0, flat)
    first, *more = (_cut(trajectory, one) for one in save.each)
    return replace(first, more=tuple(more), extremes=tuple(_extremes(watch) for watch in watches))


def _cut(trajectory: Trajectory, save: Save) -> Trajectory:
    time = trajectory.time
    if save.intervals or save.last:
        flags = save.points(trajectory.schedule.names)
        time = np.concatenate((time[:1], trajectory.schedule.ends))[flags]
    efforts = trajectory.sample(time, save.nodes(trajectory.network))
    return replace(trajectory, time=time, efforts=efforts, saved=save)


def _extremes(watch: Watch) -> Extremes:
    return Extremes(nodes=watch.limits.nodes, lowest=watch.lowest, highest=watch.highest)


def _watch(limits: Idle, chips: tuple[int, ...]) -> Watch:
    shape = (*chips, limits.nodes.size)
    return Watch(limits=limits, lowest=np.full(shape, np.inf), highest=np.full(shape, -np.inf))


def _record(network: Network, schedule: Schedule, save: Save, points: int, lead: tuple[int, ...]) -> Record:
    nodes, kept = save.nodes(network), save.points(schedule.names)
    counts = np.where(kept, points, 0)
    counts[0] = int(kept[0])
    places = np.where(kept, np.cumsum(counts) - counts, -1)
    return Record(
        save=save,
        nodes=span(nodes),
        time=_times(schedule, kept, points),
        efforts=aligned_zeros((*lead, int(counts.sum()), nodes.size)),
        places=places,
    )


def _times(schedule: Schedule, kept: Flags, points: int) -> Floats:
    """Return when the points are that are `kept` of the start and the intervals, (points,)."""
    first = np.zeros(int(kept[0]))
    if points == 1:
        return np.concatenate([first, schedule.ends[kept[1:]]])
    ends, durations = schedule.ends[kept[1:], None], schedule.durations[kept[1:]]
    known, number = np.unique(durations, return_inverse=True)
    inside = np.array([moments(float(duration), points) for duration in known])
    time = ends - durations[:, None] + inside[number.reshape(-1)]
    time[:, -1:] = ends
    return np.concatenate([first, time.ravel()])
