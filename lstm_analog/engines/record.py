"""Records of a run, which engines fill point by point: the efforts that are kept, and the extremes of tanks."""

from dataclasses import dataclass, replace
from math import prod
from weakref import WeakKeyDictionary

import numpy as np

from lstm_analog.arrays import Finite, Flags, Floats, Indices, Span, aligned_zeros, span
from lstm_analog.engines.base import kept_times
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Idle, idle
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import EVERYTHING, Extremes, Save, Trajectory

_STREAMED = 2**22
"""Bytes of a record from which it is written past the caches; larger: more records push buffers out of the caches."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Within:
    """A `network` without the parts, such as stops of tanks, that carry no flow while efforts are within `ranges`."""

    network: Network
    ranges: tuple[Idle, ...]


_KNOWN: WeakKeyDictionary[Network, tuple[Network | None, tuple[Idle, ...]]] = WeakKeyDictionary()
"""Of each network in use, that of its `Within` and the ranges; None, not the network itself, where all parts stay."""


def within(network: Network) -> Within:
    """Return `network` without the parts that carry no flow between limits; one network has one such network."""
    if network not in _KNOWN:
        ranges = tuple(found for part in network.parts if (found := idle(part)) is not None)
        free = replace(network, parts=tuple(part for part in network.parts if idle(part) is None)) if ranges else None
        _KNOWN[network] = (free, ranges)
    free, ranges = _KNOWN[network]
    return Within(network=network if free is None else free, ranges=ranges)


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """The efforts that a run keeps of some unknowns.

    Attributes
    ----------
    save : Save
        The unknowns and the intervals, without `more`.
    nodes : slice or index array
        The unknowns.
    time : float array, (points,)
        The times of the points (s).
    efforts : float array, (*lead, points, kept)
        The efforts, zero where none were written yet; the leading axes are chips, if there are any, and the batch.
    places : index array, (1 + intervals,)
        The number of the point at the start of the run, and of the first point of each interval; -1 where none is kept.
    """

    save: Save
    nodes: Span
    time: Floats
    efforts: Floats
    places: Indices

    @property
    def streamed(self) -> bool:
        """Whether it is so large that writing it would push everything else out of the caches."""
        return self.efforts.nbytes >= _STREAMED


@dataclass(frozen=True, kw_only=True, eq=False)
class Watch:
    """The `lowest` and `highest` efforts so far of the nodes of `limits`, (*chips, n), as are the ends of these."""

    limits: Idle
    lowest: Floats
    highest: Floats

    def note(self, lowest: Floats, highest: Floats) -> None:
        """Take the `lowest` and `highest` efforts of each sequence into account, (*chips, batch, n)."""
        np.minimum(self.lowest, lowest.min(axis=-2), out=self.lowest)
        np.maximum(self.highest, highest.max(axis=-2), out=self.highest)

    def of_chips(self, part: slice | int) -> "Watch":
        """Return that of some chips, `part`, or of one by its number; it writes to the arrays of this one."""
        limits = replace(self.limits, low=self.limits.low[part], high=self.limits.high[part])
        return Watch(limits=limits, lowest=self.lowest[part], highest=self.highest[part])

    @property
    def inside(self) -> bool:
        """Whether no effort has left the range."""
        return bool((self.lowest >= self.limits.low).all() and (self.highest <= self.limits.high).all())


@dataclass(frozen=True, kw_only=True, eq=False)
class Recorder:
    """The `records` of what is kept of a run of `network` under `schedule`, and the `watches` of its limits."""

    network: Network
    schedule: Schedule
    records: tuple[Record, ...]
    watches: tuple[Watch, ...]

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading axes of what is written: chips, if there are any, and the batch."""
        return self.records[0].efforts.shape[:-2]

    def asks(self, number: int) -> bool:
        """Return whether anything of interval `number` is kept or watched; the start of the run is number 0."""
        return bool(self.watches) or any(int(record.places[number]) >= 0 for record in self.records)

    def share(self, part: slice | int) -> "Recorder":
        """Return the recorder of some chips, `part`, or of one by its number; of sequences, if there are no chips.

        It writes to the arrays of this one, but that extremes of sequences are separate until they are given to `join`.
        """
        records = tuple(replace(record, efforts=record.efforts[part]) for record in self.records)
        if self.network.chips:
            watches = tuple(watch.of_chips(part) for watch in self.watches)
        else:
            watches = tuple(_watch(watch.limits, ()) for watch in self.watches)
        shared = replace(self, records=records, watches=watches)
        shared.forget()
        return shared

    def forget(self) -> None:
        """Reset the extremes."""
        for watch in self.watches:
            watch.lowest[...], watch.highest[...] = np.inf, -np.inf

    def join(self, share: "Recorder") -> None:
        """Take the extremes of the sequences of a `share` into account."""
        for watch, other in zip(self.watches, share.watches, strict=True):
            watch.note(other.lowest[None], other.highest[None])

    def copy(self, trajectory: Trajectory) -> None:
        """Write a whole `trajectory` of the same network, schedule and points, which another engine computed."""
        for record, one in zip(self.records, trajectory.each, strict=True):
            record.efforts[...] = one.efforts.reshape(record.efforts.shape)
        for watch, extremes in zip(self.watches, trajectory.extremes, strict=True):
            watch.lowest[...], watch.highest[...] = extremes.lowest, extremes.highest

    def write(self, number: int, path: Floats) -> None:
        """Write the efforts `path` (*lead, points, unknowns) of interval `number`; the start of the run is number 0."""
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
        """Return the trajectory of what was written, with the leading axes `lead`; nothing can be written any more.

        `engine` and `error` are its attributes. With `finite` it is not checked for NaN and infinity again.
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
    """Return the empty recorder of a run of `network` under `schedule` that keeps `save`, everything if that is None.

    Each interval has `points`, at its `kept_times`. `lead` are the leading axes of efforts: chips, if any, and batch.
    """
    records = tuple(_record(network, schedule, one, points, lead) for one in (save or EVERYTHING).each)
    watches = tuple(_watch(limits, lead[:-1]) for limits in within(network).ranges)
    return Recorder(network=network, schedule=schedule, records=records, watches=watches)


def leading_axes(network: Network, schedule: Schedule) -> tuple[int, ...]:
    """Return the axes of the efforts of `network` under `schedule`: its chips, if any, and one of all sequences."""
    return (network.chips, prod(schedule.batch)) if network.chips else (prod(schedule.lead),)


def keep_only(trajectory: Trajectory, save: Save | None) -> Trajectory:
    """Return the part of a `trajectory` of everything that `save` asks for: named intervals at their ends only."""
    if save is None or save == EVERYTHING:
        return trajectory
    chips = trajectory.efforts.ndim - 2 - len(trajectory.schedule.lead)
    flat = trajectory.efforts.reshape(*trajectory.efforts.shape[:chips], -1, *trajectory.efforts.shape[-2:])
    watches = tuple(_watch(limits, flat.shape[:chips]) for limits in within(trajectory.network).ranges)
    watching = Recorder(network=trajectory.network, schedule=trajectory.schedule, records=(), watches=watches)
    watching.write(0, flat)
    first, *more = (_keep_record(trajectory, one) for one in save.each)
    return replace(first, more=tuple(more), extremes=tuple(_extremes(watch) for watch in watches))


def _keep_record(trajectory: Trajectory, save: Save) -> Trajectory:
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
    low, high = np.broadcast_to(limits.low, shape), np.broadcast_to(limits.high, shape)
    each = replace(limits, low=low, high=high)
    return Watch(limits=each, lowest=np.full(shape, np.inf), highest=np.full(shape, -np.inf))


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
    """Return the times (s) of the points that are `kept` (1 + intervals,) of the start and of intervals, (points,).

    They increase: the first point of a short interval after a long time is rounded away from the end of the one before.
    """
    first = np.zeros(int(kept[0]))
    if points == 1:
        return np.concatenate([first, schedule.ends[kept[1:]]])
    ends, durations = schedule.ends[kept[1:], None], schedule.durations[kept[1:]]
    known, number = np.unique(durations, return_inverse=True)
    inside = np.array([kept_times(float(duration), points) for duration in known])
    time = ends - durations[:, None] + inside[number.reshape(-1)]
    time[:, -1:] = ends
    before = np.append(0.0, schedule.ends[:-1])[kept[1:]]
    time[:, 0] = np.maximum(time[:, 0], np.nextafter(before, np.inf))
    return np.concatenate([first, time.ravel()])
