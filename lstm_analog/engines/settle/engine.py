"""Every phase at its fixed point: what a machine computes when its clock is slow."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.base import Progress
from lstm_analog.engines.settle.play import play
from lstm_analog.engines.settle.script import script
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Trajectory


class Precision(Enum):
    """In which numbers to compute: 53 or 24 binary digits."""

    DOUBLE = "float64"
    SINGLE = "float32"


@dataclass(frozen=True, kw_only=True)
class Settle:
    """Fixed points, phase after phase, without a way there: for studies of accuracy, at the price of inference.

    Junctions, followers and storages that are tied firmly take the values at which all flows balance. A storage that its
    phase moves by less than `settled` time constants takes its exponential instead, exactly if what feeds it stands
    still: so a gated leak drains for its time, an open switch droops, and a pause settles no row.

    Attributes
    ----------
    settled : float
        Time constants from which on a storage is at its fixed point when the phase ends.
    precision : Precision
        Double, or single: half the memory traffic, errors of about 1e-6 of full scale.
    """

    settled: float = 3.0
    precision: Precision = Precision.DOUBLE

    def __post_init__(self) -> None:
        """Check that `settled` is positive."""
        if not (np.isfinite(self.settled) and self.settled > 0):
            raise InvalidValueError(
                explain("settled", must="be positive", got=self.settled, do="give time constants, e.g. 3")
            )

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule` at the ends of its intervals, telling `progress`.

        Chips, where parts have them, are the first axis: (chips, ..., points, unknowns).
        """
        kept = np.ones(len(schedule.names) + 1, dtype=bool)
        efforts = self.efforts(network, schedule, kept, np.arange(network.unknowns.size), progress)
        return Trajectory(
            network=network,
            schedule=schedule,
            time=np.concatenate(([0.0], schedule.ends)),
            efforts=efforts,
            engine=repr(self),
        )

    def efforts(
        self, network: Network, schedule: Schedule, kept: Array, nodes: Indices, progress: Progress | None = None
    ) -> Floats:
        """Return the efforts of `nodes` at the `kept` points (start and ends, 1 + intervals), (..., points, nodes)."""
        schedule.fit(network.verify())
        plan = script(network, schedule, settled=self.settled, kept=kept, nodes=nodes)
        return play(plan, nodes, self.precision.value, progress)
