"""ONNX operations that move data or compute shapes, by numpy, with a bound on the number of elements.

ONNX operator schemas, https://onnx.ai/onnx/operators
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.labels import LARGEST

_CAST = MappingProxyType(
    {1: "f4", 10: "f2", 11: "f8", 9: "?"} | dict(zip((2, 3, 4, 5, 6, 7, 12, 13), "BbHhiqIQ", strict=True))
)
"""numpy's dtypes by ONNX's TensorProto.DataType."""

Attributes = Mapping[str, Any]
OnnxArrays = Sequence[Array | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxOperation:
    """An operation `run(inputs, attributes)`; omitted inputs at the end are missing, others are None.

    It `moves` elements of its first input, `joins` those of all, only `asks_shape`, or `fills` a shape with one number;
    otherwise it computes numbers. The attribute `count` is its number of outputs, `signal` is whether its first input
    has labels instead of numbers.
    """

    run: Callable[[OnnxArrays, Attributes], Array | list[Array]]
    moves: bool = False
    joins: bool = False
    asks_shape: bool = False
    fills: bool = False


class CannotError(Exception):
    """An operation has unsuitable inputs, or its result would be too large."""


CANNOT = (CannotError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""Errors of an operation whose inputs and attributes do not fit each other."""


def _given(inputs: OnnxArrays, n: int) -> Array:
    if n >= len(inputs) or inputs[n] is None:
        raise CannotError(f"no input {n}")
    array = inputs[n]
    return np.asarray(array)


