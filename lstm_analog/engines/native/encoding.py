"""Writes down calls as operations of the kernel: lists of `WORDS` whole numbers each, in the order of `operations.inc`.

Calls that the kernel has no operation for, by their function, the type of their numbers or how these lie in memory,
are left to numpy. Where an operand overlaps the result of its call, but does not lie where that does, kernel and numpy
differ: no engine makes such calls.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices
from lstm_analog.engines.native.calls import Otherwise, Positive, Repeat, Unless, following, largest
from lstm_analog.engines.native.encoding_arrays import (
    CURSOR,
    FIRST_OPERAND,
    OPERAND_WORDS,
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


def encoded(call: Call, kept: list[Array]) -> Operations:
    """Return the operations of a `call` that makes no others; arrays that they need are appended to `kept`.

    Raises `NotEncodableError` if it has none.
    """
    if isinstance(call, Positive):
        return _requiring(call)
    if not isinstance(call, partial):
        raise NotEncodableError
    if call.func in _SPECIAL:
        return _SPECIAL[call.func](*call.args, kept)
    named, name = call.keywords, "where" if call.func is where_less else call.func.__name__
    if name not in PLAIN or set(named) - {"out"}:
        raise NotEncodableError
    operands, out = (call.args, named["out"]) if named else (call.args[:-1], call.args[-1])
    return elementwise(name, out, operands, kept)


Several = Refresh | Unless | Repeat | Otherwise
"""A call that makes others, not always or more than once."""


def around(call: Several, count: int, kept: list[Array]) -> tuple[Operations, Operations]:
    """Return the operations before and after the `count` operations of the calls that `call` makes.

    They skip or repeat these; arrays that they need are appended to `kept`.
    """
    if isinstance(call, Otherwise):
        return [], []
    if isinstance(call, Refresh):
        both = address(call.stamp), address(call.version)
        return [row("skip if equal", 0, *both, count + 1)], [row("assign", 0, *both)]
    kept.append(np.array([call.limit]))
    within = address(call.value), address(kept[-1])
    if isinstance(call, Unless):
        return [row("skip if within", 0, *within, count)], []
    counter, start = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    kept += [counter, start]
    again = row("repeat above", 0, *within, address(counter), call.most, count)
    return [row("assign", 0, address(counter), address(start))], [again]


def copied(out: Array, source: Array, cursor: Array, of: int) -> Operations:
    """Return the operation that copies `source` to `out`, one of which lies where `cursor` (1,) says.

    That is `out` if `of` is 0, `source` if it is 1; the array that is given has its shape and strides.
    """
    rows = elementwise("copyto", out, (source,), [])
    for words in rows:  # one, or none where nothing is copied
        words[1] |= CURSOR << of
        words[FIRST_OPERAND + OPERAND_WORDS * of] = address(cursor)
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


def _requiring(call: Positive) -> Operations:
    if not call.values.flags.c_contiguous:
        raise NotEncodableError
    return [row("stop unless positive", kind_of(call.values), call.values.size, address(call.values))]


def _largest(out: Floats, values: Array, scale: Floats, kept: list[Array]) -> Operations:
    if not _doubles(out, scale) or values.strides[1] != values.itemsize:
        raise NotEncodableError
    words = [*values.shape, address(out), address(values), strides_of(values)[0], address(scale), int(scale.size > 1)]
    return [row("largest", kind_of(values), *words)]


def _following(value: Floats, sizes: Floats, kept: list[Array]) -> Operations:
    if not _doubles(value, sizes):
        raise NotEncodableError
    return [row("following", 0, address(value), address(sizes), sizes.size)]


def _doubles(*arrays: Array) -> bool:
    """Return whether the numbers of each of the `arrays` are doubles that lie side by side."""
    return all(array.dtype == np.float64 and array.flags.c_contiguous for array in arrays)


def _copying(out: Array, source: Any, kept: list[Array]) -> Operations:
    if out.dtype == np.int64 and out.size == source.size == 1:
        return [row("assign", 0, address(out), address(source))]
    return elementwise("copyto", out, (source,), kept)


def _taking(array: Array, places: Indices, axis: int, out: Array, mode: str, kept: list[Array]) -> Operations:
    return indexed("take", out, array, places, axis, kept)


def _placing(name: str, out: Array, places: Indices, axis: int, values: Array, kept: list[Array]) -> Operations:
    return indexed(name, out, values, places, axis, kept)


def _advancing(stamps: Indices, groups: Indices, kept: list[Array]) -> Operations:
    return [row("advance", 0, address(stamps[groups[start] :]), stop - start) for start, stop in runs(groups)]


_SPECIAL: Mapping[Any, Callable[..., Operations]] = MappingProxyType(
    {
        np.matmul: product,
        np.take: _taking,
        np.copyto: _copying,
        put: partial(_placing, "put"),
        add_at: partial(_placing, "add_at"),
        advance: _advancing,
        largest: _largest,
        following: _following,
        **SOLVING,
    }
)
"""The functions that write down calls of functions that do not work element by element, by these."""
