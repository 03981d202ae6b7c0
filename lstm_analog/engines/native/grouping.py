"""Says which operations of a program, element by element, are worked through together, block of numbers by block.

A block of each array then stays in the nearest cache from one operation to the next.
"""

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.engines.native.encoding import ELEMENTWISE

_TOGETHER = 8
"""Place of the number of operations in the second word of the first, in binary digits."""
_LEAST = 1024
"""Numbers from which on operations are taken together; fewer stay in the cache anyway."""
_MOST = 32
"""Operations that are taken together at most."""
_OPERANDS = 5
"""Operands of an operation at most, its result first."""


def group(words: Indices) -> None:
    """Write to the `words` (operations, 32) which operations are worked through together: at the first, how many.

    They are of one type and as many numbers, along one axis, and none of them touches numbers that another one writes
    but at the same places. A jump into the midst of them finds single operations.
    """
    words[:, 1] &= (1 << _TOGETHER) - 1
    able = (words[:, 0] < ELEMENTWISE) & (words[:, 1] <= 1) & (words[:, 2] >= _LEAST) & (words[:, 3:6] == 1).all(axis=1)
    row = 0
    for end in np.append(np.flatnonzero(~able), len(words)).tolist():
        while row < end:
            count = _count(words[row : min(end, row + _MOST)])
            words[row, 1] |= (count if count > 1 else 0) << _TOGETHER
            row += count
        row = end + 1


def _count(words: Indices) -> int:
    """Return how many of the operations `words` (k, 32), from the first on, can be worked through together."""
    alike = (words[:, 1:3] == words[0, 1:3]).all(axis=1)
    first, last, step, written = (each[: int(np.append(alike, False).argmin())] for each in _operands(words))
    for row in range(1, len(first)):
        before, now = (slice(0, row), slice(None)), (row, slice(None))
        apart = (last[before][..., None] < first[now]) | (last[now] < first[before][..., None])
        same = (first[before][..., None] == first[now]) & (step[before][..., None] == step[now])
        harmless = apart | same | ~(written[before][..., None] | written[now])
        if not harmless.all():
            return row
    return len(first)


def _operands(words: Indices) -> tuple[Indices, Indices, Indices, Indices]:
    """Return the first and the last address of each operand, its step, and whether it is written, (k, operands)."""
    size = np.where(words[:, 1] & 1, 4, 8)[:, None]
    places = 7 + 5 * np.arange(_OPERANDS)
    first, step = words[:, places], words[:, places + 1] * size
    ends = first + (words[:, 2:3] - 1) * step
    given = np.arange(_OPERANDS) < words[:, 6:7]
    first, ends = np.minimum(first, ends), np.maximum(first, ends) + size - 1
    return np.where(given, first, 0), np.where(given, ends, -1), step, given & (np.arange(_OPERANDS) == 0)
