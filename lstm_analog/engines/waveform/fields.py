"""The buffers for the waveforms of a segment: values at its points and, for sums of few terms, these terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Indices, Span, span
from lstm_analog.engines.phase.wiring import Places
from lstm_analog.engines.waveform.parts import BatchParts
from lstm_analog.expressions import Call, make, putting, reading


def covers(places: Span, size: int) -> bool:
    """Return whether `places` are all places 0 to `size` - 1, in order."""
    return isinstance(places, slice) and places == slice(0, size)


def two_axes(values: Floats) -> Floats:
    """Return a view (points, *lead x m) of the contiguous `values` (points, *lead, m)."""
    return values.reshape(len(values), values[0].size)


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformFactor:
    """One term of the waveforms of m unknowns: a known function of time, `basis`, times a `weight` (*lead, m).

    `basis` is given at finer points, of which number 0, `every`, 2 `every` ... are those of the segment: (finer,), or
    (finer, m) if the unknowns differ. `held` tells that the weight is an effort at the start of the segment; a product
    with it may be stored from an earlier segment. `still` tells that it is made of efforts alone that do not move,
    `guessed` that it is made of these and guesses alone.
    """

    basis: Floats
    weight: Floats
    held: bool
    still: bool
    guessed: bool
    every: int

    @property
    def at_points(self) -> Floats:
        """The basis at the points of the segment, (points,) or (points, m)."""
        return self.basis[:: self.every]


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


def constant_field(nodes: Indices, start: Floats, count: int, every: int, held: bool) -> Field:
    """Return the field of `nodes` (m,) that stay at their efforts at the `start`, (*lead, m), at `count` points.

    Each, but the last, is one of `every` finer points. `held` tells that these are efforts of the state.
    """
    values = np.broadcast_to(start, (count, *start.shape))
    basis = np.ones((count - 1) * every + 1)
    term = WaveformFactor(basis=basis, weight=start, held=held, still=held, guessed=True, every=every)
    return Field(nodes=nodes, start=start, end=start, values=values, terms=(term,))


class Waves:
    """Stands for an array of efforts (*`shape`, N) that laws of parts index by `waves[..., nodes]`.

    No such array is made: a law reads some nodes only, and these come from the buffers of the `fields`, where `places`
    says. `rows` are the points that it has, None for the end of the segment alone. Index arrays are remembered by
    identity: a law uses the same ones each time. Further indices, as in `waves[..., nodes, None]`, apply to the result.
    At `points` of them, and not at the end, they are those of one of the `parts` of the batch.
    """

    def __init__(self, fields: list[Field], places: Places, points: int, rows: slice | None, parts: BatchParts) -> None:
        self._lead = (points, *(parts.lead if rows is None else parts.own))
        self.shape = (*self._lead, places.field.size)
        self._fields, self._places, self._rows, self._parts = fields, places, rows, parts
        self._own: dict[int, Floats] = {}
        self._once: list[Call] = []
        self._known: dict[int, tuple[Indices, Floats, tuple[Call, ...]]] = {}

    def solved_for(self, own: Mapping[int, Floats], once: list[Call]) -> "Waves":
        """Return the same efforts, those of the fields with these numbers read from the arrays `own`.

        They are (points, *lead, m). While these are solved for all others stay: what reads them is appended to `once`.
        """
        other = Waves(self._fields, self._places, self.shape[0], self._rows, self._parts)
        other._own.update(own)
        other._once = once
        return other

    def __getitem__(self, key: tuple[Any, ...]) -> Floats:
        nodes: Indices = key[1]
        if id(nodes) not in self._known:
            self._known[id(nodes)] = (nodes, *self._read(nodes))
        _, found, calls = self._known[id(nodes)]
        make(calls)
        return found if len(key) == 2 else found[(..., *key[2:])]

    def gathered(self, nodes: Indices) -> tuple[Floats, tuple[Call, ...]]:
        """Return the efforts of `nodes` (m,), (*shape, m), and the calls that bring them up to date.

        Neighbours in one field, and one node many times, are a view without calls.
        """
        found, calls = self._read(nodes)
        numbers = {number for number, _ in self._places.by_field(nodes)}
        if not self._own or not numbers.isdisjoint(self._own):
            return found, calls
        packed = np.empty(found.shape)
        self._once += [*calls, partial(np.copyto, packed, found)]
        return packed, ()

    def _read(self, nodes: Indices) -> tuple[Floats, tuple[Call, ...]]:
        """Return the same, all of it to be brought up to date each time."""
        found = self._places.by_field(nodes)
        if len(found) == 1:
            return self._of_field(found[0][0], self._places.place[nodes])
        result, calls = np.empty((*self._lead, nodes.size), self._fields[0].start.dtype), list[Call]()
        for number, chosen in found:
            part, fetching = self._of_field(number, self._places.place[nodes[chosen]])
            calls += [*fetching, putting(result, span(chosen), part)]
        return result, tuple(calls)

    def _of_field(self, number: int, places: Indices) -> tuple[Floats, tuple[Call, ...]]:
        """Return the efforts at `places` of field `number`; the state (number 0) stands still, and is read once."""
        still = number == 0 and self._rows is not None
        buffer = self._fields[0].start if still else self._buffer(number)
        one = buffer[..., places[0] : places[0] + 1]
        found, calls = (one, ()) if (places == places[0]).all() else reading(buffer, span(places))
        if still:
            found, calls = self._parts.held(found, calls)
        return np.broadcast_to(found, (*self._lead, places.size)), calls

    def _buffer(self, number: int) -> Floats:
        if number in self._own:
            return self._own[number][self._rows or slice(None)]
        field = self._fields[number]
        if self._rows is None:
            return field.end[None]
        return field.values[self._rows]  # type: ignore[index]
