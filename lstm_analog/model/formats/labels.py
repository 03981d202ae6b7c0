"""Labels: a number of its own for each element of a signal, by which it is found again wherever it was moved."""

from collections.abc import Sequence
from math import prod

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import UnsupportedError, explain

LARGEST = 2**22
"""Elements of one array that is carried through a model."""


class Labels:
    """Hands out labels, each array made here has numbers of its own, from 1 on; and a name of its own to each node."""

    def __init__(self) -> None:
        self.next = 1
        self._names: set[str] = set()

    def name_for(self, name: str, output: str) -> str:
        """Return the `name` of a node, with the name of its `output` after it if another node had that name before."""
        if name in self._names:
            name = f"{name}:{output}"
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name

    def made(self, shape: Sequence[int], what: str, kind: type = float) -> Array:
        """Return an array of `shape` with new labels of that `kind` for the signal called `what` in messages."""
        if prod(shape) > LARGEST or min(shape, default=1) < 1:
            must, do = f"have 1 to {LARGEST} elements", "export it with open axes for batch and time"
            raise UnsupportedError(explain(what, must=must, got="more" if prod(shape) else "none", do=do))
        first = self.next
        self.next += prod(shape)
        return np.arange(first, self.next, dtype=kind).reshape(tuple(shape))


def places_of(labels: Array, signal: Array) -> Array | None:
    """Return where in `signal`, laid out flat, each of the `labels` first stands; None if one stands nowhere."""
    flat = signal.reshape(-1)
    order = np.argsort(flat, kind="stable")
    places = order[np.searchsorted(flat, labels, sorter=order).clip(max=flat.size - 1)]
    return places if np.array_equal(flat[places], labels) else None


def rows_of(vectors: Array, rows: Array) -> Array | None:
    """Return which of the `rows (N, F)` first is each of the `vectors (..., F)`; None if one is none of them."""
    known: dict[bytes, int] = {}
    for number, row in enumerate(rows):
        known.setdefault(row.tobytes(), number)
    flat = vectors.reshape(-1, vectors.shape[-1])
    found = [known.get(np.ascontiguousarray(vector).tobytes(), -1) for vector in flat]
    return None if -1 in found else np.array(found, dtype=int).reshape(vectors.shape[:-1])
