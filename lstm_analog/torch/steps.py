"""Handlers of PyTorch functions that are numeric steps or recurrent layers, by name: each records what it does.

A handler takes the recorder of the function's step and the function's own arguments.
Source: the PyTorch 2.13 reference, https://pytorch.org/docs/stable/nn.functional.html
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from lstm_analog.arrays import Array
from lstm_analog.model.activations import SIGMOID
from lstm_analog.model.formats.stream_steps import StepRecorder
from lstm_analog.model.formulas import clipped, layer_normalization, log_softmax
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Dense, Pool, RowStep, Softmax
from lstm_analog.torch.curves import CURVES, CurveSteps
from lstm_analog.torch.labelled import Handler, Labelled, plainly, refused
from lstm_analog.torch.tensors import array_of

Largest = namedtuple("Largest", ["values", "indices"])
"""The result of `max` over an axis; the indices of the largest values are not known, so they are None."""


def labels_of(value: Any) -> Array:
    """Return the labels in the tensor `value`."""
    array: Array = plainly(torch.Tensor.numpy, (plainly(torch.Tensor.as_subclass, (value, torch.Tensor), {}),), {})
    return array


def _curve(make: Callable[..., CurveSteps | None]) -> Handler:
    def computed(record: StepRecorder, input: Any, *args: Any, inplace: bool = False, **options: Any) -> Array | None:
        steps = make(*args, **options)
        return None if steps is None else record.curves(labels_of(input), steps)

    return computed


def _clamp(record: StepRecorder, input: Any, min: Any = None, max: Any = None) -> Array | None:
    low, high = (preset if limit is None else limit for limit, preset in ((min, -inf), (max, inf)))
    if isinstance(low, torch.Tensor) or isinstance(high, torch.Tensor) or low >= high:
        return None
    return record.curves(labels_of(input), clipped(float(low), float(high)))


def _pair(operation: Operation, *, turned: bool = False) -> Handler:
    """Return the handler of `operation` on two signals, or a signal and numbers; if `turned`, with operands swapped."""

    def computed(record: StepRecorder, input: Any, other: Any, *, alpha: float = 1.0) -> Array | None:
        first, second = (other, input) if turned else (input, other)
        if alpha != 1.0 and isinstance(second, Labelled):
            return None
        if isinstance(first, Labelled) and isinstance(second, Labelled):
            return record.operation(operation, labels_of(first), labels_of(second))
        ahead = isinstance(first, Labelled)
        signal = labels_of(first if ahead else second)
        number = _numbers(second if ahead else first)
        number = number * alpha if ahead else number
        return record.with_constant(operation, signal, number, signal_first=ahead)

    return computed


def _numbers(value: Any) -> Array:
    return array_of(value) if isinstance(value, torch.Tensor) else np.asarray(value, dtype=np.float64)


def _power(record: StepRecorder, input: Any, exponent: Any = 2) -> Array | None:
    if isinstance(exponent, torch.Tensor):
        return None
    return record.power(labels_of(input), float(exponent))


def _linear(record: StepRecorder, input: Any, weight: Any, bias: Any = None) -> Array | None:
    if isinstance(weight, Labelled) or isinstance(bias, Labelled):
        return None
    dense = Dense(weights=array_of(weight), bias=None if bias is None else array_of(bias))
    return record.product(labels_of(input), dense)


def _matmul(record: StepRecorder, input: Any, other: Any) -> Array | None:
    if not isinstance(input, Labelled) or isinstance(other, Labelled) or other.ndim != 2:
        return None
    return _linear(record, input, other.T)


def _addmm(record: StepRecorder, input: Any, mat1: Any, mat2: Any) -> Array | None:
    return None if isinstance(mat2, Labelled) else _linear(record, mat1, mat2.T, input)


def _glu(record: StepRecorder, input: Any, dim: int = -1) -> Array | None:
    """Record the product of the first half of the features and the sigmoid of the second half."""
    halves = np.split(labels_of(input), 2, axis=dim)
    gate = record.curve(halves[1], SIGMOID)
    return None if gate is None else record.operation(Operation.MULTIPLY, halves[0], gate)


def _embedding(
    record: StepRecorder, input: Any, weight: Any, padding_idx: Any = None, max_norm: Any = None, *_: Any, **__: Any
) -> Array | None:
    if max_norm is not None or isinstance(weight, Labelled):
        return None
    return record.embedding(labels_of(input), array_of(weight))


def _softmax(make: Callable[[], RowStep]) -> Handler:
    def computed(
        record: StepRecorder, input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
    ) -> Array | None:
        return None if dim is None else record.row_function(labels_of(input), dim, make())

    return computed


def _layer_norm(
    record: StepRecorder,
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Array | None:
    if len(normalized_shape) != 1:
        return None
    size = int(normalized_shape[0])
    scale = np.ones(size) if weight is None else array_of(weight)
    made = layer_normalization(scale, np.zeros(size) if bias is None else array_of(bias), eps)
    return record.row_function(labels_of(input), -1, made)


def _batch_norm(
    record: StepRecorder,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array | None:
    if training or running_mean is None:
        return None
    mean, variance = array_of(running_mean), array_of(running_var)
    scale = np.ones_like(mean) if weight is None else array_of(weight)
    offset = np.zeros_like(mean) if bias is None else array_of(bias)
    x = labels_of(input)
    return record.batch_norm(x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=eps)


def _reduced(over_features: Operation, over_time: Pool | None) -> Handler:
    def computed(record: StepRecorder, input: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
        axes = (dim,) if isinstance(dim, int) else tuple(dim or ())
        if len(axes) != 1:
            return None
        return record.reduction(
            labels_of(input), axes[0], over_features=over_features, over_time=over_time, keep=keepdim
        )

    return computed


def _max(record: StepRecorder, input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    if not isinstance(dim, int):
        return None
    made = _reduced(Operation.LARGEST, Pool.MAX)(record, input, dim, keepdim)
    return None if made is None else Largest(input.trace.labelled(made), None)


def _pool(pool: Pool) -> Handler:
    def computed(record: StepRecorder, input: Any, output_size: Any, *_: Any) -> Array | None:
        if output_size not in (1, (1,), [1]):
            return None
        x = labels_of(input)
        return record.reduction(x, -1, over_features=None, over_time=pool, keep=True)

    return computed


def _dropout(
    record: StepRecorder, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Array | None:
    return None if training and p else labels_of(input)


def _cast(kind: Any = None) -> Handler:
    """Return the handler of a conversion to the dtype `kind`, or to that in its arguments; floats to integers fail."""

    def computed(record: StepRecorder, input: Any, *args: Any, **options: Any) -> Array | None:
        given = (kind, *args, *options.values())
        if any(isinstance(each, type) or (isinstance(each, str) and each.endswith("Tensor")) for each in given):
            return None  # torch.LongTensor, or its name
        told = [each for each in given if isinstance(each, torch.dtype | torch.Tensor)]
        wanted = told[0].dtype if told and isinstance(told[0], torch.Tensor) else told[0] if told else None
        labels = labels_of(input)
        if wanted is None or wanted.is_floating_point:
            return labels if wanted is None else labels.astype(np.float64)
        return labels if labels.dtype.kind == "i" and wanted != torch.bool else None

    return computed


def _recurrent(record: StepRecorder, input: Any, hx: Any, *rest: Any) -> Any:
    """Record a recurrent module that starts from a state of zeros; the last of `rest` is its batch_first."""
    states = hx if isinstance(hx, tuple | list) else (hx,)
    if any(isinstance(each, Labelled) or bool(each.any()) for each in states):
        raise refused(record.label, "begin at rest", "a state")
    if not isinstance(input, Labelled):
        return None
    made = input.trace.recurrent(labels_of(input), batch_first=rest[-1])
    return None if made is None else made[: len(states) + 1]


STEPS: Mapping[str, Handler] = MappingProxyType(
    {name: _curve(make) for name, make in CURVES.items()}
    | dict.fromkeys(("clamp", "clip"), _clamp)
    | {name: _pair(Operation.ADD) for name in ("add", "__add__", "__radd__", "__iadd__")}
    | {name: _pair(Operation.SUBTRACT) for name in ("sub", "subtract", "__sub__", "__isub__")}
    | {name: _pair(Operation.SUBTRACT, turned=True) for name in ("rsub", "__rsub__")}
    | {name: _pair(Operation.MULTIPLY) for name in ("mul", "multiply", "__mul__", "__rmul__", "__imul__")}
    | {name: _pair(Operation.DIVIDE) for name in ("div", "divide", "true_divide", "__truediv__", "__itruediv__")}
    | {name: _pair(Operation.DIVIDE, turned=True) for name in ("__rtruediv__", "__rdiv__")}
    | dict.fromkeys(("pow", "__pow__", "square"), _power)
    | {"linear": _linear, "matmul": _matmul, "mm": _matmul, "__matmul__": _matmul, "addmm": _addmm}
    | {"embedding": _embedding, "glu": _glu, "layer_norm": _layer_norm, "batch_norm": _batch_norm}
    | {"softmax": _softmax(Softmax), "log_softmax": _softmax(log_softmax)}
    | {"mean": _reduced(Operation.MEAN, Pool.MEAN), "sum": _reduced(Operation.SUM, None), "max": _max}
    | {"amax": _reduced(Operation.LARGEST, Pool.MAX)}
    | {"adaptive_avg_pool1d": _pool(Pool.MEAN), "adaptive_max_pool1d": _pool(Pool.MAX)}
    | dict.fromkeys(("dropout", "dropout1d", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"), _dropout)
    | {"float": _cast(torch.float32), "double": _cast(torch.float64), "half": _cast(torch.float16)}
    | {"to": _cast(), "type": _cast(), "type_as": _cast(), "long": _cast(torch.int64), "int": _cast(torch.int32)}
    | dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent)
)
"""The handlers by name; the underscore of functions that change a tensor in place is left out."""
