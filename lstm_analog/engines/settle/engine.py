"""Every phase at its fixed point: what a machine computes when its clock is slow."""

from dataclasses import dataclass
from enum import Enum
from functools import partial

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.engines.apart import run_chips
from lstm_analog.engines.base import Progress
from lstm_analog.engines.limits import BeyondError, Within, within
from lstm_analog.engines.settle.plan import Flags
from lstm_analog.engines.settle.play import play
from lstm_analog.engines.settle.script import script
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.chips import chip_axis
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import EVERYTHING, Save, Trajectory


class Precision(Enum):
    """In which numbers to compute: 53 or 24 binary digits."""

    DOUBLE = "float64"
    SINGLE = "float32"


@dataclass(frozen=True, kw_only=True)
class Settle:
    """Fixed points, phase after phase, without a way there: for studies of accuracy, at the price of inference.

    Junctions, followers and storages that are tied firmly take the values at which all flows balance. A storage that
    its phase moves by less than `settled` time constants takes its exponential instead, which is exact if what feeds it
    stands still: so a gated leak drains for its time, an open switch droops, and a pause settles no row. What feeds it
    counts as settled from the beginning: a droop is off by the share of the phase in which its feeder moved.
    Stops of tanks are left out until a tank gets there; then all is computed again with them.

    Attributes
    ----------
    settled : float
        Time constants from which on a storage is at its fixed point when the phase ends.
    precision : Precision
        Double, or single: half the memory traffic, errors of about 1e-6 of full scale.
    save : Save
        What is kept. What neither is kept nor leads to something that is, is not computed.
    """

    settled: float = 3.0
    precision: Precision = Precision.DOUBLE
    save: Save = EVERYTHING

    def __post_init__(self) -> None:
        """Check that `settled` is positive."""
        if not (np.isfinite(self.settled) and self.settled > 0):
            raise InvalidValueError(
                explain("settled", must="be positive", got=self.settled, do="give time constants, e.g. 3")
            )

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule` at the ends of its intervals, telling `progress`.

        Chips, where the parts or what is imposed have them, are the first axis: (chips, ..., points, kept).

        Raises
        ------
        UnsupportedError
            If a storage neither settles in a phase nor has an exponential, as one at its stops with its valve shut, or
            if a dense bank stands in a loop.
        SimulationError
            If Newton's method finds no fixed point in a loop.
        """
        schedule.fit(network)  # `phase` verifies the network, once
        return run_chips(partial(self._together, progress=progress), network, schedule)

    def _together(self, network: Network, schedule: Schedule, progress: Progress | None) -> Trajectory:
        nodes, chips = self.save.nodes(network), chip_axis(network)
        takes = {name: self.save.takes(name) for name in set(schedule.names)}
        kept = np.array([True, *map(takes.__getitem__, schedule.names)])
        plain = within(network)
        try:
            efforts = self._efforts(plain, schedule, chips, kept, nodes, progress)
        except BeyondError:
            whole = Within(network=network, ranges=())
            efforts = self._efforts(whole, schedule, chips, kept, nodes, progress)
        return Trajectory(
            network=network,
            schedule=schedule,
            time=np.concatenate(([0.0], schedule.ends))[kept],
            efforts=efforts,
            engine=repr(self),
            saved=self.save,
        )

    def _efforts(
        self,
        made: Within,
        schedule: Schedule,
        chips: tuple[int, ...],
        kept: Flags,
        nodes: Indices,
        progress: Progress | None,
    ) -> Floats:
        """Return the efforts of `nodes` at the points `kept`; `BeyondError` if one gets where its stops act."""
        plan = script(made.network, schedule, settled=self.settled, kept=kept, nodes=nodes)
        return play(plan, nodes, chips, made.ranges, self.precision.value, progress)
