"""What an ONNX graph is as a whole: a chain of recurrent layers, the read-out, and nothing else unnoticed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.model.formats.onnx_cells import RECURRENT
from lstm_analog.model.formats.onnx_graph import Carrier, Inputs, Labels, Origin, Scope, Value, numbers, unknown
from lstm_analog.model.formats.onnx_heads import ReadOuts
from lstm_analog.model.formats.onnx_inputs import OpenInput, OpenInputs
from lstm_analog.model.formats.onnx_nodes import Graph, Node
from lstm_analog.model.formats.onnx_signals import Recurrences, Recurrent
from lstm_analog.model.formats.onnx_values import Objection, are_whole, arranged
from lstm_analog.model.formats.stacks import Only, Stack, alone, check_one, check_order, chosen, listed
from lstm_analog.model.layers import Head


class Reader:
    """Carries out a graph in a file of `size` bytes, and notes the recurrent nodes and the read-outs.

    `sizes` are as of `OpenInputs`.
    """

    def __init__(self, size: int, sizes: Mapping[tuple[str, int], int]) -> None:
        maker = Labels()
        self.opens = OpenInputs(maker, sizes)
        self.recurrences = Recurrences(size, maker, self.opens)
        self.read_outs = ReadOuts(maker, self.recurrences.found)
        self.outputs: list[tuple[str, Value | None]] = []

    def run(
        self, graph: Graph, functions: Mapping[str, Graph], inputs: Sequence[OpenInput], held: Mapping[str, Value]
    ) -> None:
        """Carry out `graph` on its `inputs` and the values that are `held`, with the `functions` of the file."""
        values = {**held, **{entry.name: self.opens.opened(entry) for entry in inputs}}
        specials = {**dict.fromkeys(RECURRENT, self.recurrences.unroll), "Constant": _constant}
        specials |= {**dict.fromkeys(("MatMul", "Gemm"), self.read_outs.product), "Add": self.read_outs.sum}
        Carrier(specials, functions).run(graph.nodes, Scope(values=values, given={}))
        self.outputs = [(name, values.get(name)) for name in graph.outputs]

    def stack(self, only: Only) -> Stack:
        """Return what the graph's outputs are made by, or the nodes that `only` names."""
        return self._whole() if only is None else self._named(only)

    def _named(self, only: str | Sequence[str]) -> Stack:
        found, unreadable, read_outs = self.recurrences.found, self.recurrences.unreadable, self.read_outs.found
        names = chosen((*found, *unreadable), tuple(read_outs), only)
        for name in names:
            if name in unreadable:
                raise unreadable[name]
        heads = [name for name in names if name in read_outs]
        check_order(names, heads)
        layers = tuple(found[name].layer for name in names if name in found)
        return Stack(layers=layers, head=read_outs[heads[0]].head if heads else None)

    def _whole(self) -> Stack:
        found = self.recurrences.found
        for error in self.recurrences.unreadable.values():
            raise error
        if not found:
            made = (value.why for _, value in self.outputs if value is not None and value.why)
            got, do = next(made, "none"), f"give a model with a node of {', '.join(RECURRENT)}"
            raise FileFormatError(explain("graph", must="have a recurrent node", got=got, do=do))
        for each in found.values():
            for objection in each.objections:
                raise self._refused(objection)
        below = {each.before for each in found.values()}
        tops = tuple(name for name in found if name not in below)
        check_one(tops, self.stack)
        chain = [found[tops[0]]]
        while chain[0].before:
            chain.insert(0, found[chain[0].before])
        for objection in _disorders(chain):
            raise self._refused(objection)
        return Stack(layers=tuple(each.layer for each in chain), head=self._head(chain[-1]))

    def _refused(self, objection: Objection) -> UnsupportedError:
        """Return the error that says `objection` and which of the nodes can be taken alone."""
        do = f"{alone(self.recurrences.found, self.stack)}, and do the rest yourself"
        return UnsupportedError(explain(objection.what, must=objection.must, got=objection.got, do=do))

    def _head(self, top: Recurrent) -> Head | None:
        """Return the read-out behind the graph's outputs, each of which must be it, h or a state."""
        states = [state for each in self.recurrences.found.values() for state in each.states]
        heads = [each for each in self.read_outs.found.values() if each.of == top.node.name]
        found: list[Head] = []
        for name, value in self.outputs:
            what, must = f"graph output {name[:80]!a}", "be h, a state or a linear read-out"
            if value is None or value.origin is not Origin.LABELS:
                got = "nothing" if value is None else value.why or value.origin.value
                raise self._refused(Objection(what=what, must=must, got=got))
            read = [each for each in heads if arranged(value.array, each.y) or arranged(value.array, each.final)]
            if read:
                every = arranged(value.array, read[0].y) and (len(read[0].y) > 1 or value.array.ndim > 2)
                found.append(replace(read[0].head, final=not every))
            elif not arranged(value.array, top.h) and not are_whole(value.array, states):
                got = "another arrangement of them"
                raise self._refused(Objection(what=what, must=f"{must} as they are", got=got))
        if len(self.read_outs.found) > bool(found):
            must = "be one, that of the top layer"
            raise self._refused(Objection(what="read-outs", must=must, got=listed(self.read_outs.found)))
        return next((head for head in found if not head.final), found[0] if found else None)


def _disorders(chain: Sequence[Recurrent]) -> Iterator[Objection]:
    """Yield what is wrong between the nodes of a `chain`, bottom first: lengths, and the order of states."""
    ends = {each.lengths for each in chain}
    for n, each in enumerate(chain):
        if len(ends) > 1 and n > 0:
            got = "others" if each.lengths is not None else "none"
            must = "be those of the layers below"
            yield Objection(what=f"sequence_lens of {each.node.label}", must=must, got=got)
        if each.lengths is not None and each.lengths.name == chain[0].source:
            what, got = f"sequence_lens of {each.node.label}", "a part of the sequences"
            yield Objection(what=what, must="be an input of their own", got=got)
    for part in ("initial_h", "initial_c"):
        last: dict[str, int] = {}
        for each in chain:
            start = each.starts.get(f"{part} of {each.node.label}")
            if start is not None and (start.name == chain[0].source or start.first <= last.get(start.name, 0)):
                must, got = (
                    "be an input of the graph in the order of the layers",
                    f"another part of {start.name[:80]!a}",
                )
                yield Objection(what=f"{part} of {each.node.label}", must=must, got=got)
            if start is not None:
                last[start.name] = start.first


def _constant(node: Node, inputs: Inputs) -> Sequence[Value]:
    for name, value in node.attributes.items():
        if name == "value" and isinstance(value, np.ndarray):
            return [numbers(value)]
        if name in ("value_int", "value_float", "value_ints", "value_floats"):
            return [numbers(np.asarray(value))]
    return [unknown(node.label)]
