"""Writes down calls of the functions of `solving`, and of `largest_each`, as operations of the kernel.

Each is the operation's name and its words behind the first two, see `solving.inc`; None for what the kernel cannot do.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.engines.native.calls import (
    Entries,
    add_products,
    invert_collocation,
    invert_negative,
    largest_each,
    solve_collocation,
    write_products,
)

_LARGEST = 32
"""Rows of the matrices that are inverted side by side, each in memory of the stack; larger ones are left to numpy."""

NamedWords = tuple[str, list[int]] | None


def _fits(array: Array, leading: int) -> bool:
    """Return whether `array` has doubles that, but for its `leading` axes, lie side by side."""
    return array.dtype == np.float64 and array.size > 0 and bool(array[(0,) * leading].flags.c_contiguous)


def _at(array: Array, leading: int) -> list[int]:
    """Return the address of `array` and its strides along the `leading` axes, in numbers."""
    return [array.ctypes.data, *(step // array.itemsize for step in array.strides[:leading])]


def _products(
    added: int, out: Floats, matrix: Floats, vectors: Floats, present: Entries, kept: list[Array]
) -> NamedWords:
    inner, shape = matrix.shape[2:], out.shape[1:]
    points = 1 if inner == shape else shape[0]
    alike = inner in (shape, (1, *shape[1:])) and vectors.shape[1:] == shape
    if not (alike and _fits(out, 1) and _fits(matrix, 2) and _fits(vectors, 1)):
        return None
    words = [len(out), out[0].size // points, added, *_at(out, 1), *_at(matrix, 2), *_at(vectors, 1)]
    return "products", [*words, *_at(present.starts, 0), *_at(present.columns, 0), points]


def _inverting(out: Floats, matrices: Floats, chosen: Floats, kept: list[Array]) -> NamedWords:
    if len(out) > _LARGEST or not (_fits(out, 2) and _fits(matrices, 2) and _fits(chosen, 0)):
        return None
    return "invert", [len(out), out[0, 0].size, chosen.size, *_at(out, 2), *_at(matrices, 2), *_at(chosen, 0)]


def _collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, given: list[int], kept: list[Array]
) -> NamedWords:
    """Return the operation that inverts or solves the matrices of `solving.collocation`, with what is `given` to it."""
    dynamic, count = len(slopes), len(derivative)
    if not (_fits(slopes, 3) and _fits(derivative, 0) and _fits(out, 2)):
        return None
    wide = np.ascontiguousarray(np.broadcast_to(capacity, (*slopes.shape[3:], dynamic)))
    room = np.empty((1 + dynamic * count, dynamic * count))
    kept += [wide, room]
    words = [dynamic, count, slopes.shape[2], slopes[0, 0, 0].size, slopes.shape[-1], *_at(slopes, 3)]
    return "collocation", [*words, *_at(wide, 0), *_at(derivative, 0), *_at(room, 0), *_at(out, 2), *given]


def _inverting_collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, chosen: Floats, kept: list[Array]
) -> NamedWords:
    if not _fits(chosen, 0):
        return None
    return _collocation(out, slopes, capacity, derivative, [*_at(chosen, 0), 0], kept)


def _solving_collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, right: Floats, kept: list[Array]
) -> NamedWords:
    if not _fits(right, 2):
        return None
    return _collocation(out, slopes, capacity, derivative, [0, *_at(right, 2)], kept)


def _largest_each(out: Floats, values: Floats, scale: Floats, kept: list[Array]) -> NamedWords:
    if not all(_fits(array, 0) for array in (out, values, scale)):
        return None
    return "largest of each", [*values.shape, *_at(values, 0), *_at(scale, 0), *_at(out, 0)]


SOLVING: Mapping[Any, Callable[..., NamedWords]] = MappingProxyType(
    {
        write_products: partial(_products, 0),
        add_products: partial(_products, 1),
        invert_negative: _inverting,
        invert_collocation: _inverting_collocation,
        solve_collocation: _solving_collocation,
        largest_each: _largest_each,
    }
)
"""What writes down calls of each of these functions."""
