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
    lead with the chips where they differ; one interval stands for all if they are steady. `changes` (intervals,) says
    where the efforts differ from those of the interval before.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class SourcePlaces:
    """A bank of `sources` of a network, the unknowns `places` that it drives, and the `groups` in which these lie."""

    sources: Sources
    places: Span
    groups: Indices


def source_places(network: Network) -> tuple[SourcePlaces, ...]:
    """Return which unknowns each bank of sources of `network` drives."""
    sizes = [group.size for group in network.unknowns.groups]
    groups = np.repeat(np.arange(1 + len(sizes)), [1, *sizes])
    banks = (part for part in network.parts if isinstance(part, Sources))
    return tuple(
        SourcePlaces(sources=part, places=span(part.nodes), groups=np.unique(groups[part.nodes])) for part in banks
    )


def imposed_waveforms(
    places: tuple[SourcePlaces, ...], schedule: Schedule, dtype: np.dtype[Any]
) -> list[ImposedWaveform]:
    """Return what each bank of sources, with its `places`, imposes in each interval of `schedule`.

    Efforts are numbers of `dtype`.
    """
    driven, found = {entry.label: entry for entry in schedule.imposed}, []
    for each in places:
        entry = driven.get(each.sources.label)
        changes = np.zeros(len(schedule.names), dtype=bool)
        changes[0] = True
        efforts = each.sources.effort[..., None, :] if entry is None else schedule.side_by_side(entry)
        if entry is not None and entry.steady:
            efforts = efforts[..., :1, :]
        elif entry is not None:
            moves = efforts[..., 1:, :] != efforts[..., :-1, :]
            changes[1:] = moves.any(axis=tuple(range(moves.ndim - 2))).any(axis=-1)  # in this order it is fastest
        given = efforts.astype(dtype, copy=False)
        found.append(ImposedWaveform(places=each.places, groups=each.groups, efforts=given, changes=changes))
    return found
