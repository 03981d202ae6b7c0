"""The signals of an ONNX graph: recurrent layers that follow each other, the read-out, and nothing else unnoticed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.model.formats.onnx_cells import RECURRENT, layer_of, ways_of
from lstm_analog.model.formats.onnx_graph import Inputs, Labels, Node, Origin, Value, labels, numbers, run, unknown
from lstm_analog.model.formats.onnx_values import are_whole, arranged, bias_of, check_states, ends_given
from lstm_analog.model.formats.stacks import Only, Stack, chosen, listed
from lstm_analog.model.layers import Head, Layer

PROBE = (3, 2)
"""Sizes taken for the first axes of an input that the graph leaves open; they differ, so that they are told apart."""

MOST_REUSE = 8
"""How many times the file's own size its weights may amount to, where nodes share them."""

_PART = "take part of it: load(path, only='node'), or several nodes in order"


@dataclass(frozen=True, kw_only=True, eq=False)
class Recurrent:
    """A recurrent node: its layer, what it reads (the node before, "" for the graph's input, else `why` not).

    `h (T, B, F)` are the labels of its outputs, `final (B, F)` of the last of each direction,
    `cells (directions, B, H)` of the last c.
    """

    node: Node
    layer: Layer
    before: str | None
    why: str
    h: Array
    final: Array
    cells: Array

    @property
    def states(self) -> list[Array]:
        """The labels of its last h and c, (B, units) each: of every direction, and h of all of them."""
        ends = np.cumsum([cell.output_size for cell in self.layer.cells])
        return [self.final, *np.split(self.final, ends[:-1], axis=-1), *self.cells]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadOut:
    """A linear read-out of the node `of`: `y (T, B, K)` at each step, `final (B, K)` at the end."""

    node: Node
    of: str
    head: Head
    y: Array
    final: Array


