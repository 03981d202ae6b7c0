"""Run the nodes of an ONNX graph that compute one signal from another: curves, normalisations, reductions, tables.

Each function lets `record` record the steps of `node` and returns the labels of its output, None if it is no step.
ONNX operator schemas, https://onnx.ai/onnx/operators
"""

from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model import formulas
from lstm_analog.model.activations import RELU, SIGMOID, SOFTPLUS, TANH, Activation, Curve
from lstm_analog.model.formats.onnx_graph import Inputs, Origin, Value
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.onnx_ops import CannotError
from lstm_analog.model.formats.stream_steps import StepRecorder
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Pool, RowStep, Softmax

CURVES: Mapping[str, Callable[[Mapping[str, Any]], RowStep]] = MappingProxyType(
    {
        "Relu": lambda said: RELU,
        "Tanh": lambda said: TANH,
        "Sigmoid": lambda said: SIGMOID,
        "Softplus": lambda said: SOFTPLUS,
        "Softsign": lambda said: formulas.softsign(),
        "LeakyRelu": lambda said: formulas.leaky_relu(said.get("alpha", 0.01)),
        "Elu": lambda said: formulas.elu(said.get("alpha", 1.0)),
        "Celu": lambda said: formulas.elu(said.get("alpha", 1.0), stretch=said.get("alpha", 1.0)),
        "Selu": lambda said: formulas.elu(
            said.get("alpha", 1.67326319217681884765625), said.get("gamma", 1.05070102214813232)
        ),
        "Gelu": lambda said: formulas.gelu(said.get("approximate", b"none") == b"tanh"),
        "HardSigmoid": lambda said: Activation(
            curve=Curve.CLIP, slope=said.get("alpha", 0.2), offset=said.get("beta", 0.5)
        ),
        "HardSwish": lambda said: formulas.gated("hard swish", Activation(curve=Curve.CLIP, slope=1 / 6, offset=0.5)),
        "Swish": lambda said: formulas.silu(said.get("alpha", 1.0)),
        "Mish": lambda said: formulas.mish(),
        "Exp": lambda said: Operation.EXP,
        "Log": lambda said: Operation.LOG,
        "Sqrt": lambda said: Operation.SQRT,
        "Erf": lambda said: Operation.ERF,
        "Abs": lambda said: Operation.ABS,
    }
)
"""Function from the attributes of a node to its step, by operation."""


Made = Array | None
"""The labels of an output, None if a node is no step."""

_OVER_FEATURES: Mapping[str, Operation] = MappingProxyType(
    {"ReduceMean": Operation.MEAN, "ReduceSum": Operation.SUM, "ReduceMax": Operation.LARGEST}
)
_OVER_TIME: Mapping[str, Pool] = MappingProxyType({"ReduceMean": Pool.MEAN, "ReduceMax": Pool.MAX})
_GLOBAL = MappingProxyType({"GlobalAveragePool": "ReduceMean", "GlobalMaxPool": "ReduceMax"})


