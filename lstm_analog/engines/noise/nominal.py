"""A run without noise, interval by interval: its equations and its efforts, along which noise is linearised."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.system import System, system
from lstm_analog.network.laws import High
from lstm_analog.network.trajectory import Trajectory

_SAME = 1e-9
"""Difference of two times, as a share of the shortest interval, below which they count as one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NominalRun:
    """The intervals of a `trajectory` that has kept everything, its leading axes as one batch."""

    trajectory: Trajectory

    @cached_property
    def efforts(self) -> Floats:
        """The efforts with one axis of sequences, (batch, points, unknowns)."""
        efforts = self.trajectory.efforts
        return efforts.reshape(-1, *efforts.shape[-2:])

    @cached_property
    def points(self) -> tuple[Indices, ...]:
        """Which points of the trajectory each interval has: behind its beginning, its end included."""
        schedule = self.trajectory.schedule
        edges = np.append(0.0, schedule.ends) + _SAME * schedule.durations.min()
        places = np.searchsorted(self.trajectory.time, edges, side="right")
        return tuple(np.arange(*ends) for ends in itertools.pairwise(places.tolist()))

    @cached_property
    def _systems(self) -> MappingProxyType[High, System]:
        phases = dict.fromkeys(map(self.trajectory.schedule.phase, range(len(self.points))))
        return MappingProxyType({high: system(self.trajectory.network, high) for high in phases})

    def equations(self, number: int) -> System:
        """Return the equations of interval `number`."""
        return self._systems[self.trajectory.schedule.phase(number)]

    def end(self, number: int) -> Floats:
        """Return the efforts (batch, unknowns) at the end of interval `number`."""
        return self.efforts[:, self.points[number][-1]]

    def by_sequence(self, values: Floats) -> Floats:
        """Return `values` (batch, ...) with the leading axes of the trajectory."""
        return values.reshape(*self.trajectory.schedule.lead, *values.shape[1:])
