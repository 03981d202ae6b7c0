"""The fast engine: computes whole waveforms, one level of the network after the other, from the laws of its parts.

In each interval most storages hold their effort, so that the rest of the network is feed-forward but for a few small
loops. So instead of stepping the whole network through time, each level's waveforms are found over a whole piece of an
interval at once, by their values at Chebyshev points, mapped so that they lie closer where a transient begins (waveform
relaxation, Lelarasmee et al. 1982, with rational spectral collocation; here in an order in which most networks need no
relaxing). The error is estimated from the last Chebyshev coefficients; the points and the pieces adapt to it.
"""

from dataclasses import dataclass, field

import numpy as np

from lstm_analog.arrays import Flags
from lstm_analog.doors import checked_record
from lstm_analog.engines.base import Precision, Progress, check_points, check_save
from lstm_analog.engines.integrate import Integrate
from lstm_analog.engines.portions import Solved, check_threads, divided, run_chips
from lstm_analog.engines.record import Recorder, leading_axes, recorder, within
from lstm_analog.engines.waveform.interval import IntervalSolver
from lstm_analog.engines.waveform.pieces import OutOfReachError
from lstm_analog.engines.waveform.run import run_intervals
from lstm_analog.engines.waveform.segment import NotLinearError, Tolerance
from lstm_analog.engines.waveform.workspace import workspace
from lstm_analog.errors import InvalidValueError, SimulationError, UnsupportedError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.schedule import Schedule
from lstm_analog.network.trajectory import EVERYTHING, Save, Trajectory

_TIGHTEST = 1e-13
"""Smallest `rtol` and `atol` that are accepted; below it the error is that of rounding."""
_TIGHTEST_SINGLE = 1e-6
"""Smallest `rtol` that is accepted in single precision."""
_FINER = 10.0
"""Factor by which the tolerances of `Integrate` in the place of this engine are smaller; larger: slower, more accurate.

They are those of a step, whose errors add up: with the same ones, one of 60 random networks was 19 of them off.
"""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Waveform:
    """Computes whole waveforms, piece by piece of each interval, from the operating point of the first interval on.

    A network that it cannot solve, above all one in which more than 24 unknowns act on each other strongly, it leaves
    to `Integrate`, with a tenth of its tolerances, and says so in the trajectory's `engine`. Of several chips, those
    that it cannot solve side by side with the others it solves alone, with a warning that names them. Without the extra
    `fast` the logger `lstm_analog` says once what that would gain.

    Attributes
    ----------
    rtol : float
        Allowed error of each piece, as a share of the effort plus one unit of signal (`Group.scale`).
    atol : float
        Allowed error of each piece, in units of signal, in addition.
    points : int
        Points kept of every interval: its end; if more than one, also right behind its start, the rest evenly between.
    precision : Precision
        Double, or single: about half the time of the arithmetic, rounding within 1e-5 of full scale, and only for
        networks in which the flow into each unknown is linear in that unknown's own effort.
    save : Save, optional
        Which unknowns and intervals are kept: all unless given, but what `Machine.run` is told to keep.
    threads : int
        Threads that solve portions of many chips or sequences at once; leave it at 1 where processes run side by side.
        Answers do not depend on it, but for those of op-amps, by far less than the tolerance.
    """

    rtol: float = 1e-6
    atol: float = 1e-8
    points: int = 1
    precision: Precision = Precision.DOUBLE
    save: Save | None = field(default=None, repr=False)
    threads: int = field(default=1, repr=False)

    def __post_init__(self) -> None:
        """Check that numbers of this precision can meet the tolerances; and points, threads and what is saved."""
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not _TIGHTEST <= value < 1.0:
                must, do = f"be at least {_TIGHTEST:g} and less than 1", "give e.g. 1e-7"
                raise InvalidValueError(explain(name, must=must, got=value, do=do))
        if self.precision is Precision.SINGLE and self.rtol < _TIGHTEST_SINGLE:
            must, do = f"be at least {_TIGHTEST_SINGLE:g} in single precision", "take Precision.DOUBLE, or a larger one"
            raise InvalidValueError(explain("rtol", must=must, got=self.rtol, do=do))
        check_points(self.points)
        check_save(self.save)
        check_threads(self.threads)

    def run(self, network: Network, schedule: Schedule, progress: Progress | None = None) -> Trajectory:
        """Return the efforts of `network` under `schedule`, (..., points, kept), telling `progress` by interval.

        Chips, where the parts or what is imposed have them, are the first axis: (chips, ..., points, kept).

        Raises
        ------
        UnsupportedError
            If a network that needs Newton's method is to be run in single precision.
        SimulationError
            If neither this engine nor `Integrate` can run the network; the message says why.
        """
        schedule.fit(network.verify())
        record = recorder(network, schedule, self.save, points=self.points, lead=leading_axes(network, schedule))
        return run_chips(self._together, record, divided(network, schedule, threads=self.threads), progress)

    def _together(self, network: Network, schedule: Schedule, record: Recorder, progress: Progress | None) -> Solved:
        """Run all chips at once, or if there are none and this engine cannot, let `Integrate` do it.

        Raises `SimulationError` if several chips cannot be solved side by side.
        """
        wanted, lead = _wanted(network, self.save or EVERYTHING), record.lead
        worst, finite, effort, tolerance = 0.0, True, None, Tolerance(rtol=self.rtol, atol=self.atol)
        try:
            for present, intervals in schedule.stretches(network):
                with workspace(present, lead, tolerance, wanted, self.precision, self.points > 1) as space:
                    solver = IntervalSolver(space=space, points=self.points)
                    effort = run_intervals(solver, schedule, intervals, effort, record, progress)
                    worst, finite = max(worst, space.worst.item()), finite and not space.nonfinite[0]
        except NotLinearError as reason:
            label = network.unknowns.groups[reason.args[0] - 1].label
            must, got = "be fed linearly in its own efforts in single precision", "a flow that is not"
            raise UnsupportedError(
                explain(f"group {label!r}", must=must, got=got, do="take Precision.DOUBLE")
            ) from None
        except (OutOfReachError, np.linalg.LinAlgError) as reason:
            if network.chips:
                must, do = "be solved side by side", "run one chip at a time"
                raise SimulationError(explain("several chips", must=must, got=reason, do=do)) from reason
            rtol, atol = max(_TIGHTEST, self.rtol / _FINER), self.atol / _FINER
            other = Integrate(rtol=rtol, atol=atol, points=self.points, save=self.save)
            record.copy(other.run(network, schedule, progress))
            return Solved(engine=f"{other!r} instead of {self!r}: {reason}")
        return Solved(engine=repr(self), error=worst, finite=finite)


def _wanted(network: Network, save: Save) -> Flags:
    """Return which unknowns of `network` are recorded by `save` or watched for their limits, (N,)."""
    wanted = np.zeros(network.unknowns.size, dtype=bool)
    for one in save.each:
        wanted[one.nodes(network)] = True
    for limits in within(network).ranges:
        wanted[limits.nodes] = True
    return wanted
