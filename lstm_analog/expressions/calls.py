"""Calls of numpy with their arrays bound, which engines make one after the other without a decision in between.

A call is a `functools.partial` of a function of numpy, or of one of those below, so that `engines/native` can see what
it does and execute runs of calls as machine code. Places of an array are a slice, which costs no call, or indices.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span

Call = Callable[[], object]

_SMALL = 2048
"""Numbers of a result up to which constants are stored in its shape; larger: fewer rows, but more memory is read."""


def _key(places: Span, axis: int) -> tuple[Any, ...]:
    """Return the index that selects `places` along an `axis`, counted from the last, -1."""
    return (..., places, *(slice(None),) * (-1 - axis))


def _is_turned(array: Array) -> bool:
    """Return whether the last axis of `array` but one has a smaller step than the last, as in a batch stored so.

    Then calls work on it with these axes swapped: along an inner axis that is dense.
    """
    return array.ndim > 1 and 0 < array.strides[-2] < array.strides[-1]


def put(out: Array, places: Indices, axis: int, values: Array) -> None:
    """Write `values` to the `places` of `out` along an `axis`, counted from the last, -1."""
    out[_key(places, axis)] = values


def add_at(out: Array, places: Indices, axis: int, values: Array) -> None:
    """Add `values` to the `places` of `out`, of which none comes twice, along an `axis`, counted from the last, -1."""
    out[_key(places, axis)] += values


def reading(array: Array, places: Span, axis: int = -1) -> tuple[Array, tuple[Call, ...]]:
    """Return an array that holds the `places` of `array` along an `axis`, -1 or -2, once the calls returned are made.

    If `places` is a slice, it is a view, and there are no calls; else they gather the numbers.
    """
    if isinstance(places, slice):
        return array[_key(places, axis)], ()
    if axis == -1 and _is_turned(array):
        found, calls = reading(np.swapaxes(array, -1, -2), places, -2)
        return np.swapaxes(found, -1, -2), calls
    shape = list(array.shape)
    shape[axis] = places.size
    room = np.empty(shape, array.dtype)
    return room, (partial(np.take, array, places, axis, room, "clip"),)


def adding(out: Array, places: Span, flow: Array) -> Call:
    """Return the call that adds `flow` to the `places` of `out`, of which none comes twice, along its last axis."""
    if isinstance(places, slice):
        view = out[..., places]
        return partial(np.add, view, flow, view)
    if _is_turned(out):
        return partial(add_at, np.swapaxes(out, -1, -2), places, -2, np.swapaxes(flow, -1, -2))
    return partial(add_at, out, places, -1, flow)


def putting(out: Array, places: Span, values: Array) -> Call:
    """Return the call that writes `values` to the `places` of `out` along its last axis."""
    if isinstance(places, slice):
        return partial(np.copyto, out[..., places], values)
    if _is_turned(out):
        return partial(put, np.swapaxes(out, -1, -2), places, -2, np.swapaxes(values, -1, -2))
    return partial(put, out, places, -1, values)


def combining(out: Array, flows: Iterable[Array], gains: Iterable[Array]) -> tuple[Call, ...]:
    """Return the calls that write to `out` the sum of `flows` times `gains`, which broadcast to its shape."""
    pairs = [(flow, np.asarray(gain, out.dtype)) for flow, gain in zip(flows, gains, strict=True)]
    room = np.empty_like(out)
    calls: list[Call] = [partial(np.multiply, *pairs[0], out)]
    for flow, gain in pairs[1:]:
        calls += [partial(np.multiply, flow, gain, room), partial(np.add, out, room, out)]
    return tuple(calls)


def spread(constant: Any, like: Array) -> Any:
    """Return a `constant` operand of calls whose result is `like`, in the type of that.

    An array for a small result gets its shape and order: a call reads a shorter one row by row, which takes longer.
    """
    if not np.ndim(constant):
        return constant
    if constant.shape == like.shape or like.size > _SMALL:
        return constant.astype(like.dtype, copy=False)
    result = np.empty_like(like)
    result[...] = constant
    return result


def widened(array: Array) -> tuple[Floats, tuple[Call, ...]]:
    """Return an array that holds `array` in double precision once the calls returned are made; `array` if it does."""
    if array.dtype == np.float64:
        return array, ()
    wide = np.empty(array.shape)
    return wide, (partial(np.copyto, wide, array),)


def make(calls: Iterable[Call]) -> None:
    """Make `calls`, one after the other."""
    for call in calls:
        call()


@dataclass(frozen=True, kw_only=True, eq=False)
class Refresh:
    """The call that makes `calls` if the `version` (1,) of what they read is no longer the one in `stamp` (1,).

    The stamp is the version for which they were made last.
    """

    stamp: Indices
    version: Indices
    calls: tuple[Call, ...]

    def __call__(self) -> None:
        """Make the calls if they are due."""
        if self.stamp[0] != self.version[0]:
            make(self.calls)
            self.stamp[0] = self.version[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class PartCopy:
    """An array `room` that parts use in turn, and the `shares` of all parts in a larger array, each of its shape."""

    room: Array
    shares: tuple[Array, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class EachPart:
    """The call that makes `calls` for part after part of a batch, in the same arrays, which stay in the cache.

    Before, the share of the part is copied to the room of each of the `reads`; after, from the room of each of the
    `writes` to the share.
    """

    reads: tuple[PartCopy, ...]
    calls: tuple[Call, ...]
    writes: tuple[PartCopy, ...]

    @property
    def count(self) -> int:
        """The number of parts."""
        return len((*self.reads, *self.writes)[0].shares)

    def __call__(self) -> None:
        """Make the calls for each part."""
        for number in range(self.count):
            for copy in self.reads:
                np.copyto(copy.room, copy.shares[number])
            make(self.calls)
            for copy in self.writes:
                np.copyto(copy.shares[number], copy.room)


def advance(stamps: Indices, groups: Indices) -> None:
    """Add 1 to the versions of these `groups` of unknowns in `stamps`: their efforts have changed."""
    stamps[groups] += 1
