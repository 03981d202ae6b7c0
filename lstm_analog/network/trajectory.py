"""The result of an engine: efforts over time, by label."""

from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Integral

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, floats, span
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule

MOST_BYTES = 2.0**30
"""The most memory that the kept efforts of a run take unless told otherwise (bytes)."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Save:
    """Which unknowns and intervals an engine keeps, so that a long run fits into memory; empty stands for all.

    Attributes
    ----------
    groups : tuple of str
        Labels of unknowns.
    intervals : tuple of str
        The names of the intervals whose points are kept.
    last : int
        Keep only points in so many intervals at the end of the run; 0 for the whole run, with its start.
    more : tuple of Save
        Further unknowns to keep, in other intervals.
    """

    groups: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()
    last: int = 0
    more: tuple["Save", ...] = ()

    def __post_init__(self) -> None:
        """Check that labels and names are listed, and that the last intervals are a number of them."""
        for name in ("groups", "intervals"):
            words = getattr(self, name)
            if isinstance(words, str) or not all(isinstance(word, str) for word in words):
                do = "give e.g. ('l0_h',)"
                raise InvalidTypeError(explain(f"save {name}", must="be a tuple of str", got=ascii(words)[:80], do=do))
            put(self, name, tuple(words))
        put(self, "more", tuple(self.more))
        last: object = self.last
        if isinstance(last, bool) or not isinstance(last, Integral) or last < 0:
            must, do = "be a whole number from 0 on", "give 0 for the whole run"
            raise InvalidValueError(explain("save last", must=must, got=ascii(last)[:80], do=do))

    @property
    def each(self) -> tuple["Save", ...]:
        """The record itself and all in `more`, as records without `more`."""
        alone = replace(self, more=()) if self.more else self
        return alone, *(one for other in self.more for one in other.each)

    def nodes(self, network: Network) -> Indices:
        """Return the unknowns of `network` that are kept, in the order of a trajectory's columns, (kept,)."""
        if not self.groups:
            return np.arange(network.unknowns.size)
        kept = [network.unknowns[label] for label in self.groups]
        return kept[0] if len(kept) == 1 else np.concatenate(kept)

    def points(self, names: tuple[str, ...]) -> Flags:
        """Return flags (1 + intervals,): whether the start of a run and the end of each interval `names` are kept.

        Raises `InvalidValueError` if none of them has the name of one that is to be kept, or nothing is kept at all.
        """
        if strange := sorted({name for name in self.intervals if name not in names}):
            known = ", ".join(dict.fromkeys(names))
            got, do = ", ".join(strange)[:80], "save another interval"
            raise InvalidValueError(explain("interval", must=f"be one of {known}", got=got, do=do))
        flags = _kept(self.intervals, self.last, tuple(names))
        if not flags.any():
            must, got = "keep a point", f"{', '.join(self.intervals)} among the last {self.last} intervals"[:120]
            raise InvalidValueError(explain("save", must=must, got=got, do="raise last, or leave it out"))
        return flags


@lru_cache(maxsize=16)
def _kept(intervals: tuple[str, ...], last: int, names: tuple[str, ...]) -> Flags:
    """Return the flags, read-only, of a record of these `intervals` and the `last` ones."""
    flags = np.ones(1 + len(names), dtype=bool)
    if intervals:
        flags[1:] = np.fromiter(map(frozenset(intervals).__contains__, names), dtype=bool, count=len(names))
    if last:
        flags[:-last] = False
    flags.flags.writeable = False
    return flags


