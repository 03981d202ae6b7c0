"""The recurrent nodes of an ONNX graph: what each reads, from where its states come, what it makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import LstmAnalogError, UnsupportedError, explain
from lstm_analog.model.formats.onnx_cells import layer_of, ways_of
from lstm_analog.model.formats.onnx_graph import Inputs, Labels, Origin, Value, labels
from lstm_analog.model.formats.onnx_inputs import PROBE, OpenInputs
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.onnx_values import (
    Block,
    Objection,
    check_constant,
    lengths_of,
    start_of,
    states_of,
)
from lstm_analog.model.layers import Layer

MOST_REUSE = 8
"""How many times the file's own size its weights may amount to, where nodes share them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recurrent:
    """A recurrent node: its layer, what it reads (the node `before`, "" for none) and what speaks against the whole.

    `source` is the graph's input that it reads, "" if none; `starts` are the inputs from which its states come, in the
    order h, c; `lengths` that of its lengths. `h (T, B, F)` are the labels of its outputs, `final (B, F)` of the last
    of each direction, `cells (directions, B, H)` of the last c.
    """

    node: Node
    layer: Layer
    before: str
    source: str
    objections: tuple[Objection, ...]
    starts: Mapping[str, Block]
    lengths: Block | None
    h: Array
    final: Array
    cells: Array

    @property
    def states(self) -> list[Array]:
        """The labels of its last h and c, (B, units) each: of every direction, and h of all of them."""
        ends = np.cumsum([cell.output_size for cell in self.layer.cells])
        return [self.final, *np.split(self.final, ends[:-1], axis=-1), *self.cells]


class Recurrences:
    """Carries out the recurrent nodes of a graph, in a file of `size` bytes, and keeps those `found` by name.

    `unreadable` are those whose weights cannot be taken, with the reason. `maker` hands out labels, `opens` are the
    inputs of the graph.
    """

    def __init__(self, size: int, maker: Labels, opens: OpenInputs) -> None:
        self.left = MOST_REUSE * size
        self.maker = maker
        self.opens = opens
        self.found: dict[str, Recurrent] = {}
        self.unreadable: dict[str, LstmAnalogError] = {}

    def unroll(self, entry: Node, inputs: Inputs) -> Sequence[Value]:
        """Carry out the recurrent node `entry` on its `inputs`: return Y, Y_h and, of an LSTM, Y_c."""
        node = replace(entry, name=self.maker.name_for(entry))
        try:
            layer = layer_of(node, inputs, self.opens.source)
            for what, value in states_of(node, inputs).items():
                check_constant(what, value, len(layer.cells), layer.hidden_size)
        except LstmAnalogError as error:
            self.unreadable[node.name] = error
            return []
        self.left -= sum(cell.input.nbytes + cell.recurrent.nbytes for cell in layer.cells) // 2
        if self.left < 0:
            must, do = f"share weights at most {MOST_REUSE} times", "export the recurrent module alone"
            raise UnsupportedError(explain(node.label, must=must, got="more", do=do))
        made = self._placed(node, layer, inputs)
        self.found[node.name] = made
        return _outputs(made, bool(node.attributes.get("layout", 0)))

    def _placed(self, node: Node, layer: Layer, inputs: Inputs) -> Recurrent:
        """Return the record of `node`: what it reads, from where its states and lengths come, what it makes."""
        x, read = self._source(node, layer, inputs[0])
        before, source = ("", "") if isinstance(read, Objection) else read
        shape = PROBE if x is None else x.shape[:2]
        lengths = lengths_of(node, inputs, shape[0], self.opens.labels)
        sizes = len(layer.cells), layer.hidden_size
        states = states_of(node, inputs)
        for value in states.values():
            self.opens.resize(value, sizes[1])
        starts = {what: start_of(what, value, sizes, self.opens.labels) for what, value in states.items()}
        h = self.maker.made((*shape, layer.output_size), f"output of {node.label}")
        final, cells = _finals(node, layer, h, lengths is not None, self.maker)
        return Recurrent(
            node=node,
            layer=layer,
            before=before,
            source=source,
            objections=tuple(each for each in (read, lengths, *starts.values()) if isinstance(each, Objection)),
            starts={what: each for what, each in starts.items() if isinstance(each, Block)},
            lengths=lengths if isinstance(lengths, Block) else None,
            h=h,
            final=final,
            cells=cells,
        )

    def _source(
        self, node: Node, layer: Layer, value: Value | None
    ) -> tuple[Array | None, tuple[str, str] | Objection]:
        """Return the labels (T, B, F) that `node` reads, None if unknown, and the node before or the graph's input.

        Of these one is "". If it reads anything else, that is the objection.
        """
        must = "read the graph's input as it is, or the outputs of the node before"
        if value is None or value.origin is not Origin.LABELS or value.array.ndim != 3:
            got = "none" if value is None else value.why or value.origin.value
            return None, Objection(what=node.label, must=must, got=got)
        x = value.array.transpose(1, 0, 2) if node.attributes.get("layout", 0) else value.array
        if x.shape[2] != layer.input_size:
            self.opens.resize(labels(x), layer.input_size)
            what = f"input of {node.label}"
            got = str(x.shape[2]) if self.opens.is_closed(labels(x)) else "an open axis of another place"
            return None, Objection(what=what, must=f"have {layer.input_size} features, as W says", got=got)
        for name, each in self.found.items():
            if np.array_equal(x, each.h):
                return x, (name, "")
        source = self.opens.source(labels(x))
        array = self.opens.labels.get(source, np.empty(0))
        whole = array if array.ndim == 3 else array[:, None] if array.ndim == 2 else None
        if whole is not None and (np.array_equal(x, whole) or np.array_equal(x, whole.transpose(1, 0, 2))):
            return x, ("", source)
        return x, Objection(what=node.label, must=must, got="another arrangement of it")


def _finals(node: Node, layer: Layer, h: Array, with_lengths: bool, maker: Labels) -> tuple[Array, Array]:
    """Return the labels of the last h (B, F) and of the last c (directions, B, H) of a node whose outputs are `h`."""
    sizes = [cell.output_size for cell in layer.cells]
    cells = maker.made((len(sizes), h.shape[1], sizes[0]), f"state of {node.label}")
    if with_lengths:
        return maker.made((h.shape[1], sum(sizes)), f"state of {node.label}"), cells
    edge = np.concatenate([h[:1] if back else h[-1:] for back in ways_of(node)])
    cuts = np.cumsum([0, *sizes])
    parts = [edge[n][:, cuts[n] : cuts[n + 1]] for n in range(len(sizes))]
    return np.concatenate(parts, axis=-1), cells


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
