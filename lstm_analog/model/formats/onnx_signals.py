"""Run the recurrent nodes of an ONNX graph on labels: find their inputs and states, and label their outputs.

`GraphOutputs` finds which output of the graph is the answer of the model, and from which recurrent node it is computed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import InvalidValueError, LstmAnalogError, explain
from lstm_analog.model.formats.chains import (
    LINEAR,
    NUMERIC,
    ChainAnswer,
    ObjectedError,
    Objection,
    RowSelection,
    answer_of,
)
from lstm_analog.model.formats.labels import Labels
from lstm_analog.model.formats.onnx_cells import layer_of
from lstm_analog.model.formats.onnx_graph import Inputs, Origin, Value, labels
from lstm_analog.model.formats.onnx_inputs import (
    InputBlock,
    OpenInputs,
    are_whole,
    check_constant,
    lengths_of,
    start_of,
    states_of,
)
from lstm_analog.model.formats.onnx_nodes import Node
from lstm_analog.model.formats.refusals import listed, unsupported
from lstm_analog.model.formats.streams import ModelStreams, Stream, ends_of
from lstm_analog.model.layers import Layer

MOST_REUSE = 8
"""Largest total size of weights over the size of the file; nodes may share weights."""

READS = "read the graph's input as it is, or the outputs of the node before"
"""The rule for inputs of a recurrent node, in errors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RecurrentNode:
    """A recurrent node with its layer, its output `stream`, and `objections` to reading it.

    `source` is the graph's input from which it is computed, "" if there is none; `starts` are the inputs with its
    initial states, in the order h, c; `lengths` that with its lengths. `h (T, B, F)` are the labels of its outputs,
    `final (B, F)` those of the last h of each direction, `cells (directions, B, H)` those of the last c.
    """

    node: Node
    layer: Layer
    stream: Stream
    source: str
    objections: tuple[Objection, ...]
    starts: Mapping[str, InputBlock]
    lengths: InputBlock | None
    h: Array
    final: Array
    cells: Array

    @property
    def finals(self) -> list[Array]:
        """The labels of its last h, (B, units), for each direction."""
        ends = np.cumsum([cell.output_size for cell in self.layer.cells])
        return np.split(self.final, ends[:-1], axis=-1)

    @property
    def states(self) -> list[Array]:
        """The labels of its last h and c, (B, units) each, for each direction, and of h for all directions together."""
        return [self.final, *self.finals, *self.cells]


class Recurrences:
    """Runs the recurrent nodes of a graph, in a file of `size` bytes, and records those `found` by name.

    `unreadable` are those whose weights cannot be read, with the reason. `streams` are the signals of the graph, with
    labels made by `maker`; `opens` are its inputs.
    """

    def __init__(self, size: int, maker: Labels, streams: ModelStreams, opens: OpenInputs) -> None:
        self.left = MOST_REUSE * size
        self.maker = maker
        self.streams = streams
        self.opens = opens
        self.found: dict[str, RecurrentNode] = {}
        self.unreadable: dict[str, LstmAnalogError] = {}

    def unroll(self, entry: Node, inputs: Inputs) -> Sequence[Value]:
        """Run the recurrent node `entry` on its `inputs`; return Y, Y_h and, for an LSTM, Y_c."""
        node = replace(entry, name=self.maker.name_for(entry.name, next(filter(None, entry.outputs), "")))
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
            raise unsupported(node.label, must, "more", do)
        made = self._placed(node, layer, inputs)
        self.found[node.name] = made
        return _outputs(made, bool(node.attributes.get("layout", 0)))

    def _placed(self, node: Node, layer: Layer, inputs: Inputs) -> RecurrentNode:
        """Return the record of `node`, with its input, states, lengths and outputs."""
        read = self._read(node, layer, inputs[0])
        reads = read if isinstance(read, Stream) else None
        shape = self._shape(node, inputs[0])
        lengths = lengths_of(node, inputs, shape[0], self.opens.labels)
        sizes = len(layer.cells), layer.hidden_size
        states = states_of(node, inputs)
        for value in states.values():
            self.opens.resize(value, sizes[1])
        starts = {what: start_of(what, value, sizes, self.opens.labels) for what, value in states.items()}
        h = self.maker.made((*shape, layer.output_size), f"output of {node.label}")
        final, cells = _finals(node, layer, h, lengths is not None, self.maker)
        return RecurrentNode(
            node=node,
            layer=layer,
            stream=self.streams.unrolled(node.label, layer, reads, h, final),
            source="" if reads is None else self._source(reads),
            objections=tuple(each for each in (read, lengths, *starts.values()) if isinstance(each, Objection)),
            starts={what: each for what, each in starts.items() if isinstance(each, InputBlock)},
            lengths=lengths if isinstance(lengths, InputBlock) else None,
            h=h,
            final=final,
            cells=cells,
        )

    def _shape(self, node: Node, value: Value | None) -> tuple[int, int]:
        """Return the numbers of steps and of sequences that `node` reads, or those of the probe if unknown."""
        if value is None or value.origin is not Origin.LABELS or value.array.ndim != 3:
            return self.opens.probe[0], self.opens.probe[1]
        steps, batch = value.array.shape[:2]
        return (batch, steps) if node.attributes.get("layout", 0) else (steps, batch)

    def _source(self, stream: Stream) -> str:
        """Return the name of the graph's input from which `stream` is computed."""
        while stream.reads:
            stream = stream.reads[0]
        return self.opens.source(labels(stream.rows))

    def _read(self, node: Node, layer: Layer, value: Value | None) -> Stream | Objection:
        """Return the stream whose steps `node` reads in order; if it reads anything else, the objection."""
        if value is None or value.origin is not Origin.LABELS or value.array.ndim != 3:
            got = "none" if value is None else value.why or value.origin.value
            return Objection(node.label, READS, got)
        x = value.array.transpose(1, 0, 2) if node.attributes.get("layout", 0) else value.array
        if x.shape[2] != layer.input_size:
            self.opens.resize(labels(x), layer.input_size)
            got = str(x.shape[2]) if self.opens.is_closed(labels(x)) else "an open axis of another place"
            return Objection(f"input of {node.label}", f"have {layer.input_size} features, as W says", got)
        found = self.streams.sequence(f"choice of features for {node.label}", x)
        return Objection(node.label, READS, "another arrangement of it") if found is None else found[0]


