"""Writes down calls of the functions of `solving` as operations of the kernel."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats
from lstm_analog.engines.native.solving import (
    Entries,
    add_products,
    invert,
    invert_collocation,
    solve_collocation,
    write_products,
)
from lstm_analog.engines.native.words import NotEncodableError, Words, address, row, strides

_LARGEST = 32
"""Rows of the matrices that are inverted side by side, each in memory of the stack; larger ones are left to numpy."""


def _steps(array: Floats, leading: int) -> tuple[int, ...]:
    """Return the strides of the `leading` axes of `array`, whose other numbers must lie side by side."""
    inner = array[(0,) * leading]
    if array.dtype != np.float64 or not inner.flags.c_contiguous or not array.size:
        raise NotEncodableError
    return strides(array)[:leading]


def _products(
    added: int, out: Floats, matrix: Floats, vectors: Floats, present: Entries, kept: list[Array]
) -> Words:
    kept += [present.starts, present.columns]
    words = [len(out), out[0].size, added, address(out), *_steps(out, 1), address(matrix), *_steps(matrix, 2)]
    words += [address(vectors), *_steps(vectors, 1), address(present.starts), address(present.columns)]
    return [row("products", 0, *words)]


def _inverting(out: Floats, matrices: Floats, chosen: Floats, kept: list[Array]) -> Words:
    size = len(out)
    if size > _LARGEST:
        raise NotEncodableError
    words = [size, out[0, 0].size, chosen.size, address(out), *_steps(out, 2), address(matrices), *_steps(matrices, 2)]
    return [row("invert", 0, *words, address(chosen))]


def _collocation(
    slopes: Floats, capacity: Floats, derivative: Floats, out: Floats, kept: list[Array], *more: int
) -> Words:
    """Return the operation that inverts, or with the words `more` solves, the matrices of `solving.collocation`."""
    (dynamic, count), points, lanes = (len(slopes), len(derivative)), slopes.shape[2], slopes[0, 0, 0].size
    spread = np.ascontiguousarray(np.broadcast_to(capacity, (*slopes.shape[3:], dynamic)))
    room = np.empty((1 + dynamic * count, dynamic * count))
    kept += [spread, room, derivative]
    _steps(derivative, 0)
    words = [dynamic, count, points, lanes, slopes.shape[-1], address(slopes), *_steps(slopes, 3)]
    return [row("collocation", 0, *words, *map(address, (spread, derivative, out, room)), *more)]


def _inverting_collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, chosen: Floats, kept: list[Array]
) -> Words:
    _steps(out, 0)
    return _collocation(slopes, capacity, derivative, out, kept, address(chosen), 0)


def _solving_collocation(
    out: Floats, slopes: Floats, capacity: Floats, derivative: Floats, right: Floats, kept: list[Array]
) -> Words:
    return _collocation(slopes, capacity, derivative, out, kept, 0, address(right), *_steps(right, 2), *_steps(out, 2))


SOLVING: Mapping[Any, Callable[..., Words]] = MappingProxyType(
    {
        write_products: partial(_products, 0),
        add_products: partial(_products, 1),
        invert: _inverting,
        invert_collocation: _inverting_collocation,
        solve_collocation: _solving_collocation,
    }
)
"""What writes down calls of each of these functions."""
