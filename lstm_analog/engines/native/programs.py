"""Joins the operations of calls to programs, which are calls themselves, and rows of programs to stretches of a run."""

from collections.abc import Iterable, Sequence
from ctypes import CDLL
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.native.encoding import WORDS, Words, copied, encoded, program, repeat_above, stop_above
from lstm_analog.engines.native.judging import Otherwise, Repeat, Unless, Unsolved
from lstm_analog.engines.native.library import kernel
from lstm_analog.expressions import Call


@dataclass(frozen=True, kw_only=True, eq=False)
class Rescue:
    """What is done `instead` where a program stops at one of its operations from `first` on, before `after`."""

    first: int
    after: int
    instead: Call


class Program:
    """The call that executes operations of the kernel, `words`; `kept` are the arrays that they work on.

    Where an operation stops it, it goes on behind one of the `rescues`, the inner ones first, or is `Unsolved`.
    """

    def __init__(
        self, library: CDLL, words: Words | Indices, kept: list[object], rescues: Sequence[Rescue] = ()
    ) -> None:
        self.words, self.kept, self.rescues = np.array(words, dtype=np.int64).reshape(-1, WORDS), kept, rescues
        self._run, self.address, self.count = library.run, self.words.ctypes.data, len(words)

    def __call__(self) -> None:
        """Execute the operations."""
        place = self._run(self.address, self.count)
        while place < self.count:
            start = self._rescued(place)
            place = start + self._run(self.address + start * self.words.strides[0], self.count - start)

    def _rescued(self, place: int) -> int:
        """Do what is done instead of operation number `place`; return the number of the one after that."""
        for rescue in self.rescues:
            if rescue.first <= place < rescue.after:
                try:
                    rescue.instead()
                except Unsolved:
                    continue
                return rescue.after
        raise Unsolved


def compiled(calls: Iterable[Call]) -> tuple[Call, ...]:
    """Return `calls` with each run of those that the kernel can do as one program; as they are without a kernel."""
    library = kernel()
    if library is None:
        return tuple(calls)
    found: list[Call] = []
    for by_numpy, run in groupby((_encoded(call) for call in calls), key=lambda one: one.words is None):
        several = list(run)
        found += [_within(one.call) for one in several] if by_numpy else [_joined(library, several)]
    return tuple(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Encoded:
    """A `call` as `words` (n, WORDS), None if it has none, the arrays they need and what is done where they stop."""

    call: Call
    words: Indices | None
    kept: list[Array]
    rescues: Sequence[Rescue]


def _encoded(call: Call) -> _Encoded:
    kept: list[Array] = []
    if isinstance(call, Program):
        return _Encoded(call=call, words=call.words, kept=kept, rescues=call.rescues)
    if not isinstance(call, Otherwise):
        words = encoded(call, kept)
        found = None if words is None else np.array(words, dtype=np.int64).reshape(-1, WORDS)
        return _Encoded(call=call, words=found, kept=kept, rescues=())
    each = [_encoded(one) for one in call.calls]
    if any(one.words is None for one in each):
        return _Encoded(call=call, words=None, kept=kept, rescues=())
    both, rescues = _side_by_side(each)
    kept += [array for one in each for array in one.kept]
    return _Encoded(
        call=call, words=both, kept=kept, rescues=[*rescues, Rescue(first=0, after=len(both), instead=call.instead)]
    )


def _side_by_side(each: list[_Encoded]) -> tuple[Indices, list[Rescue]]:
    """Return the words of calls one after the other, and what is done where they stop."""
    words = [one.words for one in each if one.words is not None]
    starts = np.cumsum([0, *map(len, words)]).tolist()
    rescues = [
        replace(some, first=some.first + start, after=some.after + start)
        for one, start in zip(each, starts, strict=False)
        for some in one.rescues
    ]
    return np.concatenate(words), rescues


def _joined(library: CDLL, each: list[_Encoded]) -> Program:
    words, rescues = _side_by_side(each)
    return Program(library, words, [(one.call, one.kept) for one in each], rescues)


def _within(call: Call) -> Call:
    """Return a `call` that the kernel cannot do as a whole with those that it makes compiled."""
    return replace(call, calls=compiled(call.calls)) if isinstance(call, Repeat | Unless | Otherwise) else call


class Judged:
    """Operations that are being put together to a program that judges what it does; `complete` until a call has none.

    Without a kernel it is never complete.
    """

    def __init__(self) -> None:
        self.words: Words = []
        self.complete = kernel() is not None
        self._kept: list[object] = []

    def add(self, calls: Iterable[Call]) -> None:
        """Append the operations of `calls`."""
        for call in calls:
            one = _encoded(call)
            self.complete = self.complete and one.words is not None
            self.words += [] if one.words is None else one.words.tolist()
            self._kept += [call, one.kept]

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

    def program(self) -> Program | None:
        """Return the program, if it is complete."""
        library = kernel()
        return Program(library, self.words, self._kept) if self.complete and library is not None else None


def joined(programs: list[Program]) -> Program:
    """Return the program that executes these `programs`, of which there is one at least, one after the other."""
    library = kernel()
    if library is None:
        raise RuntimeError("there is no kernel")
    return Program(library, [row for one in programs for row in program(one.words)], [programs])


def executed(programs: list[Program | None], chosen: Indices, places: Indices, cursors: Indices) -> int:
    """Execute `programs[chosen[k]]` for k = 0, 1, ... until one stops, and return how many came to their end.

    Before each, `places[k]` (cursors,), addresses, are written to `cursors`. Raises `RuntimeError` without a kernel.
    """
    library = kernel()
    if library is None:
        raise RuntimeError("there is no kernel")
    each = [(program.address, program.count) if program else (0, 0) for program in programs]
    known = np.array(each, dtype=np.int64)
    table = np.concatenate([known[chosen], places], axis=1)
    return int(library.run_rows(table.ctypes.data, table.shape[1], len(table), cursors.ctypes.data))