class Reader:
    """Carries out a graph in a file of `size` bytes, and notes the recurrent nodes and the read-outs."""

    def __init__(self, size: int) -> None:
        self.labels = Labels()
        self.left = MOST_REUSE * size
        self.opens: dict[str, Array] = {}
        self.recurrent: dict[str, Recurrent] = {}
        self.read_outs: dict[str, ReadOut] = {}

    def opened(self, name: str, sizes: Sequence[int] | None) -> Value:
        """Return the labels of the graph's input `name` of these `sizes`, 0 where open."""
        if sizes is None:
            return unknown(f"input {name[:80]!a} of unknown rank")
        probe = iter(PROBE)
        shape = [size if size > 0 else next(probe, 1) for size in sizes]
        self.opens[name] = self.labels.made(shape, f"input {name[:80]!a}")
        return labels(self.opens[name])

    def run(self, nodes: Sequence[Node], values: dict[str, Value]) -> None:
        """Carry out `nodes` on `values`."""
        specials = {**dict.fromkeys(RECURRENT, self._unroll), "MatMul": self._product, "Gemm": self._product}
        run(nodes, values, specials | {"Add": self._sum, "Constant": _constant})

    def stack(self, outputs: Sequence[str], values: dict[str, Value], only: Only) -> Stack:
        """Return what the graph's `outputs` among `values` are made by, or the nodes that `only` names."""
        if only is not None:
            names = chosen(tuple(self.recurrent), tuple(self.read_outs), only)
            heads = [self.read_outs[name].head for name in names if name in self.read_outs]
            layers = tuple(self.recurrent[name].layer for name in names if name in self.recurrent)
            return Stack(layers=layers, head=heads[-1] if heads else None)
        tops = set(self.recurrent) - {each.before for each in self.recurrent.values()}
        if not self.recurrent:
            made = (value.why for value in map(values.get, outputs) if value is not None and value.why)
            got, do = next(made, "none"), f"give a model with a node of {', '.join(RECURRENT)}"
            raise FileFormatError(explain("graph", must="have a recurrent node", got=got, do=do))
        for each in self.recurrent.values():
            if each.before is None:
                must = "read the graph's input as it is, or the outputs of the node before"
                raise UnsupportedError(explain(each.node.label, must=must, got=each.why, do=_PART))
        (top,) = chosen(tuple(sorted(tops)) or tuple(self.recurrent)[:1], (), only)
        layers = self._chain(top)
        return Stack(layers=layers, head=self._head(top, [(name, values.get(name)) for name in outputs]))

    def _chain(self, top: str) -> tuple[Layer, ...]:
        chain = [self.recurrent[top]]
        while chain[0].before:
            chain.insert(0, self.recurrent[chain[0].before])
        return tuple(each.layer for each in chain)

    def _unroll(self, node: Node, inputs: Inputs) -> Sequence[Value]:
        layer = layer_of(node, inputs)
        self.left -= sum(cell.input.nbytes + cell.recurrent.nbytes for cell in layer.cells) // 2
        if self.left < 0:
            must, do = f"share weights at most {MOST_REUSE} times", "export the recurrent module alone"
            raise UnsupportedError(explain(node.label, must=must, got="more", do=do))
        batch_first = bool(node.attributes.get("layout", 0))
        before, why, x = self._source(inputs[0], batch_first)
        shape = x.shape[:2] if x is not None else PROBE
        if x is not None and x.shape[2] != layer.input_size:
            must, got = f"have {layer.input_size} features, as W says", x.shape[2]
            raise FileFormatError(explain(f"input of {node.label}", must=must, got=got, do="export the model again"))
        h = self.labels.made((*shape, layer.output_size), f"output of {node.label}")
        made = _signals(node, layer, h, ends_given(node, inputs, shape[0]), self.labels)
        index = 0 if not before else len(self._chain(before)) if self.recurrent[before].before is not None else 0
        check_states(node, inputs, self.opens, (len(ways_of(node)), shape[1], layer.hidden_size), index, batch_first)
        self.recurrent[node.name] = replace(made, before=before, why=why)
        return _outputs(made, batch_first)

    def _source(self, value: Value | None, batch_first: bool) -> tuple[str | None, str, Array | None]:
        """Return what a recurrent node reads: the node before or ""; or None and why not; and the labels (T, B, F)."""
        if value is None or value.origin is not Origin.LABELS or value.array.ndim != 3:
            return None, "none" if value is None else value.why or value.origin.value, None
        x = value.array.transpose(1, 0, 2) if batch_first else value.array
        for name, each in self.recurrent.items():
            if np.array_equal(x, each.h):
                return name, "", x
        for array in self.opens.values():
            whole = array if array.ndim == 3 else array[:, None] if array.ndim == 2 else None
            if whole is not None and (np.array_equal(x, whole) or np.array_equal(x, whole.transpose(1, 0, 2))):
                return "", "", x
        return None, "another arrangement of it", x

    def _product(self, node: Node, inputs: Inputs) -> Sequence[Value]:
        """Take a MatMul or Gemm of a signal with constants for a read-out."""
        x, weights = inputs[0], inputs[1] if len(inputs) > 1 else None
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
        for each in self.recurrent.values():
            rows = np.concatenate([each.h.reshape(-1, each.h.shape[-1]), each.final])
            if x.ndim and x.shape[-1] == rows.shape[1] and np.isin(x[..., 0], rows[:, 0]).all():
                first = np.searchsorted(*_sorted(rows[:, 0]), x[..., 0])
                if np.array_equal(x, rows[_order(rows[:, 0])[first]]):
                    return each
        return None

    def _read_out(self, node: Node, read: Recurrent, head: Head, x: Array) -> Array:
        steps, batch, _ = read.h.shape
        y = self.labels.made((steps, batch, head.output_size), f"output of {node.label}")
        ends = np.array_equal(read.final, read.h[-1])
        final = y[-1] if ends else self.labels.made((batch, head.output_size), f"output of {node.label}")
        self.read_outs[node.name] = ReadOut(node=node, of=read.node.name, head=head, y=y, final=final)
        rows = np.concatenate([read.h[..., 0].reshape(-1), read.final[:, 0]])
        made = np.concatenate([y.reshape(-1, head.output_size), final])
        return made[_order(rows)[np.searchsorted(*_sorted(rows), x[..., 0])]]

    def _sum(self, node: Node, inputs: Inputs) -> Sequence[Value]:
        """Take an Add of a read-out and constants for its bias, and one of two constants for what it is."""
        if len(inputs) != 2 or inputs[0] is None or inputs[1] is None:
            return [unknown(node.label)]
        signal, other = sorted((inputs[0], inputs[1]), key=lambda value: value.origin is not Origin.LABELS)
        if signal.origin is Origin.NUMBERS and other.origin is Origin.NUMBERS:
            if max(signal.array.size, other.array.size) > PROBE[0] + 8:
                return [unknown(node.label)]
            return [numbers(signal.array + other.array)]
        for name, each in self.read_outs.items():
            bias = bias_of(other, each.head.output_size)
            if (
                signal.origin is Origin.LABELS
                and np.isin(signal.array, each.y).all() | np.isin(signal.array, each.final).all()
            ):
                if bias is None or each.head.bias is not None:
                    break
                self.read_outs[name] = replace(each, head=replace(each.head, bias=bias))
                return [signal]
        return [unknown(signal.why or other.why or node.label)]

    def _head(self, top: str, outputs: Sequence[tuple[str, Value | None]]) -> Head | None:
        """Return the read-out behind the graph's outputs, each of which must be it, h or a state."""
        node = self.recurrent[top]
        states = [state for each in self.recurrent.values() for state in each.states]
        heads = [each for each in self.read_outs.values() if each.of == top]
        found: Head | None = None
        for name, value in outputs:
            array = None if value is None or value.origin is not Origin.LABELS else value.array
            if array is None:
                got = value.why or value.origin.value if value is not None else "nothing"
                must = "be h, a state or a linear read-out"
                raise UnsupportedError(explain(f"graph output {name[:80]!a}", must=must, got=got, do=_PART))
            read = [each for each in heads if arranged(array, each.y) or arranged(array, each.final)]
            if read:
                ends = not arranged(array, read[0].y) or (read[0].y.shape[0] == 1 and array.ndim < 3)
                found = replace(read[0].head, final=ends and arranged(array, read[0].final))
            elif not arranged(array, node.h) and not are_whole(array, states):
                must, got = "be h, a state or a linear read-out as they are", "another arrangement of them"
                raise UnsupportedError(explain(f"graph output {name[:80]!a}", must=must, got=got, do=_PART))
        if len(self.read_outs) > (found is not None):
            got = listed(self.read_outs)
            raise UnsupportedError(explain("read-outs", must="be one, that of the top layer", got=got, do=_PART))
        return found


