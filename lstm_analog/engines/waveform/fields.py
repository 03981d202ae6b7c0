"""The buffers for the waveforms of a segment: values at its points and, for sums of few terms, these terms.

A batch of sequences may be divided into parts, whose waveforms are found one after the other in the same few buffers,
which then stay in the processor's cache. All that has no points (efforts at the start and the end, weights of terms,
products of dense matrices) is computed for the whole batch at once: before the parts, each of which reads its share, or
after them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any, cast

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span, aligned, span
from lstm_analog.engines.phase.wiring import Places
from lstm_analog.expressions import Call, EachPart, PartCopy, combining, make, putting, reading


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchParts:
    """The division of a batch into parts of `size` sequences, and the calls for the whole batch and for each part.

    In a batch that is not divided, the only part is the batch, and each method returns what it is given.

    Attributes
    ----------
    lead : tuple of int
        The leading axes of efforts: chips, if there are several, and the batch, which is divided.
    size : int
        Sequences of a part; if that does not divide the batch, the last part overlaps the one before.
    before, each, last : lists of calls
        Those for the whole batch before the parts, those for each part, those for the whole batch after the parts.
    reads, writes : lists of PartCopy
        What each part copies from arrays of the whole batch before its calls, and to them after.
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
        """Return the array (*own, m), `room` if given, from which each part is copied to its share of `whole`.

        `whole` is (*lead, m).
        """
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

    def shared(self, value: Array, calls: tuple[Call, ...]) -> tuple[Array, tuple[Call, ...]]:
        """Return the share of a part in `value` (..., *lead, m), and the calls that each part has to make for it.

        The `calls` that compute `value` are made once for the whole batch, so that a part has none.
        """
        if not self.divided:
            return value, calls
        self.before.extend(calls)
        return self.read(value), ()

    def calls(self, steps: list[Call]) -> list[Call]:
        """Return all calls of a batch; the `steps` for the whole of it come first."""
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
    (finer, m) if the unknowns differ. `held` tells that the weight is an effort of the state at the start, so that its
    product with a matrix may be stored already; `still` that it follows from efforts alone that do not move in the
    segment, `guessed` that it follows from these and guesses alone.
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

    @property
    def at_points(self) -> Floats:
        """The values at the points, of a field that has them."""
        return cast(Floats, self.values)


def constant_field(nodes: Indices, start: Floats, count: int, every: int, held: bool) -> Field:
    """Return the field of `nodes` (m,) that stay at their efforts at the `start`, (*lead, m), at `count` points.

    Its one term has the constant basis, at `every` times as many intervals between points. `held` tells that these are
    efforts of the state.
    """
    values = np.broadcast_to(start, (count, *start.shape))
    basis = np.ones((count - 1) * every + 1)
    term = WaveformTerm(basis=basis, weight=start, held=held, still=held, guessed=True, every=every)
    return Field(nodes=nodes, start=start, end=start, values=values, terms=(term,))


def sum_of_terms(bases: list[Floats], weights: Floats, out: Floats) -> tuple[Call, ...]:
    """Return the calls that write the sum of `bases` times `weights` (bases, *lead, m) to `out` (points, *lead, m).

    Each basis is (points,), or (points, m) if the unknowns differ.
    """
    if all(basis.ndim == 1 for basis in bases):
        matrix = np.stack(bases, axis=1).astype(out.dtype, copy=False)
        return (partial(np.matmul, matrix, weights.reshape(len(weights), -1), two_axes(out)),)
    axes = (1,) * (weights.ndim - 2)
    return combining(out, [basis.reshape(len(basis), *axes, -1) for basis in bases], weights)


