"""The waveforms of a segment as the levels leave them: values at its points, and where they are few, their factors."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices, Span, span


def covers(places: Span, size: int) -> bool:
    """Return whether `places` are all of `size`, in order."""
    return isinstance(places, slice) and places == slice(0, size)


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformFactor:
    """One factor of waveforms: `basis` over the points, (points,) or (points, m), times a `weight` (*lead, m).

    `held` tells that the weight is an effort at the start of the segment, which may be what it was the last time.
    """

    basis: Floats
    weight: Floats
    held: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Field:
    """The waveforms of the unknowns `nodes` (m,), in buffers that every segment writes anew.

    `start` and `end` (*lead, m) are the efforts at the edges, `values` (points, *lead, m) those at the points if anyone
    asks for them, `terms` their factors if they have few.
    """

    nodes: Indices
    start: Floats
    end: Floats
    values: Floats | None
    terms: tuple[WaveformFactor, ...] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Where each unknown lies: the number of its field and its place there, (N,)."""

    field: Indices
    place: Indices

    def by_field(self, nodes: Indices) -> list[tuple[int, Indices]]:
        """Return for each field that holds some of `nodes` its number and which of them, (k,)."""
        of = self.field[nodes]
        return [(int(number), np.flatnonzero(of == number)) for number in np.unique(of)]


class Waves:
    """Efforts as the laws ask for them, `waves[..., nodes]`, straight from the buffers of the `fields`.

    It stands for an array (*`shape`, N) of which no law sees more than some nodes, and these lie at `places`; `rows`
    are the points it has, None for the end alone. Nodes in one run of one field are a view. The same index arrays are
    asked for every time; what stands behind them, as in `waves[..., nodes, None]`, indexes the result.
    """

    def __init__(self, fields: list[Field], places: Places, shape: tuple[int, ...], rows: slice | None) -> None:
        self.shape = (*shape, places.field.size)
        self._fields, self._places, self._rows = fields, places, rows
        self._known: dict[int, tuple[Indices, Floats | None]] = {}

    def __getitem__(self, key: tuple[Any, ...]) -> Floats:
        nodes: Indices = key[1]
        known = self._known.get(id(nodes))
        if known is None:
            known = self._known[id(nodes)] = (nodes, self._view(nodes))
        found = self._gather(nodes) if known[1] is None else known[1]
        return found if len(key) == 2 else found[(..., *key[2:])]

    def _of(self, number: int) -> Floats:
        field = self._fields[number]
        if self._rows is None:
            return field.end[None]
        return field.values[self._rows]  # type: ignore[index]

    def _view(self, nodes: Indices) -> Floats | None:
        found = self._places.by_field(nodes)
        if len(found) != 1:
            return None
        places = self._places.place[nodes]
        if (places == places[0]).all():
            one = self._of(found[0][0])[..., places[0] : places[0] + 1]
            return np.broadcast_to(one, (*one.shape[:-1], nodes.size))
        run = span(places)
        return self._of(found[0][0])[..., run] if isinstance(run, slice) else None

    def _gather(self, nodes: Indices) -> Floats:
        result = np.empty((*self.shape[:-1], nodes.size))
        for number, chosen in self._places.by_field(nodes):
            result[..., chosen] = self._of(number)[..., self._places.place[nodes[chosen]]]
        return result