def _constant(node: Node, inputs: Inputs) -> Sequence[Value]:
    for name, value in node.attributes.items():
        if name == "value" and isinstance(value, np.ndarray):
            return [numbers(value)]
        if name in ("value_int", "value_float", "value_ints", "value_floats"):
            return [numbers(np.asarray(value))]
    return [unknown(node.label)]


def _signals(node: Node, layer: Layer, h: Array, with_lengths: bool, maker: Labels) -> Recurrent:
    """Return the record of a node with the labels of its final outputs and states."""
    sizes = [cell.output_size for cell in layer.cells]
    if with_lengths:
        final = maker.made((h.shape[1], sum(sizes)), f"state of {node.label}")
    else:
        edge = np.concatenate([h[:1] if back else h[-1:] for back in ways_of(node)])
        cuts = np.cumsum([0, *sizes])
        parts = [edge[n][:, cuts[n] : cuts[n + 1]] for n in range(len(sizes))]
        final = np.concatenate(parts, axis=-1)
    cells = maker.made((len(sizes), h.shape[1], sizes[0]), f"state of {node.label}")
    return Recurrent(node=node, layer=layer, before=None, why="", h=h, final=final, cells=cells)


def _outputs(made: Recurrent, batch_first: bool) -> list[Value]:
    """Return Y, Y_h and, of an LSTM, Y_c, in the node's layout."""
    steps, batch, _ = made.h.shape
    directions = len(made.layer.cells)
    y = made.h.reshape(steps, batch, directions, -1).transpose(0, 2, 1, 3)
    state = made.final.reshape(batch, directions, -1).transpose(1, 0, 2)
    signals = [y, state, made.cells][: 3 if made.node.operation == "LSTM" else 2]
    if batch_first:
        signals = [y.transpose(2, 0, 1, 3), *(each.transpose(1, 0, 2) for each in signals[1:])]
    return [labels(each) for each in signals]


def _order(rows: Array) -> Array:
    return np.argsort(rows, kind="stable")


def _sorted(rows: Array) -> tuple[Array]:
    return (np.sort(rows),)
