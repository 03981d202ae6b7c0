"""Groups operations element by element that the kernel works through together, and joins copies that are alike.

Of a group it takes one block of numbers through all operations before the next, so that the block stays in the nearest
cache. Copies one after the other between arrays that lie equally far apart become one copy.
"""

from collections.abc import Iterable
from functools import partial
from itertools import accumulate, pairwise
from operator import mul
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lstm_analog.arrays import Array, Flags, Indices
from lstm_analog.engines.native.encoding_arrays import ELEMENTWISE, FIRST_OPERAND, NUMBER, OPERAND_WORDS
from lstm_analog.expressions import Call

TOGETHER = 8
"""The bit of the second word from which on the first operation of a group has how many the group has."""
FUSED = 16
"""The bit of the second word from which on a multiplication has how many operations after it are done in its pass."""
_VECTORS = 16
"""Numbers of which rows must be multiples for operations to be one pass: whole vectors of either precision."""
_LEAST = 1024
"""Numbers of an operation from which on it joins a group; smaller ones stay in the cache anyway."""
_MOST = 32
"""Operations of a group at most; larger: groups are found later."""
_OPERANDS = 5
"""Operands of an operation at most, its result first."""
_AXES = 4
"""Axes of an operation element by element: the inner one, n, and the outer ones planes, laps and rows."""
_SIZES, _INNER_FIRST = slice(2, 6), [2, 5, 4, 3]
"""The words with the sizes n, planes, laps and rows; the same from the inner axis on: n, rows, laps, planes."""
_STEPS = [1, 4, 3, 2]
"""The words of an operand, behind its address, with its steps along n, rows, laps and planes."""


def group(words: Indices) -> None:
    """Write to the `words` (operations, WORDS) which operations are a group: to the second word of its first, how many.

    They are of one type and one shape, and none of them touches numbers that another one writes but at the same places.
    Axes are divided until the shapes are one. A program that jumps into the midst of a group, where operations are
    skipped or repeated, finds single operations there.
    """
    words[:, 1] &= (1 << TOGETHER) - 1
    able = (words[:, 0] < ELEMENTWISE) & (words[:, 1] <= 1) & (words[:, _SIZES].prod(axis=1) >= _LEAST)
    row = 0
    for end in np.append(np.flatnonzero(~able), len(words)).tolist():
        while row < end:
            several = words[row : min(end, row + _MOST)]
            count = _harmless(several[: _alike(several)])
            words[row, 1] |= (count if count > 1 else 0) << TOGETHER
            _fuse(several[:count])
            row += count
        row = end + 1


def _alike(words: Indices) -> int:
    """Give the operations `words` (k, WORDS) one shape, as far as it goes from the first on; return how many have it.

    The ends of an operation are how many numbers it has passed where an axis ends, from the inner one on: 6, 24 of
    (4, 6). Operations with as many numbers can have one shape if the ends of all divide each other.
    """
    ends, count = {1}, 0
    for word in words:
        reached = list(accumulate(word[_INNER_FIRST].tolist(), mul))
        both = sorted(ends.union(reached))
        divided = all(after % before == 0 for before, after in pairwise(both))
        if word[1] != words[0, 1] or (count and reached[-1] != max(ends)) or len(both) > _AXES + 1 or not divided:
            break
        ends, count = set(both), count + 1
    for word in words[:count]:
        _reshape(word, sorted(ends))
    return count


def _reshape(word: Indices, ends: list[int]) -> None:
    """Divide axes of the operation `word` (WORDS,) so that they end at the `ends` (axes + 1,), of `_alike`."""
    sizes = word[_INNER_FIRST].tolist()
    places = FIRST_OPERAND + OPERAND_WORDS * np.arange(word[6])[:, None] + np.array(_STEPS)
    starts, steps = [1, *accumulate(sizes, mul)], word[places]
    word[_INNER_FIRST], word[places] = 1, 0
    for axis, (begin, end) in enumerate(pairwise(ends)):
        source = max(k for k in range(_AXES) if starts[k] <= begin and sizes[k] > 1)
        word[_INNER_FIRST[axis]] = end // begin
        word[places[:, axis]] = steps[:, source] * (begin // starts[source])


def _harmless(words: Indices) -> int:
    """Return how many operations `words` (k, WORDS), of one shape, from the first on may be a group.

    Of each operand of one and each of another, both are only read, or they lie apart, or just at the same places.
    """
    first, last, steps, written = _operands(words)
    for row in range(1, len(words)):
        before, now = (slice(0, row), slice(None)), (row, slice(None))
        apart = (last[before][..., None] < first[now]) | (last[now] < first[before][..., None])
        same = (first[before][..., None] == first[now]) & (steps[before][:, :, None] == steps[now]).all(axis=-1)
        harmless = apart | same | ~(written[before][..., None] | written[now])
        if not harmless.all():
            return row
    return len(words)


def _fuse(words: Indices) -> None:
    """Write to multiplications among the `words` (k, WORDS) of a group how many operations after them share their pass.

    That is the tanh of a product with a number, and perhaps a sum of it with a number, each of which takes the place of
    the one before. A number is an operand without steps.
    """
    first, _, steps, _ = _operands(words)
    number: Flags = np.logical_not(steps.any(axis=-1))
    for row in np.flatnonzero(words[:-1, 0] == NUMBER["multiply"]).tolist():
        same: Flags = (first[row:] == int(first[row, 0])) & (steps[row:] == steps[row, 0]).all(axis=-1)
        wave = FIRST_OPERAND + OPERAND_WORDS * (2 if number[row, 1] else 1)
        names, dense = words[row:, 0], words[row, FIRST_OPERAND + 1] == words[row, wave + 1] == 1
        if number[row, 1] == number[row, 2] or not dense or words[row, 2] % _VECTORS:
            continue
        if names[1] != NUMBER["tanh"] or not same[1, :2].all():
            continue
        adds = len(names) > 2 and names[2] == NUMBER["add"] and same[2, 0]
        adds = adds and bool((same[2, 1:3] & number[row + 2, 2:0:-1]).any())
        words[row, 1] |= (2 if adds else 1) << FUSED


def _operands(words: Indices) -> tuple[Indices, Indices, Indices, Indices]:
    """Return the first and last address of each operand of `words` (k, WORDS), its steps, and whether it is written.

    They are (k, operands), steps in bytes (k, operands, axes), 0 along axes of length 1. An operand that an operation
    does not have lies nowhere: it ends before it begins.
    """
    size = np.where(words[:, 1] & 1, 4, 8)[:, None]
    places, sizes = FIRST_OPERAND + OPERAND_WORDS * np.arange(_OPERANDS), words[:, None, _SIZES]
    steps = words[:, places[:, None] + 1 + np.arange(_AXES)] * size[..., None] * (sizes > 1)
    ends = (sizes - 1) * steps
    first, last = (words[:, places] + pick(ends, 0).sum(axis=-1) for pick in (np.minimum, np.maximum))
    given = np.arange(_OPERANDS) < words[:, 6:7]
    return np.where(given, first, 0), np.where(given, last + size - 1, -1), steps, given & (np.arange(_OPERANDS) == 0)


Copy = tuple[Array, Array]
"""Where a copy is written, and what is copied."""


def merged(calls: Iterable[Call]) -> list[Call]:
    """Return `calls`, but copies one after the other between two arrays, equally far apart in each, as one copy.

    Else a batch is copied row by row.
    """
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
    """Return whether `copy` can join the `run`: it has the same axes and goes on by the run's step in each array."""
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
