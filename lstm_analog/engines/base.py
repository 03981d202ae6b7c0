"""What every engine is: a frozen record of its settings that runs a network under a schedule."""

from collections.abc import Callable
from typing import Protocol

from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory

Progress = Callable[[int, int], None]
"""Told how many intervals are done, and of how many."""


class Engine(Protocol):
    """Runs a network; all engines answer the same question and are tested against each other."""

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` over the whole `schedule`, telling `progress` as it goes."""
        ...
