"""Joins copies that follow one another and are alike, of arrays that lie equally far apart, to one copy each."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lstm_analog.arrays import Array
from lstm_analog.expressions import Call

Copy = tuple[Array, Array]
"""Where a copy is written, and what is copied."""


def merged(calls: Iterable[Call]) -> list[Call]:
    """Return `calls` with runs of copies between rows of two arrays, equally far apart in each, as one copy each."""
    found: list[Call] = []
    run: list[Copy] = []
    for call in calls:
        copy = _copy(call)
        if copy is None or not _continues(run, copy):
            found += _joined(run)
            run = []
        if copy is None:
            found.append(call)
        else:
            run.append(copy)
    return found + _joined(run)


def _copy(call: Call) -> Copy | None:
    """Return what `call` copies, if it is a copy of numbers side by side without an axis to broadcast."""
    if not isinstance(call, partial) or call.func is not np.copyto or call.keywords:
        return None
    out, source = call.args
    alike = isinstance(source, np.ndarray) and out.shape == source.shape and out.dtype == source.dtype
    return (out, source) if alike and out.ndim and out.size > 1 else None


def _continues(run: list[Copy], copy: Copy) -> bool:
    """Return whether `copy` goes on with the `run`: the same axes, as far from the last as that from the one before."""
    if not run:
        return True
    same = all(
        one.shape == other.shape and one.strides == other.strides and one.dtype == other.dtype
        for one, other in zip(run[-1], copy, strict=True)
    )
    within = all(_memory(one) is _memory(other) for one, other in zip(run[-1], copy, strict=True))
    steps = _steps(run[-1], copy)
    return same and within and (len(run) == 1 or steps == _steps(run[-2], run[-1])) and _apart([*run, copy])


def _apart(run: list[Copy]) -> bool:
    """Return whether none of the copies of a `run` reads what another one writes."""
    written, read = ([_bounds(copy[side]) for copy in run] for side in (0, 1))
    lowest, highest = min(low for low, _ in written), max(high for _, high in written)
    return all(high <= lowest or low >= highest for low, high in read)


def _bounds(array: Array) -> tuple[int, int]:
    low, high = np.lib.array_utils.byte_bounds(array)
    return low, high


def _memory(array: Array) -> Any:
    """Return the array whose memory `array` is a part of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _steps(one: Copy, other: Copy) -> tuple[int, ...]:
    return tuple(after.ctypes.data - before.ctypes.data for before, after in zip(one, other, strict=True))


def _joined(run: list[Copy]) -> list[Call]:
    """Return the call that makes all copies of a `run`, if there are several."""
    if len(run) < 2:
        return [partial(np.copyto, *copy) for copy in run]
    out, source = (
        as_strided(first, (len(run), *first.shape), (step, *first.strides))
        for first, step in zip(run[0], _steps(run[0], run[1]), strict=True)
    )
    return [partial(np.copyto, out, source)]
