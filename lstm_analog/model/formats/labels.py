"""Labels: a unique number for each element of a signal, by which it is found again after it was moved."""

from collections.abc import Sequence
from math import prod

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.refusals import unsupported

LARGEST = 2**22
"""Largest number of elements of an array of labels."""


class Labels:
    """Makes arrays of new labels, counted from 1, and a unique name for each node. It changes with each call."""

    def __init__(self) -> None:
        self.next = 1
        self._names: set[str] = set()

    def name_for(self, name: str, output: str) -> str:
        """Return the `name` of a node, with that of its `output` appended if another node had that name before."""
        if name in self._names:
            name = f"{name}:{output}"
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name

    def made(self, shape: Sequence[int], what: str, kind: type = float) -> Array:
        """Return an array of `shape` and dtype `kind` with new labels; `what` is the signal's name in messages."""
        if prod(shape) > LARGEST or min(shape, default=1) < 1:
            must, do = f"have 1 to {LARGEST} elements", "export it with open axes for batch and time"
            raise unsupported(what, must, "more" if prod(shape) else "none", do)
        first = self.next
        self.next += prod(shape)
        return np.arange(first, self.next, dtype=kind).reshape(tuple(shape))


def places_of(labels: Array, signal: Array) -> Array | None:
    """Return the first flat index in `signal` of each of `labels`; None if one is not in it."""
    flat = signal.reshape(-1)
    order = np.argsort(flat, kind="stable")
    places = order[np.searchsorted(flat[order], labels).clip(max=flat.size - 1)]
    return places if np.array_equal(flat[places], labels) else None


def rows_of(vectors: Array, rows: Array) -> Array | None:
    """Return the first index in `rows (N, F)` of each of `vectors (..., F)`; None if one is not in it."""
    if not len(rows):
        return None
    factors = np.full(rows.shape[1], _FACTOR)
    factors[0] = 1
    factors = np.cumprod(factors)  # modulo 2**64
    found = places_of(vectors.astype(np.uint64) @ factors, rows.astype(np.uint64) @ factors)
    return found if found is not None and np.array_equal(rows[found], vectors) else None


_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""By powers of it, the labels of a row are added up to one number; rows with equal sums are compared."""
