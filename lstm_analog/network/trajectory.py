"""What a run leaves behind: efforts over time, by label."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Save:
    """What a run keeps, so that a long one fits into memory; empty stands for all.

    `groups` are labels of unknowns; `intervals` the names of those whose points are kept, the start of the run always.
    """

    groups: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()

    def nodes(self, network: Network) -> Indices:
        """Return the unknowns of `network` that are kept, in the order of a trajectory's columns, (kept,)."""
        if not self.groups:
            return np.arange(network.unknowns.size)
        return np.concatenate([network.unknowns[label] for label in self.groups])

    def takes(self, name: str) -> bool:
        """Return whether the points of intervals called `name` are kept."""
        return not self.intervals or name in self.intervals


EVERYTHING = Save()
"""All unknowns in all intervals."""


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
        The engine and its settings, as text; and what it used instead, with the reason.
    saved : Save
        Which unknowns and intervals were kept.
    error : float
        The engine's own estimate of its largest local error, relative to what its tolerances allow; NaN if it has none.
    """

    network: Network
    schedule: Schedule
    time: Floats
    efforts: Floats
    engine: str
    saved: Save = EVERYTHING
    error: float = np.nan

    def __post_init__(self) -> None:
        """Check that time increases and that the efforts cover it and every unknown."""
        put(self, "time", floats(self.time, "trajectory time"))
        put(self, "efforts", floats(self.efforts, "trajectory efforts"))
        shape = (self.time.size, self.saved.nodes(self.network).size)
        if self.efforts.shape[-2:] != shape or (np.diff(self.time) <= 0).any():
            must = f"have shape (..., {shape[0]}, {shape[1]}) over increasing times"
            raise InvalidShapeError(explain("trajectory", must=must, got=self.efforts.shape, do="rerun the engine"))

    def __getitem__(self, label: str) -> Floats:
        """Return the efforts of the group `label`, shape (..., points, size)."""
        return self.efforts[..., self._columns(self.network.unknowns[label])]

    def sample(self, times: Floats, nodes: Indices) -> Floats:
        """Return the efforts of `nodes` at `times` (s), linear between points, shape (..., len(times), len(nodes)).

        Raises `InvalidValueError` for unknowns that were not kept, and between intervals that were not.
        """
        columns = self._columns(nodes)
        if self.saved.intervals and not np.isin(times, self.time).all():
            kept = ", ".join(self.saved.intervals)
            raise InvalidValueError(explain("times", must=f"be kept points of {kept}", got="others", do="save more"))
        right = np.clip(np.searchsorted(self.time, times), 1, self.time.size - 1)
        left = right - 1
        weight = np.clip((times - self.time[left]) / (self.time[right] - self.time[left]), 0.0, 1.0)[:, None]
        before, after = (self.efforts[..., moments, :][..., columns] for moments in (left, right))
        return (1.0 - weight) * before + weight * after

    def at_ends(self, label: str, intervals: Indices) -> Floats:
        """Return the group `label` at the ends of the given `intervals`, shape (..., len(intervals), size)."""
        return self.sample(self.schedule.ends[intervals], self.network.unknowns[label])

    def _columns(self, nodes: Indices) -> Indices:
        if not self.saved.groups:
            return nodes
        column = np.full(self.network.unknowns.size, -1)
        kept = self.saved.nodes(self.network)
        column[kept] = np.arange(kept.size)
        if (column[nodes] < 0).any():
            must, got = f"be one of {', '.join(self.saved.groups)}", "one that was not kept"
            raise InvalidValueError(explain("label", must=must, got=got, do="save it"))
        return column[nodes]
