"""Joins the operations of calls to programs, which are calls themselves, and executes tables of programs.

An array that differs from program run to program run, such as a record of an interval, is found by a cursor: a number
(1,) that holds its address, which a table has for each of its rows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span, numbered
from lstm_analog.engines.native.calls import Otherwise, Positive, Repeat, Unsolved
from lstm_analog.engines.native.encoding import Several, around, copied, encoded, recorded
from lstm_analog.engines.native.encoding_arrays import WORDS, NotEncodableError, Operations, address, row
from lstm_analog.engines.native.grouping import group, merged
from lstm_analog.engines.native.library import is_available, needed
from lstm_analog.expressions import Call, EachPart

WORTH = 40
"""Intervals that must be left for programs to be made: to make them takes as long as numpy for about so many."""
ROWS = 2048
"""Programs that the kernel executes at once; larger: an interrupt by the user is noticed later."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rescue:
    """The call that is made `instead` where a program stops at operation number `first` or later, before `after`.

    It is a `Positive` if that refuses what stopped the program.
    """

    first: int
    after: int
    instead: Call


class KernelProgram:
    """The call that executes operations of the kernel, `words` (operations, WORDS).

    `kept` has the arrays that they work on. Where an operation stops the program, the first of the `rescues` around it,
    the inner ones first, that is not `Unsolved` itself is made, and the program goes on behind it.
    """

    def __init__(self, words: Operations, kept: Sequence[Any], rescues: Sequence[Rescue] = ()) -> None:
        """Take the `words` of the operations, the `kept` arrays and the `rescues`; there must be a kernel."""
        self.words, self.kept, self.rescues = np.array(words, dtype=np.int64).reshape(-1, WORDS), kept, tuple(rescues)
        group(self.words)
        self._run, self.address, self.count = needed().run, self.words.ctypes.data, len(words)

    def __call__(self) -> None:
        """Execute the operations; raise what it refuses, or `Unsolved` if it stops for want of a rescue."""
        place = self._run(self.address, self.count)
        while place < self.count:
            start = self._rescued(place)
            place = start + self._run(self.address + start * self.words.strides[0], self.count - start)

    def refuse(self) -> None:
        """Raise the refusal of each `Positive` of the program whose values, as they are, are not above zero."""
        for rescue in self.rescues:
            if isinstance(rescue.instead, Positive):
                rescue.instead()

    def _rescued(self, place: int) -> int:
        """Make the rescue of a stop at operation number `place`; return the number of the operation to go on with."""
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
    both = [(call, _encoded(call)) for call in merged(calls)]
    for by_numpy, run in groupby(both, key=lambda one: one[1].words is None):
        several = list(run)
        if by_numpy:
            found += [_within(call) for call, _ in several]
        else:
            found.append(_program([each for _, each in several], [call for call, _ in several]))
    return tuple(found)


class _Encoded(NamedTuple):
    """Calls as the `words` of their operations, None if one of them has none.

    `kept` is what must live as long, besides the calls; the `rescues` are numbered from the first operation on.
    """

    words: Operations | None
    kept: Sequence[Any] = ()
    rescues: Sequence[Rescue] = ()


def _encoded(call: Call) -> _Encoded:
    """Return a `call` encoded, with the calls that it makes."""
    if isinstance(call, KernelProgram):
        return _Encoded(words=call.words.tolist(), rescues=call.rescues)
    if isinstance(call, EachPart):
        return _each_part(call)
    if isinstance(call, Several):
        return _several(call)
    kept: list[Array] = []
    rescues = [Rescue(first=0, after=1, instead=call)] if isinstance(call, Positive) else ()
    return _Encoded(words=_tried(encoded, call, kept), kept=kept, rescues=rescues)


def _several(call: Several) -> _Encoded:
    """Return the `call` encoded: the operations of those that it makes, and those around them."""
    inner = _side_by_side(map(_encoded, call.calls))
    if inner.words is None:
        return inner
    kept = list(inner.kept)
    before, after = around(call, len(inner.words), kept)
    rescues = _moved(inner.rescues, len(before))
    if isinstance(call, Otherwise):
        rescues.append(Rescue(first=0, after=len(inner.words), instead=call.instead))
    return _Encoded(words=[*before, *inner.words, *after], kept=kept, rescues=rescues)


def _each_part(call: EachPart) -> _Encoded:
    """Return the `call` encoded: one operation, if all of its calls have operations and none needs a rescue."""
    inner = _side_by_side(map(_encoded, call.calls))
    copies = (*call.reads, *call.writes)
    table = np.array([[address(copy.shares[number]) for copy in copies] for number in range(call.count)])
    cursors = np.zeros(len(copies), dtype=np.int64)
    reading = [(copy.room, copy.shares[0], cursors[k:], 1) for k, copy in enumerate(call.reads)]
    writing = [(copy.shares[0], copy.room, cursors[k:], 0) for k, copy in enumerate(call.writes, len(reading))]
    before, after = ([_Encoded(words=_tried(copied, *one)) for one in some] for some in (reading, writing))
    whole = _side_by_side([*before, inner, *after])
    if whole.words is None or whole.rescues:
        return _Encoded(words=None)
    made = KernelProgram(whole.words, whole.kept)
    words = row("each part", 0, address(table), *table.shape, address(cursors), made.address, made.count)
    return _Encoded(words=[words], kept=[made, table, cursors])