def _sized(shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(int(size) for size in shape)
    if prod(sizes) > LARGEST or min(sizes, default=0) < 0:
        raise CannotError(f"shape {sizes} is too large")
    return sizes


def _axes(inputs: OnnxArrays, attributes: Attributes) -> tuple[int, ...] | None:
    """Return the axes of an operation, given as an input or (before opset 13) as an attribute."""
    if len(inputs) > 1 and inputs[1] is not None:
        return tuple(int(axis) for axis in np.asarray(inputs[1]).reshape(-1))
    return tuple(attributes["axes"]) if "axes" in attributes else None


def _shape(inputs: OnnxArrays, attributes: Attributes) -> Array:
    shape = np.array(_given(inputs, 0).shape, dtype=np.int64)
    return shape[attributes.get("start", 0) : attributes.get("end", None)]


def _gather(inputs: OnnxArrays, attributes: Attributes) -> Array:
    data, places, axis = _given(inputs, 0), _given(inputs, 1), attributes.get("axis", 0)
    _sized((data.size // max(data.shape[axis], 1), places.size))
    return np.take(data, places.astype(np.int64), axis=axis)


_FAR = 2**31 - 1
"""A bound of a Slice from here on means the end, as exporters write it."""


def _slice(inputs: OnnxArrays, attributes: Attributes) -> Array:
    if "starts" in attributes:  # before opset 10
        starts, ends = attributes["starts"], attributes["ends"]
        axes, steps = attributes.get("axes", range(len(starts))), [1] * len(starts)
    else:
        starts, ends = _given(inputs, 1).tolist(), _given(inputs, 2).tolist()
        axes = _given(inputs, 3).tolist() if len(inputs) > 3 and inputs[3] is not None else range(len(starts))
        steps = _given(inputs, 4).tolist() if len(inputs) > 4 and inputs[4] is not None else [1] * len(starts)
    data = _given(inputs, 0)
    cuts = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = data.shape[axis]
        if attributes["signal"] and any(size < abs(bound) < _FAR for bound in (start, end)):
            raise CannotError("what it takes depends on how long the axis is")
        backward_to_first = step < 0 and end < -size
        cuts[axis] = slice(int(start), None if backward_to_first else int(end), int(step))
    return data[tuple(cuts)]


def _reshape(inputs: OnnxArrays, attributes: Attributes) -> Array:
    data, wanted = _given(inputs, 0), _given(inputs, 1).reshape(-1).tolist()
    kept = not attributes.get("allowzero", 0)
    return data.reshape([data.shape[n] if kept and size == 0 else int(size) for n, size in enumerate(wanted)])


def _flatten(inputs: OnnxArrays, attributes: Attributes) -> Array:
    data, axis = _given(inputs, 0), attributes.get("axis", 1)
    return data.reshape(prod(data.shape[:axis]), -1)


def _expand(inputs: OnnxArrays, attributes: Attributes) -> Array:
    data = _given(inputs, 0)
    shape = np.broadcast_shapes(data.shape, _sized(_given(inputs, 1).reshape(-1).tolist()))
    return np.broadcast_to(data, _sized(shape))


def _concat(inputs: OnnxArrays, attributes: Attributes) -> Array:
    arrays = [_given(inputs, n) for n in range(len(inputs))]
    _sized([sum(array.size for array in arrays)])
    return np.concatenate(arrays, axis=attributes["axis"])


def _full(inputs: OnnxArrays, attributes: Attributes) -> Array:
    value = np.asarray(attributes.get("value", np.zeros(1))).reshape(-1)
    return np.full(_sized(_given(inputs, 0).reshape(-1).tolist()), value[0])


def _dropout(inputs: OnnxArrays, attributes: Attributes) -> Array:
    if len(inputs) > 2 and inputs[2] is not None and np.asarray(inputs[2]).any():
        raise CannotError("it is in training mode")
    return _given(inputs, 0)


def _cast(inputs: OnnxArrays, attributes: Attributes) -> Array:
    """Return numbers of another type, floats as float64; labels of floats may not become whole numbers."""
    data, kind = _given(inputs, 0), np.dtype(_CAST[attributes["to"]])
    if attributes["signal"] and kind.kind != "f" and (data.dtype.kind == "f" or kind.kind == "b"):
        raise CannotError("it would round")
    made = data if attributes["signal"] else data.astype(kind)
    return made.astype(np.float64) if kind.kind == "f" else made


def _split(inputs: OnnxArrays, attributes: Attributes) -> list[Array]:
    data, axis, count = _given(inputs, 0), attributes.get("axis", 0), attributes["count"]
    told = inputs[1] if len(inputs) > 1 and inputs[1] is not None else attributes.get("split")
    size = -(-data.shape[axis] // count)
    cuts = np.cumsum(told)[:-1] if told is not None else size * np.arange(1, count)
    if told is not None and (len(told) != count or sum(told) != data.shape[axis]):
        raise CannotError(f"cannot be cut into {list(told)[:8]}")
    return np.split(data, cuts, axis=axis)


def _computed(function: Callable[[Array, Array], Array]) -> Callable[[OnnxArrays, Attributes], Array]:
    def run(inputs: OnnxArrays, attributes: Attributes) -> Array:
        a, b = _given(inputs, 0), _given(inputs, 1)
        _sized(np.broadcast_shapes(a.shape, b.shape))
        return function(a, b)

    return run


def _divided(a: Array, b: Array) -> Array:
    """Return a / b; whole numbers are rounded to zero, as in C."""
    if a.dtype.kind not in "iu":
        return a / b
    quotient: Array = np.sign(a) * np.sign(b) * (abs(a) // abs(b))
    return quotient


_MOVES: Mapping[str, Callable[[OnnxArrays, Attributes], Array | list[Array]]] = MappingProxyType(
    {
        "Identity": lambda inputs, said: _given(inputs, 0),
        "Cast": _cast,
        "Dropout": _dropout,
        "Split": _split,
        "Gather": _gather,
        "Slice": _slice,
        "Squeeze": lambda inputs, said: np.squeeze(_given(inputs, 0), _axes(inputs, said)),
        "Unsqueeze": lambda inputs, said: np.expand_dims(_given(inputs, 0), _axes(inputs, said) or ()),
        "Reshape": _reshape,
        "Flatten": _flatten,
        "Transpose": lambda inputs, said: np.transpose(_given(inputs, 0), said.get("perm")),
        "Expand": _expand,
    }
)
_COMPUTES: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _divided}
)
OPS: Mapping[str, OnnxOperation] = MappingProxyType(
    {name: OnnxOperation(run=run, moves=True) for name, run in _MOVES.items()}
    | {name: OnnxOperation(run=_computed(function)) for name, function in _COMPUTES.items()}
    | {"Not": OnnxOperation(run=lambda inputs, said: np.logical_not(_given(inputs, 0)))}
    | {"Concat": OnnxOperation(run=_concat, joins=True), "Shape": OnnxOperation(run=_shape, asks_shape=True)}
    | {"ConstantOfShape": OnnxOperation(run=_full, fills=True)}
)
"""The operations by name."""
