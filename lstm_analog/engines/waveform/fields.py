"""The buffers for the waveforms of a segment: values at its points and, for sums of few terms, these terms.

A batch of sequences is divided into parts, whose waveforms are found one after the other in the same few buffers: these
stay in the cache then. What has no points (efforts at the start and the end, weights of known bases, products of dense
matrices) is computed for the whole batch at once: before the parts, each of which reads its share, or after them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span, aligned, span
from lstm_analog.engines.phase.wiring import Places
from lstm_analog.expressions import Call, EachPart, PartCopy, make, putting, reading


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchParts:
    """The division of the axes `lead` into parts of `size` sequences, and what is computed where.

    Undivided, the part is the batch, and each method returns what it is given.

    Attributes
    ----------
    lead : tuple of int
        Axes of chips and of the batch, which is divided, that efforts have.
    size : int
        Sequences of a part; the last part begins earlier, if that does not divide the batch.
    before : list of calls
        What is computed for the whole batch before the parts.
    each : list of calls
        What is computed for each part.
    last : list of calls
        What is computed for the whole batch after the parts.
    reads, writes : lists of PartCopy
        What each part copies from arrays of the whole batch, and to them.
    """

    lead: tuple[int, ...]
    size: int
    before: list[Call] = field(default_factory=list)
    each: list[Call] = field(default_factory=list)
    last: list[Call] = field(default_factory=list)
    reads: list[PartCopy] = field(default_factory=list)
    writes: list[PartCopy] = field(default_factory=list)

    @property
    def divided(self) -> bool:
        """Whether there is more than one part."""
        return self.lead != () and self.size < self.lead[-1]

    @property
    def own(self) -> tuple[int, ...]:
        """The leading axes of a part."""
        return (*self.lead[:-1], self.size) if self.divided else self.lead

    @property
    def starts(self) -> Indices:
        """The first sequence of each part, (parts,)."""
        found: Indices = np.minimum(np.arange(ceil(self.lead[-1] / self.size)) * self.size, self.lead[-1] - self.size)
        return found

    def read(self, whole: Array, room: Array | None = None) -> Array:
        """Return the share of a part in `whole` (..., *lead, m), which is copied, to `room` (..., *own, m) if given."""
        if not self.divided:
            return whole
        if room is None:
            room = aligned(np.empty((*whole.shape[: -1 - len(self.lead)], *self.own, whole.shape[-1]), whole.dtype))
        self.reads.append(PartCopy(room=room, shares=self._shares(whole)))
        return room

    def written(self, whole: Array, room: Array | None = None) -> Array:
        """Return an array (*own, m), `room` if given, which each part copies to its share of `whole` (*lead, m)."""
        if not self.divided:
            return whole
        room = np.empty((*self.own, whole.shape[-1]), whole.dtype) if room is None else room
        self.writes.append(PartCopy(room=room, shares=self._shares(whole)))
        return room

    def collected(self, room: Array) -> Array:
        """Return the rows of `room` (rows, n) of all parts side by side, (rows, parts x n)."""
        if not self.divided:
            return room
        count = len(self.starts)
        whole = np.empty((len(room), count, room.shape[1]), room.dtype)
        self.writes.append(PartCopy(room=room, shares=tuple(whole[:, number] for number in range(count))))
        return whole.reshape(len(room), -1)

    def held(self, value: Array, calls: tuple[Call, ...]) -> tuple[Array, tuple[Call, ...]]:
        """Return the share of a part in `value` (..., *lead, m), the same at all points, and the calls that make it.

        It is what the array holds when the `calls` have been made; these are made once for the whole batch.
        """
        if not self.divided:
            return value, calls
        self.before.extend(calls)
        return self.read(value), ()

    def calls(self, steps: list[Call]) -> list[Call]:
        """Return the calls of a batch whose `steps` are to be made for the whole of it before its parts."""
        if not self.divided:
            return steps
        parts = EachPart(reads=tuple(self.reads), calls=tuple(self.each), writes=tuple(self.writes))
        return [*steps, *self.before, parts, *self.last]

    def _shares(self, whole: Array) -> tuple[Array, ...]:
        return tuple(whole[..., start : start + self.size, :] for start in self.starts.tolist())


def covers(places: Span, size: int) -> bool:
    """Return whether `places` are all places 0 to `size` - 1, in order."""
    return isinstance(places, slice) and places == slice(0, size)


def two_axes(values: Floats) -> Floats:
    """Return a view (points, *lead x m) of the contiguous `values` (points, *lead, m)."""
    return values.reshape(len(values), values[0].size)


@dataclass(frozen=True, kw_only=True, eq=False)
class WaveformTerm:
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
    terms: tuple[WaveformTerm, ...] | None


def constant_field(nodes: Indices, start: Floats, count: int, every: int, held: bool) -> Field:
    """Return the field of `nodes` (m,) that stay at their efforts at the `start`, (*lead, m), at `count` points.

    Each, but the last, is one of `every` finer points. `held` tells that these are efforts of the state.
    """
    values = np.broadcast_to(start, (count, *start.shape))
    basis = np.ones((count - 1) * every + 1)
    term = WaveformTerm(basis=basis, weight=start, held=held, still=held, guessed=True, every=every)
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


def fewer_terms(terms: tuple[WaveformTerm, ...], asked: Floats, before: list[Call]) -> tuple[WaveformTerm, ...]:
    """Return `terms`, those held first, or as many others as functions are `asked` (k, finer), right for these alone.

    With bases B (finer, n) the functions of the sum are F B w. The new weights Q w (k,), Q an orthonormal basis of the
    rows of F B, have the bases B Q^T: F B Q^T Q w is the same. The calls that compute them are appended to `before`.
    """
    held, moving = ([term for term in terms if term.held is which] for which in (True, False))
    if len(moving) <= len(asked) or any(term.basis.ndim > 1 for term in moving):
        return terms
    bases, first = np.stack([term.basis for term in moving], axis=1), moving[0].weight
    adding_up = np.ascontiguousarray(np.linalg.qr((asked @ bases).T)[0].T)
    packed, weights = (np.empty((count, *first.shape), first.dtype) for count in (len(moving), len(adding_up)))
    before += [partial(np.copyto, room, term.weight) for room, term in zip(packed, moving, strict=True)]
    before.append(partial(np.matmul, adding_up.astype(first.dtype), two_axes(packed), two_axes(weights)))
    every = moving[0].every
    return (
        *held,
        *(
            WaveformTerm(basis=basis, weight=weight, held=False, still=False, guessed=False, every=every)
            for basis, weight in zip((bases @ adding_up.T).T, weights, strict=True)
        ),
    )
