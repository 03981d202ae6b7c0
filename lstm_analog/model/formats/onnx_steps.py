"""Run the nodes of an ONNX graph that are numeric steps: matrices, scalings, curves, normalisations, means, tables.

ONNX operator schemas, https://onnx.ai/onnx/operators
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.activations import RELU, Activation, Curve
from lstm_analog.model.formats.chains import RowSelection, answer_of
from lstm_analog.model.formats.onnx_curves import CURVES
from lstm_analog.model.formats.onnx_graph import Inputs, Origin, Special, Value, labels, moved, numbers, unknown
from lstm_analog.model.formats.onnx_inputs import OpenInputs
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.onnx_ops import CANNOT, CannotError
from lstm_analog.model.formats.streams import ModelStreams, Stream
from lstm_analog.model.formulas import (
    clipped,
    layer_normalization,
    leaky_relu,
    log_softmax,
)
from lstm_analog.model.layers import Layer
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Dense, ModelStep, Pool, RowStep, Softmax

Made = Array | None
"""The labels of an output, None if a node is no step."""

_PAIRS = MappingProxyType(
    {"Add": Operation.ADD, "Sub": Operation.SUBTRACT, "Mul": Operation.MULTIPLY, "Div": Operation.DIVIDE}
)
_OVER_FEATURES: Mapping[str, Operation] = MappingProxyType(
    {"ReduceMean": Operation.MEAN, "ReduceSum": Operation.SUM, "ReduceMax": Operation.LARGEST}
)
_OVER_TIME: Mapping[str, Pool] = MappingProxyType({"ReduceMean": Pool.MEAN, "ReduceMax": Pool.MAX})
_GLOBAL = MappingProxyType({"GlobalAveragePool": "ReduceMean", "GlobalMaxPool": "ReduceMax"})


class Steps:
    """Runs the nodes of a graph that are numeric steps; `opens` are its inputs, `streams` its signals.

    `products` are the results of products of matrices with the outputs of recurrent nodes, by the names of these nodes,
    and whether they are of the final outputs alone. `words` are the numbers of the streams of inputs that are assumed
    to have no negative numbers, which is valid only for indices into a table.
    """

    def __init__(self, streams: ModelStreams, opens: OpenInputs) -> None:
        self.streams = streams
        self.opens = opens
        self.products: dict[str, tuple[Stream, Dense, bool]] = {}
        self.words: set[int] = set()

    def specials(self) -> dict[str, Special]:
        """Return the functions that run nodes, by operation."""
        makers: dict[str, Callable[[Node, Inputs], Made | Value]] = {**dict.fromkeys(CURVES, self._curve)}
        makers |= dict.fromkeys(_PAIRS, self._pair) | {"Neg": self._negated, "Pow": self._power, "Clip": self._clipped}
        makers |= {"Less": self._negative}
        makers |= {**dict.fromkeys(("MatMul", "Gemm"), self._product), "Gather": self._embedded, "PRelu": self._leaky}
        makers |= {**dict.fromkeys(_OVER_FEATURES, self._reduced), **dict.fromkeys(_GLOBAL, self._global)}
        makers |= dict.fromkeys(("Softmax", "LogSoftmax"), self._softmax)
        makers |= {"BatchNormalization": self._batch_normalized, "LayerNormalization": self._layer_normalized}
        return {operation: self._special(make) for operation, make in makers.items()}

    def _special(self, make: Callable[[Node, Inputs], Made | Value]) -> Special:
        """Return a function that runs a node by `make` if it reads a signal and no unknown value."""

        def carried(node: Node, inputs: Inputs) -> Sequence[Value]:
            given = [value for value in inputs if value is not None]
            moves = node.operation == "Gather" and bool(given) and given[0].origin is Origin.LABELS
            if moves or not any(value.origin is Origin.LABELS for value in given):
                return moved(node, inputs)
            blind = [value for value in given if value.origin in (Origin.UNKNOWN, Origin.ZEROS)]
            if blind:
                return [unknown(next((value.why for value in blind if value.why), node.label))]
            try:
                made: Made | Value = make(node, inputs)
            except CANNOT:  # shapes do not fit each other: they may be ours
                made = None
            if isinstance(made, Value):
                return [made]
            return [unknown(node.label) if made is None else labels(made)]

        return carried

    def _curve(self, node: Node, inputs: Inputs) -> Made:
        return self.streams.curve(node.label, _signal(inputs), CURVES[node.operation](node.attributes))

    def _pair(self, node: Node, inputs: Inputs) -> Made | Value:
        """Return the result of an operation on two signals, or on one and constants."""
        first, second = (value for value in inputs if value is not None)
        if first.origin is second.origin:
            return self.streams.combined(node.label, _PAIRS[node.operation], first.array, second.array)
        ahead = first.origin is Origin.LABELS
        signal, other = (first, second) if ahead else (second, first)
        if other.origin is Origin.NUMBERS and node.operation == "Mul" and not other.array.any():
            return numbers(np.zeros(np.broadcast_shapes(signal.array.shape, other.array.shape), other.array.dtype))
        if other.origin is Origin.NUMBERS and other.array.dtype.kind != "f" and self._is_whole(signal.array):
            return self._counted(node, signal.array, other.array)
        constant = _floats(other)
        if constant is None or (node.operation == "Div" and not ahead):
            return None
        if constant.ndim and constant.shape[-1] > 1:
            self.opens.resize(signal, constant.shape[-1])
        with np.errstate(divide="ignore"):
            scale = {"Mul": constant, "Div": 1.0 / constant, "Add": np.ones(())}.get(
                node.operation, np.array(1.0 if ahead else -1.0)
            )
        offset = {"Add": constant, "Sub": -constant if ahead else constant}.get(node.operation, np.zeros(()))
        return self._scaled(node, signal.array, scale, offset)

    def _counted(self, node: Node, signal: Array, other: Array) -> Made:
        """Return the result of an operation on a `signal` of whole numbers: unchanged, or with a constant added."""
        neutral = {"Mul": 1, "Add": 0}.get(node.operation)
        if (other == neutral).all() and np.broadcast_shapes(signal.shape, other.shape) == signal.shape:
            return signal
        return self._scaled(node, signal, np.ones(()), other) if node.operation == "Add" else None

    def _is_whole(self, signal: Array) -> bool:
        """Return whether a `signal` is an unchanged input of whole numbers."""
        stream = self.streams.of(signal)
        return stream is not None and stream.made is None and stream.rows.dtype.kind == "i"

    def _negative(self, node: Node, inputs: Inputs) -> Made | Value:
        """Return False for the test whether indices are negative, which Keras counts from the end; none are here."""
        signal, other = _signal(inputs), inputs[1]
        stream = self.streams.of(signal)
        zero = other is not None and other.origin is Origin.NUMBERS and not other.array.any()
        if stream is None or not self._is_whole(signal) or not zero:
            return None
        self.words.add(stream.number)
        return numbers(np.zeros(signal.shape, dtype=bool))

    def _scaled(self, node: Node, signal: Array, scale: Array, offset: Array) -> Made:
        finite = np.isfinite(scale).all() and np.isfinite(offset).all()
        return self.streams.scaled(node.label, signal, scale, offset) if finite else None

    def _negated(self, node: Node, inputs: Inputs) -> Made:
        return self._scaled(node, _signal(inputs), np.array(-1.0), np.zeros(()))

    def _power(self, node: Node, inputs: Inputs) -> Made:
        exponent, x = _floats(inputs[1], whole=True), _signal(inputs)
        if exponent is None or exponent.size != 1 or float(exponent.flat[0]) not in (0.5, 2.0, 3.0):
            return None
        if exponent.flat[0] == 0.5:
            return self.streams.curve(node.label, x, Operation.SQRT)
        square = self.streams.combined(node.label, Operation.MULTIPLY, x, x)
        if exponent.flat[0] == 2.0 or square is None:
            return square
        return self.streams.combined(node.label, Operation.MULTIPLY, square, x)

    def _clipped(self, node: Node, inputs: Inputs) -> Made:
        said = [node.attributes.get("min", -inf), node.attributes.get("max", inf)]
        for n, value in enumerate(inputs[1:3]):
            if value is not None:
                limit = _floats(value)
                if limit is None or limit.size != 1:
                    return None
                said[n] = float(limit.flat[0])
        return self._chained(node, _signal(inputs), clipped(*said)) if said[0] < said[1] else None

    def _chained(self, node: Node, signal: Array, steps: Sequence[ModelStep]) -> Made:
        made: Made = signal
        for step in steps:
            if made is not None and isinstance(step, RowStep):
                made = self.streams.curve(node.label, made, step)
        return made

    def _leaky(self, node: Node, inputs: Inputs) -> Made:
        slope, x = _floats(inputs[1]), _signal(inputs)
        if slope is None:
            return None
        scaled = self._scaled(node, x, slope, np.zeros(()))
        if slope.size == 1:
            return self.streams.curve(node.label, x, leaky_relu(float(slope.flat[0])))
        below = None if scaled is None else self.streams.curve(node.label, x, Activation(curve=Curve.RELU, slope=-1.0))
        lower = None if below is None else self._scaled(node, below, -slope, np.zeros(()))
        upper = self.streams.curve(node.label, x, RELU)
        if lower is None or upper is None:
            return None
        return self.streams.combined(node.label, Operation.ADD, upper, lower)

    def _product(self, node: Node, inputs: Inputs) -> Made:
        """Return the product of a signal and constants; a Gemm may scale both, and add others."""
        (x, weights), said = inputs[:2], node.attributes
        constant = _floats(weights)
        if x is None or x.origin is not Origin.LABELS or said.get("transA") or constant is None or constant.ndim != 2:
            return None
        matrix = constant if said.get("transB") else constant.T
        self.opens.resize(x, matrix.shape[1])
        dense = Dense(weights=matrix * said.get("alpha", 1.0))
        made = self.streams.product(node.label, x.array, dense)
        self._note(node, dense, made)
        added = inputs[2] if len(inputs) > 2 else None
        bias = np.zeros(()) if added is None else _floats(added)
        if made is None or bias is None or added is None:
            return made if added is None else None
        return self._scaled(node, made, np.ones(()), bias * said.get("beta", 1.0))

    def _note(self, node: Node, dense: Dense, made: Made) -> None:
        """Record `made`, the product `node` with a matrix, if it is of the outputs of a recurrent node."""
        stream = None if made is None else self.streams.of(made)
        if made is not None and stream is not None and isinstance(stream.reads[0].made, Layer):
            answer = answer_of(self.streams, node.label, made)
            final = answer is not None and answer.reading is RowSelection.FINAL
            name = self.streams.maker.name_for(node.name, next(filter(None, node.outputs), ""))
            self.products[name] = stream, dense, final

    def _embedded(self, node: Node, inputs: Inputs) -> Made:
        table, numbers = inputs[:2]
        constant = _floats(table)
        if constant is None or numbers is None or constant.ndim != 2 or node.attributes.get("axis", 0):
            return None
        return self.streams.embedded(node.label, numbers.array, constant)

    def _reduced(self, node: Node, inputs: Inputs) -> Made:
        """Return the reduction of one axis, of the features or of time."""
        x, given = _signal(inputs), inputs[1] if len(inputs) > 1 else None
        told = node.attributes.get("axes") if given is None else given.array.reshape(-1).tolist()
        if told is None or len(told) != 1:
            return None
        axis, kept = int(told[0]), bool(node.attributes.get("keepdims", 1))
        made = self.streams.reduced(node.label, x, axis, _OVER_FEATURES[node.operation])
        if made is None and node.operation in _OVER_TIME:
            made = self.streams.reduced(node.label, x, axis, _OVER_TIME[node.operation])
        return made if made is None or kept else np.squeeze(made, axis)

    def _global(self, node: Node, inputs: Inputs) -> Made:
        """Return the pooling of all axes except the first two: one of time, and others of one element."""
        x = _signal(inputs)
        long = [axis for axis in range(2, x.ndim) if x.shape[axis] > 1] or [2]
        if len(long) > 1:
            return None
        return self.streams.reduced(node.label, x, long[0], _OVER_TIME[_GLOBAL[node.operation]])

    def _softmax(self, node: Node, inputs: Inputs) -> Made:
        """Return a softmax over the last axis; before opset 13 an earlier axis meant all axes from there on."""
        x = _signal(inputs)
        axis = node.attributes.get("axis", -1 if x.ndim == 2 else None)
        made = Softmax() if node.operation == "Softmax" else log_softmax()
        return self.streams.over_features(node.label, x, -1, made) if axis in (-1, x.ndim - 1) else None

    def _batch_normalized(self, node: Node, inputs: Inputs) -> Made:
        """Return `scale (x - mean) / sqrt(variance + epsilon) + offset`, for each element of the second axis."""
        x, said = _signal(inputs), node.attributes
        numbers = [_floats(value) for value in inputs[1:5]]
        if len(numbers) < 4 or said.get("training_mode", 0) or said.get("spatial", 1) != 1:
            return None
        scale, offset, mean, variance = numbers
        if scale is None or offset is None or mean is None or variance is None:
            return None
        factor = scale / np.sqrt(variance + said.get("epsilon", 1e-5))
        shape = (-1, *(1,) * (x.ndim - 2))
        return self._scaled(node, x, factor.reshape(shape), (offset - factor * mean).reshape(shape))

    def _layer_normalized(self, node: Node, inputs: Inputs) -> Made:
        x, said = _signal(inputs), node.attributes
        scale = _floats(inputs[1])
        offset = np.zeros(x.shape[-1]) if len(inputs) < 3 or inputs[2] is None else _floats(inputs[2])
        if said.get("axis", -1) not in (-1, x.ndim - 1) or scale is None or offset is None:
            return None
        if scale.size == 1 or offset.size == 1:
            scale, offset = (np.broadcast_to(each.reshape(-1), x.shape[-1:]) for each in (scale, offset))
        made = layer_normalization(scale.reshape(-1), offset.reshape(-1), said.get("epsilon", 1e-5))
        return self.streams.over_features(node.label, x, -1, made)


def _signal(inputs: Inputs) -> Array:
    """Return the labels of the first of the `inputs`, or raise `CannotError`."""
    if not inputs or inputs[0] is None or inputs[0].origin is not Origin.LABELS:
        raise CannotError("no signal")
    return inputs[0].array


def _floats(value: Value | None, *, whole: bool = False) -> Array | None:
    """Return the constants of `value`; None if it has none, or they are whole numbers and `whole` is false."""
    if value is None or value.origin is not Origin.NUMBERS:
        return None
    return value.array if value.array.dtype == np.float64 or (whole and value.array.dtype.kind in "iu") else None
