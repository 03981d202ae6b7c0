"""Writes down a call of numpy as operations of the kernel: `WORDS` whole numbers each, see `kernel.c`.

What cannot be written down, for its function, the type of its numbers or where they lie, is None, and numpy does it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Indices
from lstm_analog.engines.native.encoding_solving import SOLVING
from lstm_analog.engines.native.judging import Positive, Repeat, Unless, following, largest
from lstm_analog.engines.native.strides import NotEncodableError, Strides, axes, layout
from lstm_analog.expressions import Call, Refresh, add_at, advance, put, where_less

WORDS = 32
"""Whole numbers of an operation: what it is, then sizes, addresses and strides."""
_NAMES = (
    *("copyto", "add", "subtract", "multiply", "divide", "negative", "tanh", "exp", "log1p", "sqrt", "absolute"),
    *("sign", "minimum", "maximum", "heaviside", "expm1", "where", "less", "take", "put", "add_at", "matmul"),
    *("advance", "assign", "skip if equal", "skip if within", "largest", "following", "stop above", "repeat above"),
    *("widen", "stop unless positive", "largest of each", "products", "invert", "collocation", "program"),
    *("each part",),
)
"""The operations in the order in which `kernel.c` numbers them."""
_NUMBER: Mapping[str, int] = MappingProxyType({name: number for number, name in enumerate(_NAMES)})
_PLAIN = frozenset(_NAMES[: _NAMES.index("take")])
ELEMENTWISE = _NUMBER["take"]
"""The number of operations that work element by element; they are the first."""
_TYPES: Mapping[Any, int] = MappingProxyType({np.dtype(np.float64): 0, np.dtype(np.float32): 1})
_OUTER = 3
"""Axes besides the inner one of an operation element by element."""
_VECTOR = 64
"""Bytes of the widest vectors."""
_COLUMNS = 12
"""Columns that a tile of a product has at most."""

Operations = list[list[int]]


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
    return [_row("stop above", 0, _address(value), _address(kept[-1]))]


def repeat_above(value: Array, limit: float, counter: Array, most: int, count: int, kept: list[Array]) -> Operations:
    """Return the operation that repeats the `count` operations before it unless `value` (1,) is at most `limit`.

    Each time it adds 1 to `counter` (1,); at `most` it stops the program. What it needs is appended to `kept`.
    """
    kept += [counter, np.array([limit])]
    return [_row("repeat above", 0, _address(value), _address(kept[-1]), _address(counter), most, count)]


def program(words: Array) -> Operations:
    """Return the operation that executes the operations `words` (n, WORDS), and stops where these stop."""
    return [_row("program", 0, _address(words), len(words))]


def each_part(words: Array, table: Array, cursors: Array) -> Operations:
    """Return the operation that executes the operations `words` (n, WORDS) for each row of `table` (parts, cursors).

    The row, addresses, is written to the `cursors` (cursors,) before. It stops where these stop.
    """
    return [_row("each part", 0, _address(table), *table.shape, _address(cursors), _address(words), len(words))]


def copied(out: Array, source: Array, cursor: Array, of: int) -> Operations:
    """Return the operation that copies `source` to `out`, one of which lies where `cursor` (1,) says.

    That is `out` if `of` is 0, `source` if it is 1; the array that is given has its shape and strides.
    """
    rows = _elementwise("copyto", out, (source,), [])
    for words in rows:  # one, or none where nothing is copied
        words[1] |= 2 << of
        words[7 + 5 * of] = _address(cursor)
    return rows


def _refreshing(call: Refresh, kept: list[Array]) -> Operations:
    inner = [words for each in call.calls for words in _operations(each, kept)]
    both = [_address(call.stamp), _address(call.version)]
    inner.append(_row("assign", 0, *both))
    return [_row("skip if equal", 0, *both, len(inner)), *inner]


def _unless(call: Unless, kept: list[Array]) -> Operations:
    inner = [words for each in call.calls for words in _operations(each, kept)]
    kept.append(np.array([call.limit]))
    return [_row("skip if within", 0, _address(call.value), _address(kept[-1]), len(inner)), *inner]


def _requiring(call: Positive, kept: list[Array]) -> Operations:
    kept.append(call.values)
    if not call.values.flags.c_contiguous:
        raise NotEncodableError
    return [_row("stop unless positive", _type(call.values), call.values.size, _address(call.values))]


def _repeating(call: Repeat, kept: list[Array]) -> Operations:
    inner = [words for each in call.calls for words in _operations(each, kept)]
    counter, start = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    kept.append(start)
    again = repeat_above(call.value, call.limit, counter, call.most, len(inner), kept)
    return [_row("assign", 0, _address(counter), _address(start)), *inner, *again]


def _solving(call: partial[object], kept: list[Array]) -> Operations:
    found = SOLVING[call.func](*call.args, kept)
    if found is None:
        raise NotEncodableError
    return [_row(found[0], 0, *found[1])]


def _largest(out: Array, values: Array, scale: Array, kept: list[Array]) -> Operations:
    if {out.dtype, values.dtype, scale.dtype} != {np.dtype(np.float64)} or values.strides[1] != values.itemsize:
        raise NotEncodableError
    count, size = values.shape
    words = [count, size, _address(out), _address(values), _strides(values)[0], _address(scale), int(scale.size > 1)]
    return [_row("largest", 0, *words)]


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
    if name not in _PLAIN or set(named) - {"out"}:
        raise NotEncodableError
    operands, out = (call.args, named["out"]) if named else (call.args[:-1], call.args[-1])
    return _elementwise(name, out, operands, kept)


def _copying(out: Array, source: Any, kept: list[Array]) -> Operations:
    if out.dtype == np.int64 and out.size == source.size == 1:
        return [_row("assign", 0, _address(out), _address(source))]
    return _elementwise("copyto", out, (source,), kept)


def _taking(array: Array, places: Indices, axis: int, out: Array, mode: str, kept: list[Array]) -> Operations:
    return _indexed("take", out, array, places, axis, kept)


def _putting(out: Array, places: Indices, axis: int, values: Array, kept: list[Array]) -> Operations:
    return _indexed("put", out, values, places, axis, kept)


def _adding(out: Array, places: Indices, axis: int, values: Array, kept: list[Array]) -> Operations:
    return _indexed("add_at", out, values, places, axis, kept)


def _advancing(stamps: Indices, groups: Indices, kept: list[Array]) -> Operations:
    return [_row("advance", 0, _address(stamps[group : group + 1])) for group in groups]


def _following(value: Array, sizes: Array, kept: list[Array]) -> Operations:
    return [_row("following", 0, _address(value), _address(sizes), sizes.size)]


def _row(name: str, single: int, *words: int) -> list[int]:
    return [_NUMBER[name], single, *words, *(0,) * (WORDS - 2 - len(words))]


def _address(array: Array) -> int:
    return array.ctypes.data


def _type(*arrays: Array) -> int:
    """Return the number of the type that all `arrays` share."""
    kinds = {array.dtype for array in arrays}
    if len(kinds) > 1 or arrays[0].dtype not in _TYPES:
        raise NotEncodableError
    return _TYPES[arrays[0].dtype]


def _strides(array: Array) -> Strides:
    """Return the strides of `array` in numbers."""
    size = array.itemsize
    found = tuple([step // size for step in array.strides])
    if sum(array.strides) != size * sum(found):
        raise NotEncodableError
    return found


def _spread_strides(array: Array, shape: tuple[int, ...]) -> Strides:
    """Return the strides in numbers of `array` spread to `shape`: as `np.broadcast_to` does, but fast."""
    steps = _strides(array)
    if array.shape == shape:
        return steps
    missing = len(shape) - array.ndim
    axes_of = list(zip(array.shape, shape[max(missing, 0) :], steps, strict=False))
    if missing < 0 or any(own not in (1, whole) for own, whole, _ in axes_of):
        raise NotEncodableError
    return (0,) * missing + tuple(step if own == whole else 0 for own, whole, step in axes_of)


def _spread(given: Any, out: Array, shape: tuple[int, ...], kept: list[Array]) -> Array:
    """Return the operand `given` as an array of the type of `out` and of `shape`; `kept` holds what it is made of."""
    array = given if isinstance(given, np.ndarray) else np.full((), given, dtype=out.dtype)
    kept.append(array)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise NotEncodableError from None


def _elementwise(name: str, out: Array, operands: Iterable[Any], kept: list[Array]) -> Operations:
    if not out.size:
        return []
    given = [each if isinstance(each, np.ndarray) else np.full((), each, dtype=out.dtype) for each in operands]
    kept += given
    arrays = [out, *given]
    widens = name == "copyto" and arrays[1].dtype == np.float32 and out.dtype == np.float64
    name, kind = ("widen", 0) if widens else (name, _type(*arrays))
    sizes, steps = axes(out.shape, [_spread_strides(array, out.shape) for array in arrays])
    if len(sizes) > _OUTER + 1:
        raise NotEncodableError
    outer, inner = [1] * (_OUTER + 1 - len(sizes)) + sizes[:-1], sizes[-1] if sizes else 1
    words = [inner, *outer[-_OUTER:], len(arrays)]
    for array, step in zip(arrays, steps, strict=True):
        apart = [0] * (_OUTER + 1 - len(step)) + step[:-1]
        words += [_address(array), step[-1] if step else 1, *apart[-_OUTER:]]
    return [_row(name, kind, *words)]


def _indexed(name: str, out: Array, values: Array, places: Indices, axis: int, kept: list[Array]) -> Operations:
    """Return the operation that reads, writes or adds the `places` (n,) along an `axis`, -1 or -2."""
    whole = (values if name == "take" else out).shape[axis]
    if places.dtype != np.int64 or not places.size or places.min() < 0 or places.max() >= whole:
        raise NotEncodableError
    places = np.ascontiguousarray(places)
    shape = list(out.shape)
    shape[axis] = places.size
    given = values if name == "take" else _spread(values, out, tuple(shape), kept)
    kept += [out, values, places]
    kind, steps = _type(out, given), [_strides(out), _strides(given)]
    along = out.ndim + axis
    before, steps_before = axes(tuple(shape[:along]), [step[:along] for step in steps])
    if len(before) > 2 or out.ndim - along > 2:
        raise NotEncodableError
    inner = shape[-1] if axis == -2 else 1
    words = [places.size, *[1] * (2 - len(before)), *before, inner, 2]
    for array, step, lead in zip((out, given), steps, steps_before, strict=True):
        words += [_address(array), step[along], *[0] * (2 - len(lead)), *lead, step[-1] if axis == -2 else 0]
    return [_row(name, kind, *words, _address(places))]


def _product(left: Array, right: Array, out: Array, kept: list[Array]) -> Operations:
    """Return the operation for a product of matrices, in a batch."""
    if min(left.ndim, right.ndim) < 2 or not out.size or not left.shape[-1]:
        raise NotEncodableError
    kind = _type(out, left, right)
    (rows, depth), columns, lead = left.shape[-2:], right.shape[-1], out.shape[:-2]
    spread = [np.broadcast_to(each, (*lead, *each.shape[-2:])) for each in (left, right)]
    sizes, steps = axes(lead, [_strides(array)[:-2] for array in (out, *spread)])
    if len(sizes) > 1:
        raise NotEncodableError
    (of_out, of_left, of_right) = (step[0] if step else 0 for step in steps)
    to, within = layout(rows, columns, *_strides(out)[-2:])
    if within != 1:
        raise NotEncodableError
    matrices = (layout(rows, depth, *_strides(left)[-2:]), layout(depth, columns, *_strides(right)[-2:]))
    words = [sizes[0] if sizes else 1, rows, columns, depth, _address(out), of_out, to]
    words += [_address(left), of_left, *matrices[0], _address(right), of_right, *matrices[1]]
    if rows > 1 and columns >= _COLUMNS and matrices[0][1] == matrices[1][0] == 1 < matrices[1][1]:
        kept.append(np.empty(_VECTOR * (1 + depth * min(4, -(-rows * out.itemsize // _VECTOR))), np.uint8))
        words.append(_address(kept[-1]) + -_address(kept[-1]) % _VECTOR)
    return [_row("matmul", kind, *words)]


_SPECIAL: Mapping[Any, Callable[..., Operations]] = MappingProxyType(
    {
        np.matmul: _product,
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
