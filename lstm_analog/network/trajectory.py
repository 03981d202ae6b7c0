"""What a run leaves behind: efforts over time, by label."""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule


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
        In the domain's effort unit.
    engine : str
        The engine and its settings, as text.
    """

    network: Network
    schedule: Schedule
    time: Floats
    efforts: Floats
    engine: str

    def __post_init__(self) -> None:
        """Check that time increases and that the efforts cover it and every unknown."""
        put(self, "time", floats(self.time, "trajectory time"))
        put(self, "efforts", floats(self.efforts, "trajectory efforts"))
        shape = (self.time.size, self.network.unknowns.size)
        if self.efforts.shape[-2:] != shape or (np.diff(self.time) <= 0).any():
            must = f"have shape (..., {shape[0]}, {shape[1]}) over increasing times"
            raise InvalidShapeError(explain("trajectory", must=must, got=self.efforts.shape, do="rerun the engine"))

    def __getitem__(self, label: str) -> Floats:
        """Return the efforts of the group `label`, shape (..., points, size)."""
        return self.efforts[..., self.network.unknowns[label]]

    def sample(self, times: Floats, nodes: Indices) -> Floats:
        """Return the efforts of `nodes` at `times` (s), linear between points, shape (..., len(times), len(nodes))."""
        right = np.clip(np.searchsorted(self.time, times), 1, self.time.size - 1)
        left = right - 1
        weight = np.clip((times - self.time[left]) / (self.time[right] - self.time[left]), 0.0, 1.0)[:, None]
        before, after = (self.efforts[..., moments, :][..., nodes] for moments in (left, right))
        return (1.0 - weight) * before + weight * after

    def at_ends(self, label: str, intervals: Indices) -> Floats:
        """Return the group `label` at the ends of the given `intervals`, shape (..., len(intervals), size)."""
        return self.sample(self.schedule.ends[intervals], self.network.unknowns[label])
