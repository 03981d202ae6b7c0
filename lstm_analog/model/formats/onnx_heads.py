"""The linear read-outs of an ONNX graph: products of a recurrent node's outputs with constants, and their biases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.onnx_graph import Inputs, Labels, Origin, Value, labels, moved, unknown
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.onnx_signals import Recurrent
from lstm_analog.model.formats.onnx_values import bias_of
from lstm_analog.model.layers import Head


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadOut:
    """A linear read-out of the node `of`: `y (T, B, K)` at each step, `final (B, K)` at the end."""

    node: Node
    of: str
    head: Head
    y: Array
    final: Array


class ReadOuts:
    """Carries out products and sums, and keeps the read-outs `found` among them by the name of the product.

    `maker` hands out labels, `recurrent` are the recurrent nodes met so far.
    """

    def __init__(self, maker: Labels, recurrent: Mapping[str, Recurrent]) -> None:
        self.maker = maker
        self.recurrent = recurrent
        self.found: dict[str, ReadOut] = {}

    def product(self, node: Node, inputs: Inputs) -> Sequence[Value]:
        """Take a MatMul or Gemm, `node`, of a signal with constants among its `inputs` for a read-out."""
        x, weights = (*inputs, None, None)[:2]
        options = node.attributes
        read = None if x is None or x.origin is not Origin.LABELS or options.get("transA") else self._read(x.array)
        constant = weights is not None and weights.origin is Origin.NUMBERS and weights.array.ndim == 2
        if x is None or read is None or not constant or weights is None or weights.array.dtype != np.float64:
            return [unknown(x.why if x is not None and x.why else node.label)]
        matrix = weights.array if options.get("transB") else weights.array.T
        bias = bias_of(inputs[2] if len(inputs) > 2 else None, matrix.shape[0])
        if matrix.shape[1] != read.h.shape[-1] or (len(inputs) > 2 and inputs[2] is not None and bias is None):
            return [unknown(node.label)]
        scaled = None if bias is None else bias * options.get("beta", 1.0)
        head = Head(weights=matrix * options.get("alpha", 1.0), bias=scaled)
        return [labels(self._read_out(node, read, head, x.array))]

    def _read(self, x: Array) -> Recurrent | None:
        """Return the node whose outputs, whole ones, stand along the last axis of `x`."""
        return next(
            (each for each in self.recurrent.values() if _places(x, _rows(each.h, each.final)) is not None), None
        )

    def _read_out(self, entry: Node, read: Recurrent, head: Head, x: Array) -> Array:
        """Note the read-out that `entry` is of the outputs `x` of the node `read`, and return the labels it answers."""
        node = replace(entry, name=self.maker.name_for(entry))
        ends = np.array_equal(read.final, read.h[-1])
        y, final = self._labelled(node, (*read.h.shape[:2], head.output_size), ends)
        places = _places(x, _rows(read.h, read.final))
        last = np.isin(x[..., 0], read.final[:, 0]).all() and (len(read.h) > 1 or x.ndim < 3)
        made = replace(head, final=bool(last))
        self.found[node.name] = ReadOut(node=node, of=read.node.name, head=made, y=y, final=final)
        answer: Array = _rows(y, final)[places]
        return answer

    def _labelled(self, node: Node, shape: tuple[int, ...], ends: bool) -> tuple[Array, Array]:
        """Return new labels of a read-out at each step and at the end, which is the last step if it `ends` there."""
        y = self.maker.made(shape, f"output of {node.label}")
        return y, y[-1] if ends else self.maker.made(shape[1:], f"output of {node.label}")

    def sum(self, node: Node, inputs: Inputs) -> Sequence[Value]:
        """Take an Add, `node`, of a read-out and constants, its `inputs`, for a bias; the sum is another signal."""
        if len(inputs) != 2 or inputs[0] is None or inputs[1] is None:
            return [unknown(node.label)]
        signal, other = sorted((inputs[0], inputs[1]), key=lambda value: value.origin is not Origin.LABELS)
        if signal.origin is not Origin.LABELS:
            return moved(node, inputs)
        for name, each in self.found.items():
            bias = bias_of(other, each.head.output_size)
            places = _places(signal.array, _rows(each.y, each.final))
            if places is not None and bias is not None and each.head.bias is None:
                ends = np.array_equal(each.final, each.y[-1])
                y, final = self._labelled(each.node, each.y.shape, ends)
                self.found[name] = replace(each, head=replace(each.head, bias=bias), y=y, final=final)
                return [labels(_rows(y, final)[places])]
        return [unknown(other.why or node.label)]


def _rows(h: Array, final: Array) -> Array:
    """Return the labels (rows, F) of the outputs `h (T, B, F)` of all steps and of the `final (B, F)` ones."""
    return np.concatenate([h.reshape(-1, h.shape[-1]), final])


def _places(x: Array, rows: Array) -> Array | None:
    """Return which of `rows` stands at each place along the last axis of `x`, None if anything else stands there."""
    if not x.ndim or x.shape[-1] != rows.shape[1]:
        return None
    order = np.argsort(rows[:, 0], kind="stable")
    places = order[np.searchsorted(rows[:, 0], x[..., 0], sorter=order).clip(max=len(rows) - 1)]
    return places if np.array_equal(rows[places], x) else None
