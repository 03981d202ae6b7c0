"""Run the nodes of an ONNX graph that are numeric steps: products and pairs here, others by `onnx_functions`."""

from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.chains import RowSelection, answer_of
from lstm_analog.model.formats.onnx_functions import FUNCTIONS, Made, floats_of, signal_of
from lstm_analog.model.formats.onnx_graph import Inputs, Origin, Special, Value, labels, numbers, run_move, unknown
from lstm_analog.model.formats.onnx_inputs import OpenInputs
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.onnx_ops import CANNOT
from lstm_analog.model.formats.stream_steps import StepRecorder
from lstm_analog.model.formats.streams import ModelStreams, Stream
from lstm_analog.model.layers import Layer
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Dense

_PAIRS = MappingProxyType(
    {"Add": Operation.ADD, "Sub": Operation.SUBTRACT, "Mul": Operation.MULTIPLY, "Div": Operation.DIVIDE}
)

_Maker = Callable[[StepRecorder, Node, Inputs], Made | Value]
"""Function that records what a node computes of its inputs."""


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
        own = {**dict.fromkeys(_PAIRS, self._pair), **dict.fromkeys(("MatMul", "Gemm"), self._product)}
        makers: dict[str, _Maker] = {**own, "Less": self._negative, **FUNCTIONS}
        return {operation: self._special(make) for operation, make in makers.items()}

    def _special(self, make: _Maker) -> Special:
        """Return a function that runs a node by `make` if it reads a signal and no unknown value."""

        def run(node: Node, inputs: Inputs) -> Sequence[Value]:
            given = [value for value in inputs if value is not None]
            moves = node.operation == "Gather" and bool(given) and given[0].origin is Origin.LABELS
            if moves or not any(value.origin is Origin.LABELS for value in given):
                return run_move(node, inputs)
            blind = [value for value in given if value.origin in (Origin.UNKNOWN, Origin.ZEROS)]
            if blind:
                return [unknown(next((value.why for value in blind if value.why), node.label))]
            try:
                made = make(StepRecorder(self.streams, node.label), node, inputs)
            except CANNOT:  # shapes do not fit each other: they may be ours
                made = None
            if isinstance(made, Value):
                return [made]
            return [unknown(node.label) if made is None else labels(made)]

        return run

    def _pair(self, record: StepRecorder, node: Node, inputs: Inputs) -> Made | Value:
        """Return the result of an operation on two signals, or on one and constants."""
        first, second = (value for value in inputs if value is not None)
        if first.origin is second.origin:
            return record.operation(_PAIRS[node.operation], first.array, second.array)
        ahead = first.origin is Origin.LABELS
        signal, other = (first, second) if ahead else (second, first)
        if other.origin is Origin.NUMBERS and node.operation == "Mul" and not other.array.any():
            return numbers(np.zeros(np.broadcast_shapes(signal.array.shape, other.array.shape), other.array.dtype))
        if other.origin is Origin.NUMBERS and other.array.dtype.kind != "f" and self._is_whole(signal.array):
            return self._counted(record, node, signal.array, other.array)
        constant = floats_of(other)
        if constant is None:
            return None
        if constant.ndim and constant.shape[-1] > 1:
            self.opens.resize(signal, constant.shape[-1])
        operation = _PAIRS[node.operation]
        return record.with_constant(operation, signal.array, constant, signal_first=ahead)

    def _counted(self, record: StepRecorder, node: Node, signal: Array, other: Array) -> Made:
        """Return the result of an operation on a `signal` of whole numbers: unchanged, or with a constant added."""
        neutral = {"Mul": 1, "Add": 0}.get(node.operation)
        if (other == neutral).all() and np.broadcast_shapes(signal.shape, other.shape) == signal.shape:
            return signal
        return record.scaling(signal, np.ones(()), other) if node.operation == "Add" else None

    def _is_whole(self, signal: Array) -> bool:
        """Return whether a `signal` is an unchanged input of whole numbers."""
        stream = self.streams.of(signal)
        return stream is not None and stream.made is None and stream.rows.dtype.kind == "i"

    def _negative(self, record: StepRecorder, node: Node, inputs: Inputs) -> Made | Value:
        """Return False for the test whether indices are negative, which Keras counts from the end; none are here."""
        signal, other = signal_of(inputs), inputs[1]
        stream = self.streams.of(signal)
        zero = other is not None and other.origin is Origin.NUMBERS and not other.array.any()
        if stream is None or not self._is_whole(signal) or not zero:
            return None
        self.words.add(stream.number)
        return numbers(np.zeros(signal.shape, dtype=bool))

    def _product(self, record: StepRecorder, node: Node, inputs: Inputs) -> Made:
        """Return the product of a signal and constants; a Gemm may scale both, and add others."""
        (x, weights), said = inputs[:2], node.attributes
        constant = floats_of(weights)
        if x is None or x.origin is not Origin.LABELS or said.get("transA") or constant is None or constant.ndim != 2:
            return None
        matrix = constant if said.get("transB") else constant.T
        self.opens.resize(x, matrix.shape[1])
        dense = Dense(weights=matrix * said.get("alpha", 1.0))
        made = record.product(x.array, dense)
        self._note(node, dense, made)
        added = inputs[2] if len(inputs) > 2 else None
        bias = np.zeros(()) if added is None else floats_of(added)
        if made is None or bias is None or added is None:
            return made if added is None else None
        return record.scaling(made, np.ones(()), bias * said.get("beta", 1.0))

    def _note(self, node: Node, dense: Dense, made: Made) -> None:
        """Record `made`, the product `node` with a matrix, if it is of the outputs of a recurrent node."""
        stream = None if made is None else self.streams.of(made)
        if made is not None and stream is not None and isinstance(stream.reads[0].made, Layer):
            answer = answer_of(self.streams, node.label, made)
            final = answer is not None and answer.reading is RowSelection.FINAL
            name = self.streams.maker.name_for(node.name, next(filter(None, node.outputs), ""))
            self.products[name] = stream, dense, final