def _finals(node: Node, layer: Layer, h: Array, with_lengths: bool, maker: Labels) -> tuple[Array, Array]:
    """Return the labels of the last h (B, F) and of the last c (directions, B, H) of a node whose outputs are `h`."""
    sizes = [cell.output_size for cell in layer.cells]
    cells = maker.made((len(sizes), h.shape[1], sizes[0]), f"state of {node.label}")
    if with_lengths:
        return maker.made((h.shape[1], sum(sizes)), f"state of {node.label}"), cells
    return ends_of(layer, h), cells


def _outputs(made: RecurrentNode, batch_first: bool) -> list[Value]:
    """Return Y, Y_h and, of an LSTM, Y_c, in the node's layout."""
    steps, batch, _ = made.h.shape
    directions = len(made.layer.cells)
    y = made.h.reshape(steps, batch, directions, -1).transpose(0, 2, 1, 3)
    state = made.final.reshape(batch, directions, -1).transpose(1, 0, 2)
    signals = [y, state, made.cells][: 3 if made.node.operation == "LSTM" else 2]
    if batch_first:
        signals = [y.transpose(2, 0, 1, 3), *(each.transpose(1, 0, 2) for each in signals[1:])]
    return [labels(each) for each in signals]


class GraphOutputs:
    """The `values` of the outputs of a graph that was run, with its `streams` and recurrent `nodes`, by name.

    The graph is read as a `whole` model, or else as a stack with a linear head. The methods raise `ObjectedError` for
    an output that is computed in an unsupported way.
    """

    def __init__(self, streams: ModelStreams, nodes: Mapping[str, RecurrentNode], *, whole: bool) -> None:
        self.streams = streams
        self.nodes = nodes
        self.whole = whole
        self.values: dict[str, Value | None] = {}

    def named(self, output: str) -> ChainAnswer:
        """Return the answer that is the graph's `output`; raise `InvalidValueError` if it has none of that name."""
        if output not in self.values:
            do = f"choose of {listed(self.values)}"
            raise InvalidValueError(explain("output", must="name an output of the graph", got=ascii(output), do=do))
        answer = self._read(output, None)
        if answer is None:
            raise ObjectedError(f"graph output {output[:80]!a}", NUMERIC, "states")
        return answer

    def only(self, top: RecurrentNode, works: Callable[[str], bool]) -> ChainAnswer:
        """Return the only output that steps compute from `top`, or else h of `top`.

        Raises `UnsupportedError` if there are several; its advice is the first output that `works`.
        """
        answers = {name: self._read(name, top) for name in self.values}
        found = {name: each for name, each in answers.items() if each is not None}
        made = {name: each for name, each in found.items() if not isinstance(each.stream.made, Layer)}
        if len({each.stream.number for each in made.values()}) > 1:
            first = next(filter(works, made), None)
            do = f"load_model(path, output={first!a}) takes one of them" if first else "export it with one answer"
            raise unsupported("answers of the graph", "be one, or be chosen", listed(made), do)
        several = list((made or found).values())
        every = [each for each in several if each.reading is RowSelection.EVERY]
        if self.whole and not several:
            raise ObjectedError("answers of the graph", "be h, or computed of it", "states alone")
        return (every or several or [ChainAnswer(label="h", stream=top.stream, reading=RowSelection.EVERY)])[0]

    def made_last(self) -> str:
        """Return the label of the node that computes the first output of the graph, "none" if there is none."""
        for value in self.values.values():
            stream = None if value is None else self.streams.of(value.array)
            if value is not None and (value.why or stream is not None):
                return value.why or (stream.label if stream else "")
        return "none"

    def _read(self, name: str, top: RecurrentNode | None) -> ChainAnswer | None:
        """Return the output called `name`, which must be computed from `top` if that is given; None for a state."""
        value = self.values[name]
        what, must = f"graph output {name[:80]!a}", NUMERIC if self.whole else LINEAR
        if value is None or value.origin is not Origin.LABELS:
            got = "nothing" if value is None else value.why or value.origin.value
            raise ObjectedError(what, must, got)
        answer = answer_of(self.streams, what, value.array)
        nodes = self.nodes.values()
        for each in nodes if answer is None else ():
            if value.array.size == each.final.size and are_whole(value.array, each.finals):
                answer = ChainAnswer(label=what, stream=each.stream, reading=RowSelection.FINAL)
        mine = answer is not None and (top is None or answer.stream is top.stream)
        if answer is not None and (mine or not isinstance(answer.stream.made, Layer)):
            return answer
        if are_whole(value.array, [state for each in nodes for state in each.states]):
            return None
        raise ObjectedError(what, f"{must} as they are", "another arrangement of them")
