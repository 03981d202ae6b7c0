"""How intervals are divided into pieces: those of the same lines and duration are of one kind, and share a division."""

from dataclasses import dataclass

from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.workspace import Piece, Workspace
from lstm_analog.expressions import Call
from lstm_analog.network.laws import High
from lstm_analog.network.parts import ALWAYS, Pairs, Ports
from lstm_analog.network.schedule import Schedule

_GATED_SHARE = 0.4
"""Error, as a share of the tolerance, that a piece may have while a gated pair or port conducts; larger: fewer points.

The flow of a gated leak stops while it still changes the cell, so that its error stays there; where a cell settles,
errors of the way there vanish.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subdivision:
    """How intervals of one kind are divided into pieces; its lists change as the run goes on.

    Attributes
    ----------
    high : tuple of bool
        Which clock lines are high.
    duration : float
        Length of the interval (s).
    pieces : list of Piece
        The pieces in order.
    made : dict
        The segment of each piece, None where it is not built; by whether points of the interval are recorded.
    unchecked : dict
        All steps of an interval of which no error, guess or limit need be checked; by whether points are recorded.
    within : float
        Error up to which a piece is accepted, in tolerances.
    """

    high: High
    duration: float
    pieces: list[Piece]
    made: dict[bool, list[Segment | None]]
    unchecked: dict[bool, tuple[Call, ...]]
    within: float

    def segments(self, recorded: bool) -> tuple[Segment | None, ...]:
        """Return the segment of each piece, None where it is not built; by whether points are `recorded`."""
        return tuple(self.made[recorded])

    def changed(self) -> None:
        """Drop the segments, after `pieces` have changed."""
        for recorded in (False, True):
            self.made[recorded] = [None] * len(self.pieces)
        self.unchecked.clear()


def subdivisions(space: Workspace, schedule: Schedule) -> list[Subdivision]:
    """Return the subdivision of each interval of `schedule`, for segments of `space`; those of one kind share one."""
    flags, width = schedule.high.tobytes(), schedule.high.shape[1]
    durations = schedule.durations.tolist()
    kinds = [(flags[k * width : (k + 1) * width], duration) for k, duration in enumerate(durations)]
    found = {kind: subdivision(space, tuple(map(bool, kind[0])), kind[1]) for kind in set(kinds)}
    return [found[kind] for kind in kinds]


def subdivision(space: Workspace, high: High, duration: float) -> Subdivision:
    """Return the first subdivision of intervals of `duration` (s) with the lines `high`, without segments.

    They are to be run with the segments of `space`.
    """
    parts = (part for part in space.network.parts if isinstance(part, Pairs | Ports))
    gated = any(part.line != ALWAYS and high[part.line] for part in parts)
    division = Subdivision(
        high=high,
        duration=duration,
        pieces=space.pieces(high, duration),
        made={},
        unchecked={},
        within=_GATED_SHARE if gated else 1.0,
    )
    division.changed()
    return division
