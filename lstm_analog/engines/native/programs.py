"""Joins the operations of calls to programs, which are calls themselves, and executes tables of programs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.native.encoding import WORDS, Operations, copied, encoded, repeat_above, stop_above
from lstm_analog.engines.native.grouping import group
from lstm_analog.engines.native.judging import Positive
from lstm_analog.engines.native.library import is_available, needed
from lstm_analog.expressions import Call, make

_ROWS = 2048
"""Programs that are executed without a look at Python, where an interrupt by the user is noticed."""


class KernelProgram:
    """The call that executes operations of the kernel, `words`; `kept` are the arrays that they work on.

    `refusals` are the calls among those that it was made of that may refuse to go on.
    """

    def __init__(self, words: Operations | Indices, kept: list[object], refusals: Iterable[Positive] = ()) -> None:
        """Take the `words` of operations, (operations, 32), and what must live as long; there must be a kernel."""
        self.words, self.kept, self.refusals = np.array(words, dtype=np.int64).reshape(-1, WORDS), kept, tuple(refusals)
        group(self.words)
        self._run, self.address, self.count = needed().run, self.words.ctypes.data, len(words)

    def __call__(self) -> None:
        """Execute the operations; raise what it refuses, if it stops."""
        if self._run(self.address, self.count) < self.count:
            make(self.refusals)


def compiled(calls: Iterable[Call]) -> tuple[Call, ...]:
    """Return `calls` with each run of those that the kernel can do as one program; as they are without a kernel."""
    if not is_available():
        return tuple(calls)
    found: list[Call] = []
    for by_numpy, run in groupby(map(_encoded, calls), key=lambda one: one.words is None):
        several = list(run)
        if by_numpy:
            found += [one.call for one in several]
        else:
            words = [row for one in several for row in one.words or ()]
            refusals = [each for one in several for each in one.refusals]
            found.append(KernelProgram(words, list(several), refusals))
    return tuple(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Encoded:
    """A `call` as operations of the kernel, `words`, None if it has none; `kept` are arrays that they need."""

    call: Call
    words: Operations | None
    kept: list[Array]
    refusals: tuple[Positive, ...]


def _encoded(call: Call) -> _Encoded:
    kept: list[Array] = []
    words = call.words.tolist() if isinstance(call, KernelProgram) else encoded(call, kept)
    refusals = call.refusals if isinstance(call, KernelProgram) else (call,) if isinstance(call, Positive) else ()
    return _Encoded(call=call, words=words, kept=kept, refusals=refusals)


class Judged:
    """Operations that are being put together to a program that judges what it does; `complete` until a call has none.

    Without a kernel it is never complete.
    """

    def __init__(self) -> None:
        self.words: Operations = []
        self.complete = is_available()
        self._kept: list[object] = []
        self._refusals: list[Positive] = []

    def add(self, calls: Iterable[Call]) -> None:
        """Append the operations of `calls`."""
        for one in map(_encoded, calls):
            self.complete = self.complete and one.words is not None
            self.words += one.words or []
            self._kept.append(one)
            self._refusals += one.refusals

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
        return KernelProgram(self.words, self._kept, self._refusals) if self.complete else None


def joined(programs: list[KernelProgram]) -> KernelProgram:
    """Return the program that executes these `programs`, of which there is one at least, one after the other."""
    refusals = [each for one in programs for each in one.refusals]
    return KernelProgram(np.concatenate([one.words for one in programs]), [programs], refusals)


def executed(
    programs: Sequence[KernelProgram | None],
    chosen: Indices,
    places: Indices,
    cursors: Indices,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Execute `programs[chosen[k]]` for k = 0, 1, ... until one is missing or stops; return how many came to their end.

    Before each, `places[k]` (cursors,), addresses, are written to `cursors`; `progress` is called with each k. Raises
    what a program that stops has to refuse. There must be a kernel.
    """
    known = np.array([(one.address, one.count) if one else (0, 0) for one in programs], dtype=np.int64)
    missing = np.array([one is None for one in programs])[chosen]
    stop, done = int(np.append(missing, True).argmax()), 0
    while done < stop:
        rows = slice(done, min(stop, done + _ROWS))
        table = np.concatenate([known[chosen[rows]], places[rows]], axis=1)
        count = int(needed().run_rows(table.ctypes.data, table.shape[1], len(table), cursors.ctypes.data))
        if progress is not None:
            for k in range(done, done + count):
                progress(k)
        done += count
        if done < rows.stop and (stopped := programs[chosen[done]]):
            make(stopped.refusals)
            break
    return done


def addresses(array: Array, places: Indices, axis: int = -2) -> Indices:
    """Return the address of each of the `places` (n,) along an `axis` of `array`, (n,), the last one's if beyond."""
    last = array.shape[axis] - 1
    return array.ctypes.data + np.clip(places, 0, last) * array.strides[axis]