EVERYTHING = Save()
"""All unknowns in all intervals."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Extremes:
    """The `lowest` and `highest` efforts (..., n) of `nodes` (n,) over a whole run; the chips are the first axis."""

    nodes: Indices
    lowest: Floats
    highest: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Switchings:
    """When states switched by themselves in a run, in order.

    Attributes
    ----------
    time : float array, (k,)
        The moments (s).
    nodes, sequences : index arrays, (k,)
        The state that switched, and the number of the sequence, all batch axes counted as one.
    closed : flags, (k,)
        Whether it switched to 1.
    """

    time: Floats
    nodes: Indices
    sequences: Indices
    closed: Flags

    def __post_init__(self) -> None:
        """Convert the arrays."""
        put(self, "time", floats(self.time, "switchings time"))
        for name in ("nodes", "sequences"):
            put(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        put(self, "closed", np.asarray(self.closed, dtype=bool))

    def closings(self, node: int, sequence: int = 0) -> Floats:
        """Return the moments (s) at which the state `node` switched to 1 in a `sequence`: a nerve cell's spikes."""
        found: Floats = self.time[self.closed & (self.nodes == node) & (self.sequences == sequence)]
        return found


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """Efforts of a network over time.

    Attributes
    ----------
    network, schedule
        What was run.
    time : float array, (points,)
        Seconds, increasing.
    efforts : float array, (..., points, unknowns)
        In the domain's effort unit; only of the unknowns that are `saved`.
    engine : str
        The engine and its settings as text, and what it used instead where it could not, with the reason.
    saved : Save
        Which unknowns and intervals were kept here.
    error : float
        The engine's own estimate of its largest local error, relative to what its tolerances allow; NaN if it has none.
    more : tuple of Trajectory
        Other unknowns of the same run, kept at other times.
    extremes : tuple of Extremes
        The extreme efforts at nodes that have limits, a record for each bank of `Stops`; empty if not recorded.
    switchings : Switchings or None
        When states switched by themselves; None if none can, or if the engine does not say.
    """

    network: Network
    schedule: Schedule
    time: Floats
    efforts: Floats
    engine: str
    saved: Save = EVERYTHING
    error: float = np.nan
    more: tuple["Trajectory", ...] = ()
    extremes: tuple[Extremes, ...] = ()
    switchings: Switchings | None = None

    def __post_init__(self) -> None:
        """Check that time increases and that the efforts cover it and every unknown."""
        put(self, "time", floats(self.time, "trajectory time"))
        put(self, "efforts", floats(self.efforts, "trajectory efforts"))
        shape = (self.time.size, self.saved.nodes(self.network).size)
        if self.efforts.shape[-2:] != shape or not self.time.size or (np.diff(self.time) <= 0).any():
            must = f"have shape (..., {shape[0]}, {shape[1]}) over increasing times, at least one"
            raise InvalidShapeError(explain("trajectory", must=must, got=self.efforts.shape, do="rerun the engine"))

    @property
    def each(self) -> tuple["Trajectory", ...]:
        """The trajectory itself and those in `more`."""
        return self, *self.more

    @property
    def kept_bytes(self) -> int:
        """The memory that the kept efforts take (bytes), `more` included."""
        return sum(one.efforts.nbytes for one in self.each)

    def __getitem__(self, label: str) -> Floats:
        """Return the efforts of the group `label`, shape (..., points, size)."""
        return self.efforts[..., span(_columns(self, self.network.unknowns[label]))]

    def holds(self, nodes: Indices, times: Floats) -> bool:
        """Return whether all `nodes` can be sampled at `times` (s)."""
        return any(_has(one, nodes) and _covers(one, times) for one in self.each)

    def sample(self, times: Floats, nodes: Indices) -> Floats:
        """Return the efforts of `nodes` at `times` (s), linear between points, shape (..., len(times), len(nodes)).

        Before the first point and after the last they are those of that point. A single time counts as a vector of one.

        Raises `InvalidValueError` for unknowns that there are not or that were not kept, for NaN, and between intervals
        that were not kept.
        """
        times, nodes = (
            np.atleast_1d(np.asarray(times, dtype=np.float64)),
            np.atleast_1d(np.asarray(nodes, dtype=np.int64)),
        )
        if times.ndim > 1 or nodes.ndim > 1:
            got, do = f"shapes {times.shape} and {nodes.shape}", "give one axis each"
            raise InvalidShapeError(explain("times and nodes", must="be vectors", got=got, do=do))
        if np.isnan(times).any():
            raise InvalidValueError(explain("times", must="be numbers", got="NaN", do="give seconds"))
        size = self.network.unknowns.size
        if nodes.size and not 0 <= nodes.min() <= nodes.max() < size:
            must, got = f"be 0 to {size - 1}", f"{nodes.min()} to {nodes.max()}"
            raise InvalidValueError(explain("nodes", must=must, got=got, do="take them from network.unknowns"))
        found = [one for one in self.each if _has(one, nodes)]
        if not found:
            _columns(self, nodes)
        there = next((one for one in found if _covers(one, times)), None)
        if there is None:
            kept = ", ".join(dict.fromkeys(name for one in found for name in one.saved.intervals)) or "the last ones"
            raise InvalidValueError(explain("times", must=f"be kept points of {kept}", got="others", do="save more"))
        return _at(there, times, _columns(there, nodes))

    def at_ends(self, label: str, intervals: Indices) -> Floats:
        """Return the group `label` at the ends of the given `intervals`, shape (..., len(intervals), size).

        Raises `InvalidValueError` if there is no such interval.
        """
        intervals = np.asarray(intervals, dtype=np.int64)
        if intervals.size and not 0 <= intervals.min() <= intervals.max() < self.schedule.ends.size:
            must, do = f"be 0 to {self.schedule.ends.size - 1}", "take them from the schedule"
            raise InvalidValueError(
                explain("intervals", must=must, got=f"{intervals.min()} to {intervals.max()}", do=do)
            )
        return self.sample(self.schedule.ends[intervals], self.network.unknowns[label])


def _has(trajectory: Trajectory, nodes: Indices) -> bool:
    """Return whether all `nodes` were kept, at whatever times."""
    return not trajectory.saved.groups or bool(np.isin(nodes, trajectory.saved.nodes(trajectory.network)).all())


def _covers(trajectory: Trajectory, times: Floats) -> bool:
    """Return whether `times` can be sampled: between the points only if all intervals were kept."""
    saved = trajectory.saved
    return not (saved.intervals or saved.last) or bool(np.isin(times, trajectory.time).all())


def _columns(trajectory: Trajectory, nodes: Indices) -> Indices:
    """Return where `nodes` are among what was kept; `InvalidValueError` if one of them is not."""
    if not trajectory.saved.groups:
        return nodes
    if not _has(trajectory, nodes):
        labels = dict.fromkeys(label for one in trajectory.each for label in one.saved.groups)
        must, got = f"be one of {', '.join(labels)}", "one that was not kept"
        raise InvalidValueError(explain("label", must=must, got=got, do="save it"))
    column = np.full(trajectory.network.unknowns.size, -1)
    kept = trajectory.saved.nodes(trajectory.network)
    column[kept] = np.arange(kept.size)
    return column[nodes]


def _at(trajectory: Trajectory, times: Floats, columns: Indices) -> Floats:
    """Return the efforts of `columns` at `times`: a view, which cannot be written to, where points were kept there."""
    time, efforts = trajectory.time, trajectory.efforts
    right = np.searchsorted(time, times).clip(0, time.size - 1)
    if np.array_equal(time[right], times) or time.size == 1:
        found: Floats = efforts[..., span(right), :][..., span(columns)]
        return found
    right = right.clip(1)
    left = right - 1
    weight = np.clip((times - time[left]) / (time[right] - time[left]), 0.0, 1.0)[:, None]
    before, after = (efforts[..., moments, :][..., columns] for moments in (left, right))
    result: Floats = (1.0 - weight) * before + weight * after
    return result
