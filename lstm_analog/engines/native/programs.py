"""Joins the operations of calls to programs, which are calls themselves, and executes tables of programs."""

from collections.abc import Iterable
from functools import partial
from itertools import groupby

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.native.encoding import WORDS, Operations, copied, encoded, repeat_above, stop_above
from lstm_analog.engines.native.library import is_available, needed
from lstm_analog.expressions import Call, make

_OFTEN = 8
"""Times that calls are made by numpy before they are written down for the kernel, which takes as long as ten times."""


class KernelProgram:
    """The call that executes operations of the kernel, `words`; `kept` are the arrays that they work on."""

    def __init__(self, words: Operations | Indices, kept: list[object]) -> None:
        """Take the `words` of operations, (operations, 32), and what must live as long; there must be a kernel."""
        self.words, self.kept = np.array(words, dtype=np.int64).reshape(-1, WORDS), kept
        self._run, self.address, self.count = needed().run, self.words.ctypes.data, len(words)

    def __call__(self) -> None:
        """Execute the operations."""
        self._run(self.address, self.count)


def compiled(calls: Iterable[Call]) -> tuple[Call, ...]:
    """Return `calls` with each run of those that the kernel can do as one program; as they are without a kernel."""
    if not is_available():
        return tuple(calls)
    each = [(call, *_operations(call)) for call in calls]
    found: list[Call] = []
    for by_numpy, run in groupby(each, key=lambda one: one[1] is None):
        several = list(run)
        if by_numpy:
            found += [call for call, _, _ in several]
        else:
            words = [row for _, rows, _ in several for row in rows or ()]
            found.append(KernelProgram(words, [(call, kept) for call, _, kept in several]))
    return tuple(found)


class Deferred:
    """The call that makes `calls`, by numpy at first and by programs once they have been made often enough to pay."""

    def __init__(self, calls: tuple[Call, ...]) -> None:
        """Take the calls; nothing is written down yet."""
        self.calls, self._making, self._made = calls, calls, 0

    def __call__(self) -> None:
        """Make the calls."""
        self._made += 1
        if self._made == _OFTEN:
            self._making = compiled(self.calls)
        make(self._making)


def deferred(calls: Iterable[Call]) -> tuple[Call, ...]:
    """Return `calls` as one that becomes `compiled` when it has been made often; as they are without a kernel."""
    given = tuple(calls)
    return (Deferred(given),) if given and is_available() else given


def _operations(call: Call) -> tuple[Operations | None, list[Array]]:
    """Return the operations of `call`, None if it has none, and arrays that they need."""
    kept: list[Array] = []
    return call.words.tolist() if isinstance(call, KernelProgram) else encoded(call, kept), kept


class Judged:
    """Operations that are being put together to a program that judges what it does; `complete` until a call has none.

    Without a kernel it is never complete.
    """

    def __init__(self) -> None:
        self.words: Operations = []
        self.complete = is_available()
        self._kept: list[object] = []

    def add(self, calls: Iterable[Call]) -> None:
        """Append the operations of `calls`."""
        flat = [one for call in calls for one in (call.calls if isinstance(call, Deferred) else (call,))]
        for call in flat:
            words, kept = _operations(call)
            self.complete = self.complete and words is not None
            self.words += words or []
            self._kept += [call, kept]

    def stop_above(self, value: Floats, limit: float) -> None:
        """Append that the program stops unless `value` (1,) is at most `limit`."""
        kept: list[Array] = [value]
        self.words += stop_above(value, limit, kept)
        self._kept += kept

    def repeat_above(self, value: Floats, limit: float, most: int, calls: Iterable[Call]) -> None:
        """Append `calls`, repeated until `value` (1,) is at most `limit`; after `most` times the program stops."""
        counter, kept = np.zeros(1, dtype=np.int64), list[Array]([value])
        self.add([partial(np.copyto, counter, np.zeros(1, dtype=np.int64))])
        start = len(self.words)
        self.add(calls)
        self.words += repeat_above(value, limit, counter, most, len(self.words) - start, kept)
        self._kept += kept

    def copy(self, out: Array, source: Array, cursor: Indices, of: int) -> None:
        """Append that `source` is copied to `out`; the one that `of` numbers, 1 or 0, lies where `cursor` says."""
        self.words += copied(out, source, cursor, of)
        self._kept += [out, source, cursor]

    def program(self) -> KernelProgram | None:
        """Return the program, if it is complete."""
        return KernelProgram(self.words, self._kept) if self.complete else None


def joined(programs: list[KernelProgram]) -> KernelProgram:
    """Return the program that executes these `programs`, of which there is one at least, one after the other."""
    return KernelProgram(np.concatenate([one.words for one in programs]), [programs])


def executed(programs: list[KernelProgram | None], chosen: Indices, places: Indices, cursors: Indices) -> int:
    """Execute `programs[chosen[k]]` for k = 0, 1, ... until one stops, and return how many came to their end.

    Before each, `places[k]` (cursors,), addresses, are written to `cursors`. There must be a kernel.
    """
    each = [(program.address, program.count) if program else (0, 0) for program in programs]
    known = np.array(each, dtype=np.int64)
    table = np.concatenate([known[chosen], places], axis=1)
    return int(needed().run_rows(table.ctypes.data, table.shape[1], len(table), cursors.ctypes.data))
