"""Writes down a call of numpy as operations of the kernel: `WORDS` whole numbers each, see `kernel.c`.

What cannot be written down, for its function, the type of its numbers or where they lie, is None, and numpy does it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Indices
from lstm_analog.engines.native.calls import Positive, Repeat, Unless, following, largest
from lstm_analog.engines.native.encoding_arrays import (
    PLAIN,
    NotEncodableError,
    Operations,
    address,
    axes,
    elementwise,
    indexed,
    kind_of,
    product,
    row,
    runs,
    strides_of,
)
from lstm_analog.engines.native.encoding_solving import SOLVING
from lstm_analog.expressions import Call, Refresh, add_at, advance, put, where_less


def encoded(call: Call, kept: list[Array]) -> Operations | None:
    """Return the operations of `call`, or None if it has none; arrays that they need are appended to `kept`."""
    try:
        return _operations(call, kept)
    except NotEncodableError:
        return None


def stop_above(value: Array, limit: float, kept: list[Array]) -> Operations:
    """Return the operation that stops the program unless `value` (1,) is at most `limit`.

    What it needs is appended to `kept`.
    """
    kept.append(np.array([limit]))
    return [row("stop above", 0, address(value), address(kept[-1]))]


def repeat_above(value: Array, limit: float, counter: Array, most: int, count: int, kept: list[Array]) -> Operations:
    """Return the operation that repeats the `count` operations before it unless `value` (1,) is at most `limit`.

    Each time it adds 1 to `counter` (1,); at `most` it stops the program. What it needs is appended to `kept`.
    """
    kept += [counter, np.array([limit])]
    return [row("repeat above", 0, address(value), address(kept[-1]), address(counter), most, count)]


def program(words: Array) -> Operations:
    """Return the operation that executes the operations `words` (n, WORDS), and stops where these stop."""
    return [row("program", 0, address(words), len(words))]


def each_part(words: Array, table: Array, cursors: Array) -> Operations:
    """Return the operation that executes the operations `words` (n, WORDS) for each row of `table` (parts, cursors).

    The row, addresses, is written to the `cursors` (cursors,) before. It stops where these stop.
    """
    return [row("each part", 0, address(table), *table.shape, address(cursors), address(words), len(words))]


def copied(out: Array, source: Array, cursor: Array, of: int) -> Operations:
    """Return the operation that copies `source` to `out`, one of which lies where `cursor` (1,) says.

    That is `out` if `of` is 0, `source` if it is 1; the array that is given has its shape and strides.
    """
    rows = elementwise("copyto", out, (source,), [])
    for words in rows:  # one, or none where nothing is copied
        words[1] |= 2 << of
        words[7 + 5 * of] = address(cursor)
    return rows


def recorded(
    out: Array, efforts: Array, nodes: Indices, cursor: Indices, unsound: Indices, streamed: bool
) -> Operations:
    """Return the operations that write the `nodes` (kept,) of `efforts` (*lead, N) to `out` (*lead, kept), doubles.

    That lies where `cursor` (1,) says; the array given has its shape and strides. They set `unsound` (1,) to 1 if an
    effort is not finite. What is `streamed` is not to stay in the cache. Raises `NotEncodableError` if there are none.
    """
    given = [strides_of(out), strides_of(efforts)]
    sizes, steps = axes(out.shape[:-1], [step[:-1] for step in given])
    if len(sizes) > 1 or {step[-1] for step in given} != {1}:
        raise NotEncodableError
    count, (below, beside) = sizes[0] if sizes else 1, (step[0] if step else 0 for step in steps)
    return [
        row(
            *("record", kind_of(efforts), count, stop - start, address(cursor), start, below),
            *(address(efforts[..., nodes[start] :]), beside, address(unsound), int(streamed)),
        )
        for start, stop in runs(nodes)
    ]


def _refreshing(call: Refresh, kept: list[Array]) -> Operations:
    inner = [words for each in call.calls for words in _operations(each, kept)]
    both = [address(call.stamp), address(call.version)]
    inner.append(row("assign", 0, *both))
    return [row("skip if equal", 0, *both, len(inner)), *inner]


def _unless(call: Unless, kept: list[Array]) -> Operations:
    inner = [words for each in call.calls for words in _operations(each, kept)]
    kept.append(np.array([call.limit]))
    return [row("skip if within", 0, address(call.value), address(kept[-1]), len(inner)), *inner]


def _requiring(call: Positive, kept: list[Array]) -> Operations:
    kept.append(call.values)
    if not call.values.flags.c_contiguous:
        raise NotEncodableError
    return [row("stop unless positive", kind_of(call.values), call.values.size, address(call.values))]


def _repeating(call: Repeat, kept: list[Array]) -> Operations:
    inner = [words for each in call.calls for words in _operations(each, kept)]
    counter, start = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    kept.append(start)
    again = repeat_above(call.value, call.limit, counter, call.most, len(inner), kept)
    return [row("assign", 0, address(counter), address(start)), *inner, *again]


def _solving(call: partial[object], kept: list[Array]) -> Operations:
    found = SOLVING[call.func](*call.args, kept)
    if found is None:
        raise NotEncodableError
    return [row(found[0], 0, *found[1])]


def _largest(out: Array, values: Array, scale: Array, kept: list[Array]) -> Operations:
    if {out.dtype, scale.dtype} != {np.dtype(np.float64)} or values.strides[1] != values.itemsize:
        raise NotEncodableError
    count, size = values.shape
    words = [count, size, address(out), address(values), strides_of(values)[0], address(scale), int(scale.size > 1)]
    return [row("largest", kind_of(values), *words)]


def _operations(call: Call, kept: list[Array]) -> Operations:
    if isinstance(call, Refresh):
        return _refreshing(call, kept)
    if isinstance(call, Unless):
        return _unless(call, kept)
    if isinstance(call, Positive):
        return _requiring(call, kept)
    if isinstance(call, Repeat):
        return _repeating(call, kept)
    if not isinstance(call, partial):
        raise NotEncodableError
    if call.func in SOLVING:
        return _solving(call, kept)
    if call.func in _SPECIAL:
        return _SPECIAL[call.func](*call.args, kept)
    named, name = call.keywords, "where" if call.func is where_less else call.func.__name__
    if name not in PLAIN or set(named) - {"out"}:
        raise NotEncodableError
    operands, out = (call.args, named["out"]) if named else (call.args[:-1], call.args[-1])
    return elementwise(name, out, operands, kept)


def _copying(out: Array, source: Any, kept: list[Array]) -> Operations:
    if out.dtype == np.int64 and out.size == source.size == 1:
        return [row("assign", 0, address(out), address(source))]
    return elementwise("copyto", out, (source,), kept)


def _taking(array: Array, places: Indices, axis: int, out: Array, mode: str, kept: list[Array]) -> Operations:
    return indexed("take", out, array, places, axis, kept)


def _putting(out: Array, places: Indices, axis: int, values: Array, kept: list[Array]) -> Operations:
    return indexed("put", out, values, places, axis, kept)


def _adding(out: Array, places: Indices, axis: int, values: Array, kept: list[Array]) -> Operations:
    return indexed("add_at", out, values, places, axis, kept)


def _advancing(stamps: Indices, groups: Indices, kept: list[Array]) -> Operations:
    cuts = np.flatnonzero(np.diff(groups) != 1) + 1
    return [
        row("advance", 0, address(stamps[run[0] : run[0] + 1]), run.size) for run in np.split(groups, cuts) if run.size
    ]


def _following(value: Array, sizes: Array, kept: list[Array]) -> Operations:
    return [row("following", 0, address(value), address(sizes), sizes.size)]


_SPECIAL: Mapping[Any, Callable[..., Operations]] = MappingProxyType(
    {
        np.matmul: product,
        np.take: _taking,
        np.copyto: _copying,
        put: _putting,
        add_at: _adding,
        advance: _advancing,
        largest: _largest,
        following: _following,
    }
)
"""What writes down calls of functions that do not work element by element."""
