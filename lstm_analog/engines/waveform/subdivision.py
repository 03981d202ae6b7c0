"""How intervals are divided into pieces: those of the same lines and duration are of one kind, and share a division."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.pieces import Division, Piece
from lstm_analog.engines.waveform.segment import Segment
from lstm_analog.engines.waveform.state import ImposedWaveform
from lstm_analog.engines.waveform.workspace import Workspace
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
    """How intervals of one kind are divided in a run: the last of `divisions`, which are in `space`."""

    space: Workspace
    divisions: list[Division]

    @property
    def present(self) -> Division:
        """How intervals of this kind are divided now."""
        return self.divisions[-1]

    def replace(self, place: int, pieces: list[Piece]) -> None:
        """Put `pieces` into the place of piece number `place`."""
        now = self.present
        changed = (*now.pieces[:place], *pieces, *now.pieces[place + 1 :])
        self.divisions.append(_division(self.space, now.high, now.duration, changed, now.within))


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalKind:
    """A kind of interval: its `subdivision`, which `sources` change at its start, which `records` take down its end.

    `recorded` tells whether its efforts are recorded or watched at all.
    """

    subdivision: Subdivision
    sources: tuple[bool, ...]
    records: tuple[bool, ...]
    recorded: bool


def interval_kinds(
    space: Workspace, schedule: Schedule, sources: list[ImposedWaveform], record: Recorder
) -> tuple[list[IntervalKind], Indices]:
    """Return the kinds of the intervals of `schedule`, and the number of each interval's kind, (intervals,).

    They are run with segments of `space`; `sources` are imposed on them, and `record` asks for some of their ends.
    """
    told: list[Flags] = [*(source.changes for source in sources), *(each.places[1:] >= 0 for each in record.records)]
    different, kind_of = _different(schedule.durations.tobytes(), np.vstack((schedule.high.T, *told)).tobytes())
    divisions: dict[tuple[High, float], Subdivision] = {}
    lines, kinds = schedule.high.shape[1], []
    for duration, flags in different:
        high, changing, asked = flags[:lines], flags[lines : lines + len(sources)], flags[lines + len(sources) :]
        if (high, duration) not in divisions:
            divisions[high, duration] = subdivision(space, high, duration)
        recorded = any(asked) or bool(record.watches)
        kinds.append(
            IntervalKind(subdivision=divisions[high, duration], sources=changing, records=asked, recorded=recorded)
        )
    return kinds, kind_of


@lru_cache(maxsize=2)
def _different(durations: bytes, flags: bytes) -> tuple[list[tuple[float, tuple[bool, ...]]], Indices]:
    """Return the kinds of intervals, each a duration and its flags, and the number of each interval's kind, (n,).

    They differ in one of the `durations` (n,), float64, or of the `flags` (k, n), both as bytes.
    """
    times, code = np.unique(np.frombuffer(durations), return_inverse=True)
    columns, length_of = np.frombuffer(flags, dtype=bool).reshape(-1, code.size), code
    for eight in np.packbits(columns, axis=0):
        _, code = np.unique(code * 256 + eight, return_inverse=True)
    _, first, kind_of = np.unique(code, return_index=True, return_inverse=True)
    kind_of.flags.writeable = False
    return list(zip(times[length_of[first]].tolist(), map(tuple, columns[:, first].T.tolist()), strict=True)), kind_of


def subdivision(space: Workspace, high: High, duration: float) -> Subdivision:
    """Return the first subdivision of intervals of `duration` (s) with the lines `high`.

    They are to be run with the segments of `space`.
    """
    if (high, duration, ()) not in space.divisions:
        parts = (part for part in space.network.parts if isinstance(part, Pairs | Ports))
        gated = any(part.line != ALWAYS and high[part.line] for part in parts)
        pieces = tuple(space.pieces(high, duration))
        space.divisions[high, duration, ()] = _division(space, high, duration, pieces, _GATED_SHARE if gated else 1.0)
    return Subdivision(space=space, divisions=[space.divisions[high, duration, ()]])


def _division(space: Workspace, high: High, duration: float, pieces: tuple[Piece, ...], within: float) -> Division:
    """Return the division of intervals of `duration` (s) with the lines `high` into `pieces`, from `space` if known.

    Errors up to `within` are accepted.
    """
    if (high, duration, pieces) not in space.divisions:
        made: dict[Wanted, list[Segment | None]] = {output: [None] * len(pieces) for output in Wanted}
        space.divisions[high, duration, pieces] = Division(
            high=high, duration=duration, pieces=pieces, within=within, made=made, unchecked={}
        )
    return space.divisions[high, duration, pieces]
