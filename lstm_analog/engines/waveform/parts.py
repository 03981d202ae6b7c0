"""Divides a batch of sequences into parts whose waveforms are found one after the other in the same few buffers.

These stay in the cache then. What has no points (efforts at the start and the end, weights of known bases, products of
dense matrices) is computed for the whole batch at once: before the parts, each of which reads its share, or after them.
"""

from dataclasses import dataclass, field
from math import ceil

import numpy as np

from lstm_analog.arrays import Array, Indices, aligned
from lstm_analog.expressions import Call, EachPart, PartCopy


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
