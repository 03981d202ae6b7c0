"""Says which operations of a program, element by element, are worked through together, block of numbers by block.

A block of each array then stays in the nearest cache from one operation to the next.
"""

from itertools import accumulate, pairwise
from operator import mul

import numpy as np

from lstm_analog.arrays import Flags, Indices
from lstm_analog.engines.native.encoding_arrays import ELEMENTWISE, NUMBER

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
