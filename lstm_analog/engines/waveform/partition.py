"""The kinds of intervals of a run, and the partition of each kind into pieces, which gets finer as errors ask for it.

Intervals of the same clock lines and duration are solved with the same partition.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.engines.record import Recorder
from lstm_analog.engines.waveform.analysis import Wanted
from lstm_analog.engines.waveform.pieces import Partition, Piece
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


class AdaptivePartition:
    """The `present` partition of intervals of the same lines and duration, which gets finer as a run goes on.

    Every run begins with the same one, so that none depends on the runs before; `space` keeps all, with their segments.
    """

    def __init__(self, space: Workspace, high: High, duration: float) -> None:
        """Start with the first partition of intervals of `duration` (s) with the lines `high`."""
        self._space, known = space, space.partitions
        if (high, duration, ()) not in known:  # no pieces stand for the first, before it is worked out
            parts = (part for part in space.network.parts if isinstance(part, Pairs | Ports))
            gated = any(part.line != ALWAYS and high[part.line] for part in parts)
            pieces = tuple(space.first_pieces(high, duration))
            known[high, duration, ()] = _partition(space, high, duration, pieces, _GATED_SHARE if gated else 1.0)
        self.present = known[high, duration, ()]

    def replace(self, place: int, pieces: list[Piece]) -> None:
        """Put `pieces` into the place of piece number `place`."""
        now = self.present
        changed = (*now.pieces[:place], *pieces, *now.pieces[place + 1 :])
        self.present = _partition(self._space, now.high, now.duration, changed, now.accepted)


def _partition(space: Workspace, high: High, duration: float, pieces: tuple[Piece, ...], accepted: float) -> Partition:
    """Return the partition of intervals of `duration` (s) with the lines `high` into `pieces`, from `space` if known.

    Errors up to `accepted`, in tolerances, are accepted.
    """
    key = (high, duration, pieces)
    if key not in space.partitions:
        space.partitions[key] = Partition(
            high=high,
            duration=duration,
            pieces=pieces,
            accepted=accepted,
            segments={output: [None] * len(pieces) for output in Wanted},
        )
    return space.partitions[key]


@dataclass(frozen=True, kw_only=True, eq=False)
class IntervalKind:
    """A kind of interval: its `partition`, which `sources` change at its start, which `records` keep its end.

    `recorded` tells whether any record does, or nodes are watched for their limits. Kinds of the same lines and
    duration share their partition.
    """

    partition: AdaptivePartition
    sources: tuple[bool, ...]
    records: tuple[bool, ...]
    recorded: bool


def interval_kinds(
    space: Workspace, schedule: Schedule, sources: list[ImposedWaveform], record: Recorder
) -> tuple[list[IntervalKind], Indices]:
    """Return the kinds of the intervals of `schedule`, and the number of each interval's kind, (intervals,).

    Their partitions are kept in `space`; `sources` are what is imposed, `record` says what is kept of each interval.
    """
    told: list[Flags] = [*(source.changes for source in sources), *(each.places[1:] >= 0 for each in record.records)]
    distinct, kind_of = _distinct(schedule.durations.tobytes(), np.vstack((schedule.high.T, *told)).tobytes())
    partitions: dict[tuple[High, float], AdaptivePartition] = {}
    lines, kinds = schedule.high.shape[1], []
    for duration, flags in distinct:
        high, changing, kept = flags[:lines], flags[lines : lines + len(sources)], flags[lines + len(sources) :]
        if (high, duration) not in partitions:
            partitions[high, duration] = AdaptivePartition(space, high, duration)
        recorded = any(kept) or bool(record.watches)
        kinds.append(
            IntervalKind(partition=partitions[high, duration], sources=changing, records=kept, recorded=recorded)
        )
    return kinds, kind_of


@lru_cache(maxsize=2)
def _distinct(durations: bytes, flags: bytes) -> tuple[list[tuple[float, tuple[bool, ...]]], Indices]:
    """Return the distinct pairs of a duration and k flags among n intervals, and the number of each one's pair, (n,).

    `durations` (n,), float64, and `flags` (k, n) are given as bytes, which can be looked up in a cache.
    """
    times, code = np.unique(np.frombuffer(durations), return_inverse=True)
    columns, length_of = np.frombuffer(flags, dtype=bool).reshape(-1, code.size), code
    for eight in np.packbits(columns, axis=0):
        _, code = np.unique(code * 256 + eight, return_inverse=True)
    _, first, kind_of = np.unique(code, return_index=True, return_inverse=True)
    kind_of.flags.writeable = False
    return list(zip(times[length_of[first]].tolist(), map(tuple, columns[:, first].T.tolist()), strict=True)), kind_of
