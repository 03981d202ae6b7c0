"""Says which operations of a program, element by element, are worked through together, block of numbers by block.

A block of each array then stays in the nearest cache from one operation to the next. And it joins copies that follow
one another and are alike, of arrays that lie equally far apart, to one copy each.
"""

from collections.abc import Iterable
from functools import partial
from itertools import accumulate, pairwise
from operator import mul
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from lstm_analog.arrays import Array, Flags, Indices
from lstm_analog.engines.native.encoding_arrays import ELEMENTWISE, NUMBER
from lstm_analog.expressions import Call

_TOGETHER, _FUSED = 8, 16
"""Places of numbers of operations in the second word of the first, in binary digits: a group's, those done with it."""
_VECTORS = 16
"""Numbers of which rows must be multiples for operations to be one pass: whole vectors of either precision."""
_LEAST = 1024
"""Numbers from which on operations are taken together; fewer stay in the cache anyway."""
_MOST = 32
"""Operations that are taken together at most."""
_OPERANDS = 5
"""Operands of an operation at most, its result first."""
_AXES, _SIZES, _INNER_FIRST, _STEPS = 4, slice(2, 6), [2, 5, 4, 3], [1, 4, 3, 2]
"""How many axes there are; the words with their sizes, also from the inner axis on; those of an operand's steps."""


def group(words: Indices) -> None:
    """Write to the `words` (operations, 32) which operations are worked through together: at the first, how many.

    They are of one type and one shape, and none of them touches numbers that another one writes but at the same places.
    Axes are divided until the shapes are one. A jump into the midst of them finds single operations.
    """
    words[:, 1] &= (1 << _TOGETHER) - 1
    able = (words[:, 0] < ELEMENTWISE) & (words[:, 1] <= 1) & (words[:, _SIZES].prod(axis=1) >= _LEAST)
    row = 0
    for end in np.append(np.flatnonzero(~able), len(words)).tolist():
        while row < end:
            several = words[row : min(end, row + _MOST)]
            count = _harmless(several[: _alike(several)])
            words[row, 1] |= (count if count > 1 else 0) << _TOGETHER
            _fuse(several[:count])
            row += count
        row = end + 1


def _alike(words: Indices) -> int:
    """Give operations of `words` (k, 32) one shape, from the first on; return how many have it now."""
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
    """Divide axes of the operation `word` (32,) where as many numbers have been passed as `ends` (axes + 1,) says."""
    sizes, places = word[_INNER_FIRST].tolist(), 7 + 5 * np.arange(word[6])[:, None] + np.array(_STEPS)
    starts, steps = [1, *accumulate(sizes, mul)], word[places]
    word[_INNER_FIRST], word[places] = 1, 0
    for axis, (begin, end) in enumerate(pairwise(ends)):
        source = max(k for k in range(_AXES) if starts[k] <= begin and sizes[k] > 1)
        word[_INNER_FIRST[axis]] = end // begin
        word[places[:, axis]] = steps[:, source] * (begin // starts[source])


def _harmless(words: Indices) -> int:
    """Return how many of the operations `words` (k, 32), of one shape, can be worked through together."""
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
    """Write to multiplications of a group of operations `words` (k, 32) how many after them are done in one pass.

    That is the tanh of the product with a number, perhaps its sum with a number, each in the place of the one before.
    """
    first, _, steps, _ = _operands(words)
    number: Flags = np.logical_not(steps.any(axis=-1))
    for row in np.flatnonzero(words[:-1, 0] == NUMBER["multiply"]).tolist():
        same: Flags = (first[row:] == int(first[row, 0])) & (steps[row:] == steps[row, 0]).all(axis=-1)
        names, along = words[row:, 0], words[row, 8] == words[row, 18 if number[row, 1] else 13] == 1
        if number[row, 1] == number[row, 2] or not along or words[row, 2] % _VECTORS:
            continue
        if names[1] != NUMBER["tanh"] or not same[1, :2].all():
            continue
        adds = len(names) > 2 and names[2] == NUMBER["add"] and same[2, 0]
        adds = adds and bool((same[2, 1:3] & number[row + 2, 2:0:-1]).any())
        words[row, 1] |= (2 if adds else 1) << _FUSED


def _operands(words: Indices) -> tuple[Indices, Indices, Indices, Indices]:
    """Return of each operand its first and last address, its steps along axes that count, and whether it is written.

    (k, operands), but steps are (k, operands, axes).
    """
    size = np.where(words[:, 1] & 1, 4, 8)[:, None]
    places, sizes = 7 + 5 * np.arange(_OPERANDS), words[:, None, _SIZES]
    steps = words[:, places[:, None] + 1 + np.arange(_AXES)] * size[..., None] * (sizes > 1)
    ends = (sizes - 1) * steps
    first, last = (words[:, places] + pick(ends, 0).sum(axis=-1) for pick in (np.minimum, np.maximum))
    given = np.arange(_OPERANDS) < words[:, 6:7]
    return np.where(given, first, 0), np.where(given, last + size - 1, -1), steps, given & (np.arange(_OPERANDS) == 0)


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
