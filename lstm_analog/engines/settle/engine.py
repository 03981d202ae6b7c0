"""The engine that takes every phase at its fixed point: what a machine computes when its clock is slow."""

from dataclasses import dataclass, field

import numpy as np

from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Precision, Progress, check_save
from lstm_analog.engines.portions import Solved, check_threads, divided, run_chips
from lstm_analog.engines.record import Recorder, leading_axes, recorder, within
from lstm_analog.engines.settle.program import program
from lstm_analog.engines.settle.run import execute
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import Save, Trajectory


@checked_record
@dataclass(frozen=True, kw_only=True)
class Settle:
    """Computes the fixed point of each phase without its transient: for studies of accuracy, at the cost of inference.

    Junctions, followers and storages that settle take the values at which all flows balance. A storage does not settle
    if the phase lasts less than `settled` of its time constants. Where the flows that move it are linear in its effort,
    it takes its exponential, which is exact if its inflow stands still: so a gated leak drains for its time, an open
    switch droops, two capacitors share their charge. The inflow counts as settled from the beginning of the phase: a
    droop is off by the share of the phase in which the inflow still moved, and what settles does not lag behind an
    inflow that moves to the end. Where the flows are not linear, as in an op-amp, the storage takes its fixed point if
    the phase leaves it within 1e-7 of a unit of there; else the whole interval is run over time, as by `Waveform`, and
    the trajectory's `engine` says how many intervals were, and which.

    Time constants are those at efforts of zero. Where ports that others may shut feed a storage, the run takes those at
    the efforts that it finds, and runs the interval over time if they are too few. An op-amp that slews, and a flow
    that saturates, count as if they did not. Where parameters change from step to step, those of the network that is
    run decide what settles and which couplings are negligible. `Waveform` shows whether any of that matters.

    Stops of tanks are left out unless a tank reaches one; then all is computed again with them.

    Attributes
    ----------
    settled : float
        Time constants from which on a storage is at its fixed point when the phase ends.
    precision : Precision
        Double, or single: half the memory traffic, errors of about 1e-6 of full scale.
    save : Save, optional
        What is recorded; unless given, what `Machine.run` is told to keep, or all. What no record needs is not
        computed.
    threads : int
        Threads, each of which solves a portion of many chips or sequences. The same answers for any number, to 1e-13;
        where processes run side by side, leave it at 1.
    """

    settled: float = 3.0
    precision: Precision = Precision.DOUBLE
    save: Save | None = field(default=None, repr=False)
    threads: int = field(default=1, repr=False)

    def __post_init__(self) -> None:
        """Check that `settled` is positive."""
        if not (np.isfinite(self.settled) and self.settled > 0):
            raise InvalidValueError(
                explain("settled", must="be positive", got=self.settled, do="give time constants, e.g. 3")
            )
        check_save(self.save)
        check_threads(self.threads)

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule` at the ends of its intervals, telling `progress`.

        Chips, where the parts or what is imposed have them, are the first axis: (chips, ..., points, kept).

        Raises
        ------
        UnsupportedError
            If a loop is too large to be solved as a whole or leads through a dense bank, or settles on some chips only;
            if a storage is tied to nothing where the run begins; if a coefficient of a linear part is
            in a later step more than 1000 times what it is in the network.
        UnsupportedPartError
            If a part switches by itself.
        SimulationError
            If Newton's method finds no fixed point in a loop that has the time to settle, or if an interval that is to
            be run over time cannot be.
        """
        schedule.fit(network)  # `phase` verifies the network, once
        portions = divided(network, schedule, threads=self.threads, most=self.threads)
        record = recorder(network, schedule, self.save, points=1, lead=leading_axes(network, schedule))
        return run_chips(self._together, record, portions, progress)

    def _together(self, network: Network, schedule: Schedule, record: Recorder, progress: Progress | None) -> Solved:
        """Run all chips at once, without stops of tanks; if a tank reaches one, again with them."""
        free = within(network)
        slow = self._execute(free.network, schedule, record, progress)
        if free.network is not network and not all(watch.inside for watch in record.watches):
            record.forget()
            slow = self._execute(network, schedule, record, progress)
        names = ", ".join(sorted({schedule.names[number] for number in slow}))
        over_time = f", {len(slow)} of {len(schedule.names)} intervals over time: {names}" if slow else ""
        return Solved(engine=f"{self!r}{over_time}")

    def _execute(self, network: Network, schedule: Schedule, record: Recorder, progress: Progress | None) -> list[int]:
        """Run `network`, and return the numbers of the intervals that were run over time."""
        instructions = program(network, schedule, settled=self.settled, kept=record.records)
        return execute(instructions, record, self.precision.value, progress)
