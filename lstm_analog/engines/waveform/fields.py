"""The buffers for the waveforms of a segment: values at its points and, for sums of few terms, these terms."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices, Span, span
from lstm_analog.engines.phase.wiring import Places


def covers(places: Span, size: int) -> bool:
    """Return whether `places` are all places 0 to `size` - 1, in order."""
    return isinstance(places, slice) and places == slice(0, size)


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformFactor:
    """One term of the waveforms of m unknowns: a known function of time, `basis`, times a `weight` (*lead, m).

    `basis` is given at the points: (points,), or (points, m) if the unknowns differ. `held` tells that the weight is an
    effort at the start of the segment; a product with it may be stored from an earlier segment.
    """

    basis: Floats
    weight: Floats
    held: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Field:
    """The waveforms of the unknowns `nodes` (m,): buffers that each solve of the segment overwrites.

    `start` and `end` (*lead, m) are the efforts at the edges of the segment, `values` (points, *lead, m) those at its
    points, None if nobody asks for them. `terms` are the terms of the waveforms, None if they are no sums of few.
    """

    nodes: Indices
    start: Floats
    end: Floats
    values: Floats | None
    terms: tuple[WaveformFactor, ...] | None


class Waves:
    """Stands for an array of efforts (*`shape`, N) that laws of parts index by `waves[..., nodes]`.

    No such array is made: a law reads some nodes only, and these come from the buffers of the `fields`, where `places`
    says. `rows` are the points that it has, None for the end of the segment alone. Neighbours in one field are returned
    as a view, other nodes are gathered. Index arrays are remembered by identity: a law uses the same ones each time.
    Further indices, as in `waves[..., nodes, None]`, apply to the result.
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

    def _buffer(self, number: int) -> Floats:
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
            one = self._buffer(found[0][0])[..., places[0] : places[0] + 1]
            return np.broadcast_to(one, (*one.shape[:-1], nodes.size))
        run = span(places)
        return self._buffer(found[0][0])[..., run] if isinstance(run, slice) else None

    def _gather(self, nodes: Indices) -> Floats:
        result = np.empty((*self.shape[:-1], nodes.size))
        for number, chosen in self._places.by_field(nodes):
            result[..., chosen] = self._buffer(number)[..., self._places.place[nodes[chosen]]]
        return result
