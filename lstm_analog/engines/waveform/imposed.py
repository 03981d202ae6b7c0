"""What sources impose on a network from interval to interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, Span, span
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Sources
from lstm_analog.network.schedule import Schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class ImposedWaveform:
    """What a bank of m sources imposes on the unknowns `places`, which lie in `groups`, in each interval.

    `efforts` (..., intervals, m) have an axis of sequences before the intervals, of length 1 if all have the same, and
    lead with the chips where they differ. `changes` (intervals,) says where the efforts differ from those of the
    interval before.
    """

    places: Span
    groups: Indices
    efforts: Floats
    changes: Flags

    def impose(self, state: NetworkState, number: int) -> None:
        """Set the efforts in `state` that are imposed in interval `number`, if they change there."""
        if self.changes[number]:
            last = self.efforts.shape[-2] - 1
            state.effort[..., self.places] = self.efforts[..., min(number, last), :]
            state.moved(self.groups)()


def imposed_waveforms(
    network: Network, groups: Indices, schedule: Schedule, dtype: np.dtype[Any]
) -> list[ImposedWaveform]:
    """Return what each bank of sources of `network` imposes in each interval of `schedule`.

    `groups` (N,) are the groups of the unknowns; efforts are numbers of `dtype`.
    """
    driven, found = {entry.label: entry for entry in schedule.imposed}, []
    for part in (part for part in network.parts if isinstance(part, Sources)):
        entry = driven.get(part.label)
        changes = np.zeros(len(schedule.names), dtype=bool)
        changes[0] = True
        efforts = part.effort[..., None, :] if entry is None else schedule.side_by_side(entry)
        if entry is not None and not entry.steady:
            moves = efforts[..., 1:, :] != efforts[..., :-1, :]
            changes[1:] = moves.any(axis=(*range(moves.ndim - 2), -1))
        touched = np.unique(groups[part.nodes])
        found.append(
            ImposedWaveform(
                places=span(part.nodes), groups=touched, efforts=efforts.astype(dtype, copy=False), changes=changes
            )
        )
    return found
