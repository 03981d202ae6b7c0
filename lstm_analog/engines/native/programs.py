"""Joins the operations of calls to programs, which are calls themselves, and executes tables of programs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span, numbered
from lstm_analog.engines.native.calls import Otherwise, Positive, Repeat, Unless, Unsolved
from lstm_analog.engines.native.encoding import (
    copied,
    each_part,
    encoded,
    program,
    recorded,
    repeat_above,
    stop_above,
)
from lstm_analog.engines.native.encoding_arrays import WORDS, Operations
from lstm_analog.engines.native.grouping import group, merged
from lstm_analog.engines.native.library import is_available, needed
from lstm_analog.expressions import Call, EachPart

WORTH = 40
"""Intervals that must be left for programs to be made: to make them takes as long as numpy for about so many."""
ROWS = 2048
"""Programs that are executed without a look at Python, where an interrupt by the user is noticed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rescue:
    """What is done `instead` where a program stops at one of its operations from `first` on, before `after`."""

    first: int
    after: int
    instead: Call


class KernelProgram:
    """The call that executes operations of the kernel, `words`; `kept` are the arrays that they work on.

    Where an operation stops it, it goes on behind one of the `rescues`, the inner ones first, or is `Unsolved`.
    """

    def __init__(self, words: Operations | Indices, kept: list[object], rescues: Sequence[Rescue] = ()) -> None:
        """Take the `words` of operations, (operations, 32), and what must live as long; there must be a kernel."""
        self.words, self.kept, self.rescues = np.array(words, dtype=np.int64).reshape(-1, WORDS), kept, tuple(rescues)
        group(self.words)
        self._run, self.address, self.count = needed().run, self.words.ctypes.data, len(words)

    def __call__(self) -> None:
        """Execute the operations; raise what it refuses, if it stops."""
        place = self._run(self.address, self.count)
        while place < self.count:
            start = self._rescued(place)
            place = start + self._run(self.address + start * self.words.strides[0], self.count - start)

    def refuse(self) -> None:
        """Raise what the program has to refuse at the arrays as they are, if there is anything."""
        for rescue in self.rescues:
            if isinstance(rescue.instead, Positive):
                rescue.instead()

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
    if not is_available():
        return tuple(calls)
    found: list[Call] = []
    for by_numpy, run in groupby(map(_encoded, merged(calls)), key=lambda one: one.words is None):
        several = list(run)
        found += [_within(one.call) for one in several] if by_numpy else [_joined(several)]
    return tuple(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Encoded:
    """A `call` as `words` (n, WORDS), None if it has none, the arrays they need and what is done where they stop."""

    call: Call
    words: Indices | None
    kept: list[Any]
    rescues: Sequence[Rescue]


def _encoded(call: Call) -> _Encoded:
    kept: list[Array] = []
    if isinstance(call, KernelProgram):
        return _Encoded(call=call, words=call.words, kept=kept, rescues=call.rescues)
    if isinstance(call, EachPart):
        return _each_part(call)
    if not isinstance(call, Otherwise):
        words = encoded(call, kept)
        found = None if words is None else np.array(words, dtype=np.int64).reshape(-1, WORDS)
        refusal = [Rescue(first=0, after=1, instead=call)] if isinstance(call, Positive) else []
        return _Encoded(call=call, words=found, kept=kept, rescues=refusal)
    each = [_encoded(one) for one in call.calls]
    if any(one.words is None for one in each):
        return _Encoded(call=call, words=None, kept=kept, rescues=())
    both, rescues = _side_by_side(each)
    kept += [array for one in each for array in one.kept]
    rescues.append(Rescue(first=0, after=len(both), instead=call.instead))
    return _Encoded(call=call, words=both, kept=kept, rescues=rescues)


def _each_part(call: EachPart) -> _Encoded:
    """Return the `call` encoded: one operation, if all of its calls have operations and none is done another way."""
    each = [_encoded(one) for one in call.calls]
    words = [one.words.tolist() for one in each if one.words is not None]
    if len(words) < len(each) or any(one.rescues for one in each):
        return _Encoded(call=call, words=None, kept=[], rescues=())
    copies, many = (*call.reads, *call.writes), len(call.reads)
    table = np.array([[copy.shares[number].ctypes.data for copy in copies] for number in range(call.count)])
    cursors = np.zeros(len(copies), dtype=np.int64)
    copying = [
        copied(copy.room, copy.shares[0], cursors[k:], 1)
        if k < many
        else copied(copy.shares[0], copy.room, cursors[k:], 0)
        for k, copy in enumerate(copies)
    ]
    rows = [row for several in (*copying[:many], *words, *copying[many:]) for row in several]
    made = KernelProgram(rows, [one.kept for one in each])
    found = np.array(each_part(made.words, table, cursors), dtype=np.int64)
    return _Encoded(call=call, words=found, kept=[made, table, cursors], rescues=())


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


def _joined(each: list[_Encoded]) -> KernelProgram:
    words, rescues = _side_by_side(each)
    return KernelProgram(words, [(one.call, one.kept) for one in each], rescues)


def _within(call: Call) -> Call:
    """Return a `call` that the kernel cannot do as a whole with those that it makes compiled."""
    return replace(call, calls=compiled(call.calls)) if isinstance(call, Repeat | Unless | Otherwise) else call


class Judged:
    """Operations that are being put together to a program that judges what it does; `complete` until a call has none.

    Without a kernel it is never complete.
    """

    def __init__(self) -> None:
        self.words: Operations = []
        self.complete = is_available()
        self._kept: list[object] = []
        self._rescues: list[Rescue] = []

    def add(self, calls: Iterable[Call]) -> None:
        """Append the operations of `calls`."""
        for one in map(_encoded, calls):
            self.complete = self.complete and one.words is not None
            start = len(self.words)
            self._rescues += [replace(some, first=some.first + start, after=some.after + start) for some in one.rescues]
            self.words += [] if one.words is None else one.words.tolist()
            self._kept.append(one)

    @property
    def may_be_unsolved(self) -> bool:
        """Whether there is something that is done another way where it is not solved: then the program stops there."""
        return not all(isinstance(rescue.instead, Positive) for rescue in self._rescues)

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

    def record(
        self, out: Array, efforts: Array, nodes: Span, cursor: Indices, unsound: Indices, streamed: bool
    ) -> None:
        """Append that the `nodes` of `efforts` (*lead, N) are written to `out` (*lead, kept), where `cursor` says.

        It sets `unsound` (1,) to 1 if one is not finite. What is `streamed` is not to stay in the cache.
        """
        self.words += recorded(out, efforts, numbered(nodes), cursor, unsound, streamed)
        self._kept += [out, efforts, cursor, unsound]

    def program(self) -> KernelProgram | None:
        """Return the program, if it is complete."""
        return KernelProgram(self.words, self._kept, self._rescues) if self.complete else None


def joined(programs: list[KernelProgram]) -> KernelProgram:
    """Return the program that executes these `programs`, of which there is one at least, one after the other."""
    refusals = [
        Rescue(first=place, after=place + 1, instead=rescue.instead)
        for place, one in enumerate(programs)
        for rescue in one.rescues
        if isinstance(rescue.instead, Positive)
    ]
    return KernelProgram([row for one in programs for row in program(one.words)], [programs], refusals)


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
    stop, done, run_rows = len(chosen), 0, needed().run_rows
    if None in programs:
        missing = np.array([one is None for one in programs])[chosen]
        stop = int(missing.argmax()) if missing.any() else stop
    while done < stop:
        rows = slice(done, min(stop, done + ROWS))
        table = np.concatenate([known[chosen[rows]], places[rows]], axis=1)
        count = int(run_rows(table.ctypes.data, table.shape[1], len(table), cursors.ctypes.data))
        if progress is not None:
            for k in range(done, done + count):
                progress(k)
        done += count
        if done < rows.stop and (stopped := programs[chosen[done]]):
            stopped.refuse()
            break
    return done


def addresses(array: Array, places: Indices, axis: int = -2) -> Indices:
    """Return the address of each of the `places` (n,) along an `axis` of `array`, (n,), the last one's if beyond."""
    start, last = array.ctypes.data, array.shape[axis] - 1
    if not last:
        return np.full(places.shape, start)
    within: Indices = np.minimum(np.maximum(places, 0), last)  # np.clip takes 7 us
    return start + within * array.strides[axis]
