"""Read an ONNX graph as a chain of numeric steps and recurrent layers, and refuse any other graph."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lstm_analog.errors import UnsupportedError
from lstm_analog.model.formats.chains import ObjectedError, Objection, Parts, biased, layers_below, parts_of
from lstm_analog.model.formats.labels import Labels
from lstm_analog.model.formats.onnx_cells import RECURRENT
from lstm_analog.model.formats.onnx_graph import GraphRunner, GraphScope, Inputs, Value, numbers, unknown
from lstm_analog.model.formats.onnx_inputs import OpenInput, OpenInputs
from lstm_analog.model.formats.onnx_nodes import Graph, Node
from lstm_analog.model.formats.onnx_signals import READS, GraphOutputs, Recurrences, RecurrentNode
from lstm_analog.model.formats.onnx_steps import Steps
from lstm_analog.model.formats.refusals import format_error, unsupported
from lstm_analog.model.formats.stacks import Stack, alone, check_one, check_order, chosen, works
from lstm_analog.model.formats.streams import ModelStreams
from lstm_analog.model.layers import Head
from lstm_analog.model.steps import Affine, Embedding, Pool, Pooling


class Reader:
    """Runs a graph in a file of `size` bytes, and records its signals and its recurrent nodes.

    `sizes`, `probe` and `single` are as in `OpenInputs`; the graph is read as a `whole` model, or else as a stack.
    """

    def __init__(
        self, size: int, sizes: Mapping[tuple[str, int], int], probe: tuple[int, ...], *, single: bool, whole: bool
    ) -> None:
        self.whole = whole
        maker = Labels()
        self.streams = ModelStreams(maker)
        self.opens = OpenInputs(maker, self.streams, sizes, probe, single)
        self.recurrences = Recurrences(size, maker, self.streams, self.opens)
        self.steps = Steps(self.streams, self.opens)
        self.outputs = GraphOutputs(self.streams, self.recurrences.found, whole=whole)

    def run(
        self, graph: Graph, functions: Mapping[str, Graph], inputs: Sequence[OpenInput], held: Mapping[str, Value]
    ) -> None:
        """Run `graph` on its `inputs` and the constants `held`, with the `functions` of the file."""
        values = {**held, **{entry.name: self.opens.opened(entry) for entry in inputs}}
        specials = {**dict.fromkeys(RECURRENT, self.recurrences.unroll), "Constant": _constant}
        specials |= self.steps.specials()
        GraphRunner(specials, functions).run(graph.nodes, GraphScope(values=values, given={}))
        self.outputs.values = {name: values.get(name) for name in graph.outputs}

    def stack(self, only: str | Sequence[str]) -> Stack:
        """Return the stack of the nodes that `only` names."""
        found, unreadable, products = self.recurrences.found, self.recurrences.unreadable, self.steps.products
        names = chosen((*found, *unreadable), tuple(products), only)
        for name in names:
            if name in unreadable:
                raise unreadable[name]
        heads = [name for name in names if name in products]
        check_order(names, heads)
        layers = tuple(found[name].layer for name in names if name in found)
        return Stack(layers=layers, head=self._read_out(heads[0]) if heads else None)

    def parts(self, output: str | None) -> Parts:
        """Return the parts of the model of the graph's `output`, or of its only output if None.

        Raises `FileFormatError`, `UnsupportedError` or `InvalidValueError` if there is none or are several, or it is
        computed in an unsupported way; with the name of the node.
        """
        found = self.recurrences.found
        for error in self.recurrences.unreadable.values():
            raise error
        if not found:
            got, do = self.outputs.made_last(), f"give a model with a node of {', '.join(RECURRENT)}"
            raise format_error("graph", "have a recurrent node", got, do)
        try:
            if output is None:
                answer = self.outputs.only(self._top(), lambda name: works(lambda: self.parts(name).model("trial")))
            else:
                answer = self.outputs.named(output)
            parts = parts_of(answer)
            self._check(parts)
        except ObjectedError as error:
            raise self.refused(*error.args) from None
        return parts

    def refused(self, what: str, must: str, got: str, other_way: str = "") -> UnsupportedError:
        """Return the error that `what` `must` be something and is `got`; advice: `other_way` and nodes to read."""
        way = alone(self.recurrences.found, self.stack)
        way = way.replace("alone, only=", "alone by load with only=", 1) if self.whole else way
        return unsupported(what, must, got, f"{other_way}{way}, and do the rest yourself")

    def linear(self, parts: Parts, other_way: str) -> Stack:
        """Return `parts` as a stack with a linear head; raise for other steps, with the advice `other_way`."""
        try:
            if parts.before:
                raise ObjectedError(parts.layers[0].label, READS, parts.before[-1][1].label)
            return Stack(layers=parts.folded, head=parts.head())
        except ObjectedError as error:
            raise self.refused(*Objection(*error.args), other_way=other_way) from None

    def _read_out(self, name: str) -> Head:
        """Return the product called `name`, with its bias, as a head."""
        product, dense, final = self.steps.products[name]
        for each in self.streams.all:
            if each.reads == (product,) and isinstance(each.made, Affine) and (each.made.scale == 1).all():
                dense = biased(dense, each.made)
                break
        return Head(weights=dense.weights, bias=dense.bias, final=final)

    def _top(self) -> RecurrentNode:
        """Return the only recurrent node that no other one reads; raise if there are several or any has objections."""
        found = self.recurrences.found
        for each in found.values():
            for objection in each.objections:
                raise ObjectedError(*objection)
        below = layers_below([each.stream for each in found.values()])
        tops = tuple(name for name, each in found.items() if each.stream.number not in below)
        check_one(tops, self.stack)
        return found[tops[0]]

    def _check(self, parts: Parts) -> None:
        """Raise if lengths or states of the layers in `parts` contradict each other, or a mean includes padding."""
        by_stream = {each.stream.number: each for each in self.recurrences.found.values()}
        chain = [by_stream[stream.number] for stream in parts.layers]
        for each in chain:
            for objection in each.objections:
                raise ObjectedError(*objection)
        for objection in _disorders(chain):
            raise ObjectedError(*objection)
        self._check_words(parts)
        for step, stream in parts.after:
            if step == Pooling(pool=Pool.MEAN) and chain[-1].lengths is not None:
                got = "all, also those beyond sequence_lens"
                raise ObjectedError(stream.label, "average valid steps alone", got)

    def _check_words(self, parts: Parts) -> None:
        """Raise if an input of whole numbers may be negative, and the graph checks whether it is."""
        first, made = parts.before[0] if parts.before else (None, parts.layers[0])
        if self.steps.words.intersection(each.number for each in made.reads) and not isinstance(first, Embedding):
            must = "be asked whether it is negative only where a table of words reads it"
            raise ObjectedError(made.reads[0].label, must, made.label)


def _disorders(chain: Sequence[RecurrentNode]) -> Iterator[Objection]:
    """Yield the objections between the nodes of a `chain`, bottom first: lengths, and the order of states."""
    ends = {each.lengths for each in chain}
    for n, each in enumerate(chain):
        if len(ends) > 1 and n > 0:
            got = "others" if each.lengths is not None else "none"
            yield Objection(f"sequence_lens of {each.node.label}", "be those of the layers below", got)
        if each.lengths is not None and each.lengths.name == chain[0].source:
            what = f"sequence_lens of {each.node.label}"
            yield Objection(what, "be an input of their own", "a part of the sequences")
    for part in ("initial_h", "initial_c"):
        last: dict[str, int] = {}
        for each in chain:
            start = each.starts.get(f"{part} of {each.node.label}")
            if start is not None and (start.name == chain[0].source or start.first <= last.get(start.name, 0)):
                must = "be an input of the graph in the order of the layers"
                yield Objection(f"{part} of {each.node.label}", must, f"another part of {start.name[:80]!a}")
            if start is not None:
                last[start.name] = start.first


def _constant(node: Node, inputs: Inputs) -> Sequence[Value]:
    for name, value in node.attributes.items():
        if name == "value" and isinstance(value, np.ndarray):
            return [numbers(value)]
        if name in ("value_int", "value_float", "value_ints", "value_floats"):
            return [numbers(np.asarray(value))]
    return [unknown(node.label)]
