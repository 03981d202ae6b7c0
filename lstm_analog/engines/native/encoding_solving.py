"""Writes down calls of the functions of `calls` that solve small systems side by side as operations of the kernel.

Each function returns the operations of a call, in the words of `operations.inc`; arrays that they need beyond those of
the call are appended to `kept`. It raises `NotEncodableError` where the kernel cannot do it.
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
from lstm_analog.engines.native.encoding_arrays import NotEncodableError, Operations, address, row

_LARGEST = 32
"""Rows of the matrices that are inverted side by side, each in memory of the stack; larger ones are left to numpy."""


def _at(array: Array, leading: int) -> list[int]:
    """Return the address of `array` and its steps along the `leading` axes; along the others its doubles must be dense.

    Raises `NotEncodableError` if they are not.
    """
    if array.dtype != np.float64 or not array.size or not array[(0,) * leading].flags.c_contiguous:
        raise NotEncodableError
    return [address(array), *(step // array.itemsize for step in array.strides[:leading])]


def _products(
    added: int, out: Floats, matrix: Floats, vectors: Floats, present: Entries, kept: list[Array]
) -> Operations:
    inner, shape = matrix.shape[2:], out.shape[1:]
    points = 1 if inner == shape else shape[0]
    if inner not in (shape, (1, *shape[1:])) or vectors.shape[1:] != shape:
        raise NotEncodableError
    words = [len(out), out[0].size // points, added, *_at(out, 1), *_at(matrix, 2), *_at(vectors, 1)]
    return [row("products", 0, *words, address(present.starts), address(present.columns), points)]


def _inverting(out: Floats, matrices: Floats, chosen: Floats, kept: list[Array]) -> Operations:
    if len(out) > _LARGEST:
        raise NotEncodableError
    words = [len(out), out[0, 0].size, chosen.size, *_at(out, 2), *_at(matrices, 2), *_at(chosen, 0)]
    return [row("invert", 0, *words)]


def _collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, given: list[int], kept: list[Array]
) -> Operations:
    """Return the operation that inverts or solves the matrices of `collocation`: with the words `given`, which say."""
    dynamic, count = len(slopes), len(derivative)
    wide = np.ascontiguousarray(np.broadcast_to(capacity, (*slopes.shape[3:], dynamic)))
    room = np.empty((1 + dynamic * count, dynamic * count))
    kept += [wide, room]
    words = [dynamic, count, slopes.shape[2], slopes[0, 0, 0].size, slopes.shape[-1], *_at(slopes, 3)]
    return [row("collocation", 0, *words, *_at(wide, 0), *_at(derivative, 0), address(room), *_at(out, 2), *given)]


def _inverting_collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, chosen: Floats, kept: list[Array]
) -> Operations:
    return _collocation(out, slopes, capacity, derivative, [*_at(chosen, 0), 0], kept)


def _solving_collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, right: Floats, kept: list[Array]
) -> Operations:
    return _collocation(out, slopes, capacity, derivative, [0, *_at(right, 2)], kept)


def _largest_each(out: Floats, values: Floats, scale: Floats, kept: list[Array]) -> Operations:
    return [row("largest of each", 0, *values.shape, *_at(values, 0), *_at(scale, 0), *_at(out, 0))]


SOLVING: Mapping[Any, Callable[..., Operations]] = MappingProxyType(
    {
        write_products: partial(_products, 0),
        add_products: partial(_products, 1),
        invert_negative: _inverting,
        invert_collocation: _inverting_collocation,
        solve_collocation: _solving_collocation,
        largest_each: _largest_each,
    }
)
"""The functions that write down calls of these functions."""
