"""Writes down what a call does to arrays as operations of the kernel: element by element, at places, a matrix product.

Operations have few axes, and matrices the steps that linear algebra takes: how the numbers of arrays lie is reduced to
that. Steps are counted in numbers.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Indices, aligned_zeros

Strides = tuple[int, ...]

WORDS = 32
"""Whole numbers of an operation: its number, its bits, then sizes, addresses and steps, see `operations.inc`."""
CURSOR = 2
"""The bit, in the second word, of operand 0 if a cursor says where it lies; those of the others follow."""
FIRST_OPERAND = 7
"""The word with the address of operand 0, the result, of an operation element by element; its steps follow."""
OPERAND_WORDS = 5
"""Words of an operand: its address and its steps along the inner axis and three outer ones."""
_OUTER = 3
"""Axes besides the inner one of an operation element by element."""
_VECTOR = 64
"""Bytes of the widest vectors, of which four hold the rows that the kernel packs for a product."""
_RUNS = 4
"""Runs of neighbouring places that are copied one by one at most; more are read or written place by place."""


class NotEncodableError(Exception):
    """The call has no operations of the kernel."""


def axes(shape: tuple[int, ...], strides: list[Strides]) -> tuple[list[int], list[list[int]]]:
    """Return the sizes and, array by array, the strides of as few axes as will do; the arrays have equal `shape`.

    The axes are in the order of the `strides` of the first array, the inner one last.
    """
    first = strides[0]
    order = sorted([k for k, size in enumerate(shape) if size > 1], key=lambda k: -abs(first[k]))
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis in order:
        size, own = shape[axis], [stride[axis] for stride in strides]
        if sizes and all(step[-1] == stride * size for step, stride in zip(steps, own, strict=True)):
            sizes[-1] *= size
            for step, stride in zip(steps, own, strict=True):
                step[-1] = stride
        else:
            sizes.append(size)
            for step, stride in zip(steps, own, strict=True):
                step.append(stride)
    return sizes, steps


def matrix_steps(rows: int, columns: int, down: int, across: int) -> tuple[int, int]:
    """Return the steps from row to row and from column to column of a matrix, one of which is 1 as in BLAS.

    It has `rows` and `columns`, `down` and `across` apart; a step along an axis of length 1 is free to choose. Raises
    `NotEncodableError` if no step can be 1, or if rows or columns overlap.
    """
    if across == 1 or columns == 1:
        found = (columns if rows == 1 else down, 1)
    elif down == 1 or rows == 1:
        found = (1, across)
    else:
        raise NotEncodableError
    if found[0] < (columns if found[1] == 1 else 1) or (found[1] != 1 and found[1] < rows):
        raise NotEncodableError
    return found


_NAMES = (
    *("copyto", "add", "subtract", "multiply", "divide", "negative", "tanh", "exp", "log1p", "sqrt", "absolute"),
    *("sign", "minimum", "maximum", "heaviside", "expm1", "where", "less", "take", "put", "add_at", "matmul"),
    *("advance", "assign", "skip if equal", "skip if within", "largest", "following", "stop above", "repeat above"),
    *("widen", "stop unless positive", "largest of each", "products", "invert", "collocation", "program"),
    *("each part", "record"),
)
"""The operations in the order of `enum operation` in `operations.inc`."""
NUMBER: Mapping[str, int] = MappingProxyType({name: number for number, name in enumerate(_NAMES)})
"""The number of each operation."""
PLAIN = frozenset(_NAMES[: _NAMES.index("take")])
"""The names of the operations that work element by element."""
ELEMENTWISE = NUMBER["take"]
"""How many operations work element by element; they are the first."""
_TYPES: Mapping[Any, int] = MappingProxyType({np.dtype(np.float64): 0, np.dtype(np.float32): 1})
"""The number of each type of numbers: 1 for single precision."""

Operations = list[list[int]]
"""Operations one after the other, each of `WORDS` words."""


def row(name: str, single: int, *words: int) -> list[int]:
    """Return the operation `name`, of single precision if `single` is 1, with its `words` from the third on."""
    return [NUMBER[name], single, *words, *(0,) * (WORDS - 2 - len(words))]


def address(array: Array) -> int:
    """Return where the numbers of `array` begin."""
    return array.ctypes.data


def kind_of(*arrays: Array) -> int:
    """Return the number of the type that all `arrays` share; raise `NotEncodableError` if there is none."""
    kinds = {array.dtype for array in arrays}
    if len(kinds) > 1 or arrays[0].dtype not in _TYPES:
        raise NotEncodableError
    return _TYPES[arrays[0].dtype]


def strides_of(array: Array) -> Strides:
    """Return the strides of `array` in numbers; raise `NotEncodableError` if one is no multiple of them."""
    size = array.itemsize
    found = tuple([step // size for step in array.strides])
    if sum(array.strides) != size * sum(found):
        raise NotEncodableError
    return found


def _spread_strides(array: Array, shape: tuple[int, ...]) -> Strides:
    """Return the strides in numbers of `array` spread to `shape`: as `np.broadcast_to` does, but fast."""
    steps = strides_of(array)
    if array.shape == shape:
        return steps
    missing = len(shape) - array.ndim
    axes_of = list(zip(array.shape, shape[max(missing, 0) :], steps, strict=False))
    if missing < 0 or any(own not in (1, whole) for own, whole, _ in axes_of):
        raise NotEncodableError
    return (0,) * missing + tuple(step if own == whole else 0 for own, whole, step in axes_of)


def elementwise(name: str, out: Array, operands: Iterable[Any], kept: list[Array]) -> Operations:
    """Return the operation `name` of `operands`, arrays or numbers that broadcast, element by element, to `out`.

    There is none if `out` is empty. What it needs is appended to `kept`. Raises `NotEncodableError` if the kernel has
    no such operation.
    """
    if not out.size:
        return []
    given = [each if isinstance(each, np.ndarray) else np.full((), each, dtype=out.dtype) for each in operands]
    kept += given
    arrays = [out, *given]
    widens = name == "copyto" and arrays[1].dtype == np.float32 and out.dtype == np.float64
    name, kind = ("widen", 0) if widens else (name, kind_of(*arrays))
    sizes, steps = axes(out.shape, [_spread_strides(array, out.shape) for array in arrays])
    if len(sizes) > _OUTER + 1:
        raise NotEncodableError
    outer, inner = [1] * (_OUTER + 1 - len(sizes)) + sizes[:-1], sizes[-1] if sizes else 1
    words = [inner, *outer[-_OUTER:], len(arrays)]
    for array, step in zip(arrays, steps, strict=True):
        apart = [0] * (_OUTER + 1 - len(step)) + step[:-1]
        words += [address(array), step[-1] if step else 1, *apart[-_OUTER:]]
    return [row(name, kind, *words)]


def indexed(name: str, out: Array, values: Array, places: Indices, axis: int, kept: list[Array]) -> Operations:
    """Return the operations of `name` at `places` (n,) along an `axis`, -1 or -2: take, put or add_at.

    They read the `places` of `values` to `out`, or write or add `values` to the `places` of `out`. What they need is
    appended to `kept`. Raises `NotEncodableError` if there are none.
    """
    whole = (values if name == "take" else out).shape[axis]
    if places.dtype != np.int64 or not places.size or places.min() < 0 or places.max() >= whole:
        raise NotEncodableError
    places = np.ascontiguousarray(places)
    shape = list(out.shape)
    shape[axis] = places.size
    given = values if name == "take" else np.broadcast_to(values, shape)
    kept += [given, places]
    kind, steps = kind_of(out, given), [strides_of(out), strides_of(given)]
    several = runs(places)
    if len(several) <= _RUNS:
        return [words for run in several for words in _run(name, out, given, int(places[run[0]]), run, axis, kept)]
    along = out.ndim + axis
    before, steps_before = axes(tuple(shape[:along]), [step[:along] for step in steps])
    if len(before) > 2 or out.ndim - along > 2:
        raise NotEncodableError
    inner = shape[-1] if axis == -2 else 1
    words = [places.size, *[1] * (2 - len(before)), *before, inner]
    for array, step, lead in zip((out, given), steps, steps_before, strict=True):
        words += [address(array), step[along], *[0] * (2 - len(lead)), *lead, step[-1] if axis == -2 else 0]
    return [row(name, kind, *words, address(places))]


def runs(places: Indices) -> list[tuple[int, int]]:
    """Return where each run of neighbours among the `places` (n,) begins in these, and where it has ended."""
    if not places.size:
        return []
    return list(pairwise([0, *(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), places.size]))


def _run(
    name: str, out: Array, values: Array, first: int, run: tuple[int, int], axis: int, kept: list[Array]
) -> Operations:
    """Return the operation that reads, writes or adds a `run` of neighbouring places, the first of which is `first`."""
    start, stop = run
    rest: tuple[Any, ...] = (slice(None),) * (-1 - axis)
    places, numbers = (..., slice(first, first + stop - start), *rest), (..., slice(start, stop), *rest)
    if name == "take":
        return elementwise("copyto", out[numbers], (values[places],), kept)
    operands = (values[numbers],) if name == "put" else (out[places], values[numbers])
    return elementwise("copyto" if name == "put" else "add", out[places], operands, kept)


def product(left: Array, right: Array, out: Array, kept: list[Array]) -> Operations:
    """Return the operation for a product of matrices in a batch, `left` (..., rows, k) times `right` to `out`.

    What it needs is appended to `kept`. Raises `NotEncodableError` if the kernel has no such operation.
    """
    if min(left.ndim, right.ndim) < 2 or not out.size or not left.shape[-1]:
        raise NotEncodableError
    kind = kind_of(out, left, right)
    (rows, depth), columns, lead = left.shape[-2:], right.shape[-1], out.shape[:-2]
    spread = [np.broadcast_to(each, (*lead, *each.shape[-2:])) for each in (left, right)]
    sizes, steps = axes(lead, [strides_of(array)[:-2] for array in (out, *spread)])
    if len(sizes) > 1:
        raise NotEncodableError
    (of_out, of_left, of_right) = (step[0] if step else 0 for step in steps)
    to, within = matrix_steps(rows, columns, *strides_of(out)[-2:])
    if within != 1:
        raise NotEncodableError
    steps_left = matrix_steps(rows, depth, *strides_of(left)[-2:])
    steps_right = matrix_steps(depth, columns, *strides_of(right)[-2:])
    words = [sizes[0] if sizes else 1, rows, columns, depth, address(out), of_out, to]
    words += [address(left), of_left, *steps_left, address(right), of_right, *steps_right]
    if rows > 1 and steps_left[1] == steps_right[0] == 1 < steps_right[1]:
        vectors = min(4, -(-rows * out.itemsize // _VECTOR))
        kept.append(aligned_zeros((depth * vectors, _VECTOR // 8)))
        words.append(address(kept[-1]))
    return [row("matmul", kind, *words)]