def _curve(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    return record.curve(signal_of(inputs), CURVES[node.operation](node.attributes))


def _negated(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    return record.scaling(signal_of(inputs), np.array(-1.0), np.zeros(()))


def _power(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    exponent, x = floats_of(inputs[1], whole=True), signal_of(inputs)
    if exponent is None or exponent.size != 1:
        return None
    return record.power(x, float(exponent.flat[0]))


def _clipped(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    said = [node.attributes.get("min", -inf), node.attributes.get("max", inf)]
    for n, value in enumerate(inputs[1:3]):
        if value is not None:
            limit = floats_of(value)
            if limit is None or limit.size != 1:
                return None
            said[n] = float(limit.flat[0])
    return record.curves(signal_of(inputs), formulas.clipped(*said)) if said[0] < said[1] else None


def _leaky(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    slope, x = floats_of(inputs[1]), signal_of(inputs)
    if slope is None:
        return None
    if slope.size == 1:
        return record.curve(x, formulas.leaky_relu(float(slope.flat[0])))
    below = record.curve(x, Activation(curve=Curve.RELU, slope=-1.0))
    lower = None if below is None else record.scaling(below, -slope, np.zeros(()))
    upper = record.curve(x, RELU)
    if lower is None or upper is None:
        return None
    return record.operation(Operation.ADD, upper, lower)


def _embedded(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    table, numbers = inputs[:2]
    constant = floats_of(table)
    if constant is None or numbers is None or constant.ndim != 2 or node.attributes.get("axis", 0):
        return None
    return record.embedding(numbers.array, constant)


def _reduced(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    """Return the reduction of one axis, of the features or of time."""
    x, given = signal_of(inputs), inputs[1] if len(inputs) > 1 else None
    axes = floats_of(given, whole=True)
    told = node.attributes.get("axes") if given is None else None if axes is None else axes.reshape(-1).tolist()
    if told is None or len(told) != 1:
        return None
    over_features, over_time = _OVER_FEATURES[node.operation], _OVER_TIME.get(node.operation)
    keep = bool(node.attributes.get("keepdims", 1))
    return record.reduction(x, int(told[0]), over_features=over_features, over_time=over_time, keep=keep)


def _global(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    """Return the pooling of all axes except the first two: one of time, and others of one element."""
    x = signal_of(inputs)
    long = [axis for axis in range(2, x.ndim) if x.shape[axis] > 1] or [2]
    if len(long) > 1:
        return None
    pool = _OVER_TIME[_GLOBAL[node.operation]]
    return record.reduction(x, long[0], over_features=None, over_time=pool, keep=True)


def _softmax(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    """Return a softmax over the last axis; before opset 13 an earlier axis meant all axes from there on."""
    x = signal_of(inputs)
    axis = node.attributes.get("axis", -1 if x.ndim == 2 else None)
    made = Softmax() if node.operation == "Softmax" else formulas.log_softmax()
    return record.row_function(x, -1, made) if axis in (-1, x.ndim - 1) else None


def _batch_normalized(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    """Return `scale (x - mean) / sqrt(variance + epsilon) + offset`, for each element of the second axis."""
    x, said = signal_of(inputs), node.attributes
    numbers = [floats_of(value) for value in inputs[1:5]]
    if len(numbers) < 4 or said.get("training_mode", 0) or said.get("spatial", 1) != 1:
        return None
    scale, offset, mean, variance = numbers
    if scale is None or offset is None or mean is None or variance is None:
        return None
    epsilon = said.get("epsilon", 1e-5)
    return record.batch_norm(x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=epsilon)


def _layer_normalized(record: StepRecorder, node: Node, inputs: Inputs) -> Made:
    x, said = signal_of(inputs), node.attributes
    scale = floats_of(inputs[1])
    offset = np.zeros(x.shape[-1]) if len(inputs) < 3 or inputs[2] is None else floats_of(inputs[2])
    if said.get("axis", -1) not in (-1, x.ndim - 1) or scale is None or offset is None:
        return None
    if scale.size == 1 or offset.size == 1:
        scale, offset = (np.broadcast_to(each.reshape(-1), x.shape[-1:]) for each in (scale, offset))
    made = formulas.layer_normalization(scale.reshape(-1), offset.reshape(-1), said.get("epsilon", 1e-5))
    return record.row_function(x, -1, made)


def signal_of(inputs: Inputs) -> Array:
    """Return the labels of the first of the `inputs`, or raise `CannotError`."""
    if not inputs or inputs[0] is None or inputs[0].origin is not Origin.LABELS:
        raise CannotError("no signal")
    return inputs[0].array


def floats_of(value: Value | None, *, whole: bool = False) -> Array | None:
    """Return the constants of `value`; None if it has none, or if they are integers and `whole` is false."""
    if value is None or value.origin is not Origin.NUMBERS:
        return None
    return value.array if value.array.dtype == np.float64 or (whole and value.array.dtype.kind in "iu") else None


FUNCTIONS: Mapping[str, Callable[[StepRecorder, Node, Inputs], Made]] = MappingProxyType(
    {
        **dict.fromkeys(CURVES, _curve),
        **dict.fromkeys(_OVER_FEATURES, _reduced),
        **dict.fromkeys(_GLOBAL, _global),
        **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
        "Neg": _negated,
        "Pow": _power,
        "Clip": _clipped,
        "PRelu": _leaky,
        "Gather": _embedded,
        "BatchNormalization": _batch_normalized,
        "LayerNormalization": _layer_normalized,
    }
)
"""The function that runs a node, by its operation."""
