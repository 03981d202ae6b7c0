"""The pieces of an interval, and what is built for them: segments, programs. Runs of a network share it."""

from dataclasses import dataclass, field

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.native import KernelProgram
from lstm_analog.engines.record import Watch
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.chebyshev import Grid
from lstm_analog.engines.waveform.segment import Feedback, Segment
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A piece of an interval: its `share` of the interval's duration, and the `grid` of its points.

    `idle` tells whether parts that are idle between limits are left out, `feedback` what is read of unknowns at torn
    edges.
    """

    share: float
    grid: Grid
    idle: bool = True
    feedback: Feedback = Feedback.STILL


@dataclass(frozen=True, kw_only=True, eq=False)
class Division:
    """How an interval is divided into pieces, and what has been built for them.

    Attributes
    ----------
    high : tuple of bool
        Which clock lines are high.
    duration : float
        Length of the interval (s).
    pieces : tuple of Piece
        The pieces in order.
    within : float
        Error up to which a piece is accepted, in tolerances.
    made : dict
        The segment of each piece, None where it is not built; by what the interval must yield.
    unchecked : dict
        All steps of an interval of which no error, guess or limit need be checked; by what it must yield.
    """

    high: High
    duration: float
    pieces: tuple[Piece, ...]
    within: float
    made: dict[Wanted, list[Segment | None]]
    unchecked: dict[Wanted, tuple[Call, ...]]

    def segments(self, output: Wanted) -> list[Segment]:
        """Return the segments where the interval must yield `output`; empty if not all are built."""
        made = [segment for segment in self.made[output] if segment]
        return made if len(made) == len(self.pieces) else []


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalPrograms:
    """The `programs` of intervals by all that makes them, None where the kernel cannot do one.

    What they impose and keep lies where `cursors` (k,) point to; `done` (1,) counts the pieces of the present interval
    that are done. How far nodes with limits went is in `watches`. `waited` (1,) counts the intervals that were run
    without a program.
    """

    cursors: Indices
    watches: tuple[Watch, ...]
    done: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    programs: dict[tuple[object, ...], KernelProgram | None] = field(default_factory=dict)
    waited: Indices = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