class Waves:
    """Stands for an array of efforts (*`shape`, N) of which the laws of parts read some nodes.

    No such array is made: what a law reads comes from the buffers of the `fields`, where `places` says. Most laws call
    `gathered`; those of dense banks index it, as in `waves[..., nodes]` or `waves[..., nodes, None]`, with the same
    index arrays each time, which are remembered by identity.

    The efforts are those at `count` points, the `points` of the segment, of one of the `parts` of the batch. Without
    `points` they are those at the end of the segment alone, of the whole batch.
    """

    def __init__(
        self, fields: list[Field], places: Places, count: int, points: slice | None, parts: BatchParts
    ) -> None:
        self._lead = (count, *(parts.lead if points is None else parts.own))
        self.shape = (*self._lead, places.field.size)
        self._fields, self._places, self._points, self._parts = fields, places, points, parts
        self._own: dict[int, Floats] = {}
        self._once: list[Call] = []
        self._known: dict[int, tuple[Indices, Floats, tuple[Call, ...]]] = {}

    def solved_for(self, own: Mapping[int, Floats], once: list[Call]) -> "Waves":
        """Return the same efforts, but those of the fields that are solved for are read from the arrays `own`.

        These are (points, *lead, m), by the number of the field. All other efforts stay as they are during the
        iteration: the calls that read them are appended to `once`.
        """
        other = Waves(self._fields, self._places, self.shape[0], self._points, self._parts)
        other._own.update(own)
        other._once = once
        return other

    @property
    def at_start(self) -> "Waves":
        """The efforts at the first point alone, where these are those at points."""
        return Waves(self._fields, self._places, 1, slice(0, 1), self._parts)

    def __getitem__(self, key: tuple[Any, ...]) -> Floats:
        nodes: Indices = key[1]
        if id(nodes) not in self._known:
            self._known[id(nodes)] = (nodes, *self._read(nodes))
        _, found, calls = self._known[id(nodes)]
        make(calls)
        return found if len(key) == 2 else found[(..., *key[2:])]

    def gathered(self, nodes: Indices) -> tuple[Floats, tuple[Call, ...]]:
        """Return the efforts of `nodes` (m,), (points, *lead, m), and the calls that bring them up to date.

        For neighbours in one field, or one node many times, they are a view, and there are no calls.
        """
        found, calls = self._read(nodes)
        numbers = {number for number, _ in self._places.by_field(nodes)}
        if not self._own or not numbers.isdisjoint(self._own):
            return found, calls
        packed = np.empty(found.shape)
        self._once += [*calls, partial(np.copyto, packed, found)]
        return packed, ()

    def _read(self, nodes: Indices) -> tuple[Floats, tuple[Call, ...]]:
        """Return what `gathered` does, where none of the efforts stay as they are."""
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
        still = number == 0 and self._points is not None
        buffer = self._fields[0].start if still else self._buffer(number)
        one = buffer[..., places[0] : places[0] + 1]
        found, calls = (one, ()) if (places == places[0]).all() else reading(buffer, span(places))
        if still:
            found, calls = self._parts.shared(found, calls)
        return np.broadcast_to(found, (*self._lead, places.size)), calls

    def _buffer(self, number: int) -> Floats:
        if number in self._own:
            return self._own[number][self._points or slice(None)]
        field = self._fields[number]
        return field.end[None] if self._points is None else field.at_points[self._points]


def fewer_terms(terms: tuple[WaveformTerm, ...], functionals: Floats, before: list[Call]) -> tuple[WaveformTerm, ...]:
    """Return terms with the same `functionals` F (k, finer) of their sum as `terms`: those held, and at most k others.

    Those held come first, unchanged. The others, bases B (finer, n) times weights w, become bases B Q^T times weights
    Q w (k,), where the rows of Q are an orthonormal basis of those of F B, so that F B Q^T Q w = F B w. The calls that
    compute the new weights are appended to `before`.
    """
    held, moving = ([term for term in terms if term.held is which] for which in (True, False))
    if len(moving) <= len(functionals) or any(term.basis.ndim > 1 for term in moving):
        return terms
    bases, first = np.stack([term.basis for term in moving], axis=1), moving[0].weight
    adding_up = np.ascontiguousarray(np.linalg.qr((functionals @ bases).T)[0].T)
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