def _tried(write: Callable[..., Operations], *given: object) -> Operations | None:
    """Return what `write` returns of what is `given`, None if that has no operations."""
    try:
        return write(*given)
    except NotEncodableError:
        return None


def _moved(rescues: Iterable[Rescue], start: int) -> list[Rescue]:
    """Return the `rescues` of operations that `start` others come before."""
    return [replace(one, first=one.first + start, after=one.after + start) for one in rescues]


def _side_by_side(each: Iterable[_Encoded]) -> _Encoded:
    """Return encoded calls one after the other as one; those behind one that has no operations are not asked for."""
    words, kept, rescues = Operations(), list[Any](), list[Rescue]()
    for one in each:
        if one.words is None:
            return one
        rescues += _moved(one.rescues, len(words)) if one.rescues else ()
        kept += one.kept
        words += one.words
    return _Encoded(words=words, kept=kept, rescues=rescues)


def _program(each: list[_Encoded], kept: list[Any]) -> KernelProgram:
    """Return the program of encoded calls, all of which have operations; calls and arrays of theirs are `kept`, too."""
    whole = _side_by_side(each)
    return KernelProgram(whole.words or [], [*kept, *whole.kept], whole.rescues)


def _within(call: Call) -> Call:
    """Return a `call` that the kernel cannot do as a whole with those that it makes compiled."""
    return replace(call, calls=compiled(call.calls)) if isinstance(call, Several) else call


class ProgramBuilder:
    """Puts calls and other operations together to one program, which exists if the kernel can do all of them."""

    def __init__(self) -> None:
        self._each: list[_Encoded] = []
        self._kept: list[Any] = []

    def add(self, calls: Iterable[Call]) -> None:
        """Append the operations of `calls`."""
        for call in calls:
            self._append(_encoded(call), call)

    @property
    def may_be_unsolved(self) -> bool:
        """Whether a call of it would be rescued, where it is not solved; in a table of programs the program stops."""
        return not all(isinstance(rescue.instead, Positive) for one in self._each for rescue in one.rescues)

    def stop_above(self, value: Floats, limit: float) -> None:
        """Append that the program stops unless `value` (1,) is at most `limit`."""
        kept = np.array([limit])
        self._append(_Encoded(words=[row("stop above", 0, address(value), address(kept))]), value, kept)

    def repeat_above(self, value: Floats, limit: float, most: int, calls: Iterable[Call]) -> None:
        """Append `calls`, repeated until `value` (1,) is at most `limit`; after `most` times the program stops."""
        self.add([Repeat(calls=tuple(calls), value=value, limit=limit, most=most)])

    def copy(self, out: Array, source: Array, cursor: Indices, of: int) -> None:
        """Append that `source` is copied to `out`, one of which lies where `cursor` (1,) says: `out` if `of` is 0.

        It is `source` if `of` is 1. The array that is given has the shape, the steps and the type of what lies there.
        """
        self._append(_Encoded(words=_tried(copied, out, source, cursor, of)), out, source, cursor)

    def record(
        self, out: Array, efforts: Array, nodes: Span, cursor: Indices, unsound: Indices, streamed: bool
    ) -> None:
        """Append that the `nodes` of `efforts` (*lead, N) are written to `out` (*lead, kept), where `cursor` says.

        It sets `unsound` (1,) to 1 if one is not finite. What is `streamed` is not to stay in the cache.
        """
        words = _tried(recorded, out, efforts, numbered(nodes), cursor, unsound, streamed)
        self._append(_Encoded(words=words), out, efforts, cursor, unsound)

    def program(self) -> KernelProgram | None:
        """Return the program; None without a kernel, or if it cannot do all of it."""
        complete = is_available() and all(one.words is not None for one in self._each)
        return _program(self._each, self._kept) if complete else None

    def _append(self, one: _Encoded, *kept: object) -> None:
        """Append `one` encoded call, and what must live as long."""
        self._each.append(one)
        self._kept += kept


def joined(programs: list[KernelProgram]) -> KernelProgram:
    """Return the program that executes these `programs`, of which there is one at least, one after the other.

    It knows what they refuse, but does not rescue: `executed` tells where it stopped.
    """
    refusals = [
        replace(rescue, first=place, after=place)
        for place, one in enumerate(programs)
        for rescue in one.rescues
        if isinstance(rescue.instead, Positive)
    ]
    return KernelProgram([row("program", 0, one.address, one.count) for one in programs], [programs], refusals)


def executed(
    programs: Sequence[KernelProgram | None],
    chosen: Indices,
    places: Indices,
    cursors: Indices,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Execute `programs[chosen[k]]` for k = 0, 1, ... until one is missing or stops; return how many came to their end.

    Before each, the addresses `places[k]` (cursors,) are written to `cursors`; `progress` is called with each k that
    came to its end. Raises what the program that stops has to refuse. There must be a kernel.
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
