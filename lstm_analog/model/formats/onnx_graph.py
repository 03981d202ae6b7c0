"""Run an ONNX graph on labels instead of numbers, to find which signal each node reads.

Exporters put transposes, reshapes, slices and computed shapes around each recurrent node. Instead of recognising these
patterns, the graph is run on numpy arrays in which each element of a signal has a unique number, its label. The labels
then show whether a node reads exactly the outputs of another, in their order, or something else.

Bodies of If, Loop and the like are run once, on unknown inputs; functions are run at each call.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.model.formats.onnx_nodes import Graph, Node, resolved
from lstm_analog.model.formats.onnx_ops import CANNOT, OPS, Attributes, OnnxOperation
from lstm_analog.model.formats.refusals import format_error, unsupported

MOST_MADE = 2**24
"""Largest total number of elements of all arrays in a graph."""

MOST_NODES = 20_000
"""Largest number of nodes to run, including those of bodies and, at each call, of functions."""

DEEPEST = 24
"""Largest depth of nested bodies and calls."""

_CHECK = "check the file with onnx.checker"


class Origin(Enum):
    """The kind of elements of an array; `ZEROS` are zeros of an unknown shape."""

    NUMBERS = "numbers"
    LABELS = "computed from the inputs"
    ZEROS = "zeros"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class Value:
    """An array in the graph: numbers from the file or from shapes, or labels of signals.

    For an unknown array, `why` names the node that made it.
    """

    origin: Origin
    array: Array
    why: str = ""

    @property
    def zero(self) -> bool:
        """Whether all elements are zero."""
        return self.origin is Origin.ZEROS or (self.origin is Origin.NUMBERS and not self.array.any())


Inputs = Sequence[Value | None]
Special = Callable[[Node, Inputs], Sequence[Value]]
"""Function that runs a node which computes signals: a recurrent one or a numeric step."""


def numbers(array: Array) -> Value:
    """Return `array` as numbers."""
    return Value(origin=Origin.NUMBERS, array=array)


def labels(array: Array) -> Value:
    """Return `array` as labels."""
    return Value(origin=Origin.LABELS, array=array)


def unknown(why: str) -> Value:
    """Return an unknown value, with the reason `why`."""
    return Value(origin=Origin.UNKNOWN, array=np.empty(0), why=why)


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphScope:
    """The scope in which nodes run: `values` by name, the prefix `path` of names, and `given` attributes."""

    values: MutableMapping[str, Value]
    path: str = ""
    given: Attributes
    depth: int = 0


class GraphRunner:
    """Runs graphs: `specials` run the nodes that compute signals, `functions` are those that the file defines."""

    def __init__(self, specials: Mapping[str, Special], functions: Mapping[str, Graph]) -> None:
        self.specials = specials
        self.functions = functions
        self.nodes_left = MOST_NODES
        self.elements_left = MOST_MADE

    def run(self, nodes: Sequence[Node], scope: GraphScope) -> None:
        """Run `nodes` in order on the values of `scope`, to which their outputs are added.

        A node of `specials` is run by it; one that only moves data by numpy. The outputs of others are unknown, which
        is an error only if a recurrent node, a step or an output reads them.
        """
        values = scope.values
        own = values.maps[0] if isinstance(values, ChainMap) else values
        for entry in nodes:
            node = resolved(entry, scope.path, scope.given)
            missing = [name for name in node.inputs if name and name not in values]
            if missing or any(name and name in own for name in node.outputs):
                must, got = "read what is made before it, and make new values", ascii((missing or node.outputs)[0][:80])
                raise format_error(node.label, must, got, _CHECK)
            inputs = [values[name] if name else None for name in node.inputs]
            made = self._made(node, inputs, scope)
            self._count(sum(value.array.size for value in made))
            fallen = [unknown(node.label)] * (len(node.outputs) - len(made))
            values.update({name: value for name, value in zip(node.outputs, (*made, *fallen), strict=False) if name})

    def _count(self, elements: int) -> None:
        self.nodes_left -= 1
        self.elements_left -= elements
        for left, most, what in ((self.nodes_left, MOST_NODES, "nodes"), (self.elements_left, MOST_MADE, "elements")):
            if left < 0:
                do = "export the recurrent module alone, with open axes for batch and time"
                raise unsupported("graph", f"need at most {most} {what}", "more", do)

    def _made(self, node: Node, inputs: Inputs, scope: GraphScope) -> Sequence[Value]:
        if node.operation in self.functions:
            return self._called(node, inputs, scope)
        if node.operation in self.specials:
            return self.specials[node.operation](node, inputs)
        if node.bodies:
            return self._branched(node, inputs, scope)
        return run_move(node, inputs)

    def _called(self, node: Node, inputs: Inputs, scope: GraphScope) -> Sequence[Value]:
        """Run the function that `node` calls, on its `inputs` and with its attributes."""
        function = self.functions[node.operation]
        values = {name: unknown(node.label) for name in function.inputs}
        values |= {name: value for name, value in zip(function.inputs, inputs, strict=False) if value is not None}
        inner = GraphScope(
            values=values,
            path=f"{node.name}/",
            given={**function.presets, **node.attributes},
            depth=_deeper(node, scope),
        )
        self.run(function.nodes, inner)
        return [values.get(name, unknown(node.label)) for name in function.outputs]

    def _branched(self, node: Node, inputs: Inputs, scope: GraphScope) -> Sequence[Value]:
        """Run the bodies of `node`; for an If with a known condition, return the outputs of the branch taken."""
        condition = inputs[0] if node.operation == "If" and inputs else None
        known = condition is not None and condition.origin is Origin.NUMBERS and condition.array.dtype == bool
        taken = ("then_branch" if condition.array.any() else "else_branch") if known and condition is not None else ""
        answer: list[Value] = []
        for word, body in node.bodies.items():
            if taken and word != taken:
                continue
            values = ChainMap({name: numbers(array) for name, array in body.arrays.items()}, scope.values)
            values.maps[0].update({name: unknown(node.label) for name in body.inputs})
            inner = GraphScope(
                values=values, path=f"{node.name}/{word}/", given=scope.given, depth=_deeper(node, scope)
            )
            self.run(body.nodes, inner)
            answer = [values.get(name, unknown(node.label)) for name in body.outputs]
        return answer if taken else []


def _deeper(node: Node, scope: GraphScope) -> int:
    if scope.depth == DEEPEST:
        do = "export it with its functions inlined"
        raise unsupported(node.label, f"lie in at most {DEEPEST} others", "more", do)
    return scope.depth + 1


def run_move(node: Node, inputs: Inputs) -> list[Value]:
    """Return the outputs of a `node` that moves data or computes shapes, for its `inputs`; unknown for others."""
    blind = [value for value in inputs if value is not None and value.origin in (Origin.UNKNOWN, Origin.ZEROS)]
    why = next((value.why for value in blind if value.why), node.label)  # the first that is not known here
    if node.operation not in OPS:
        return [unknown(why)]
    operation = OPS[node.operation]
    if blind:
        zero = Value(origin=Origin.ZEROS, array=np.empty(0))
        return [zero if _stays_zero(operation, inputs, node.attributes) else unknown(why)] * len(node.outputs)
    signals = [value is not None and value.origin is Origin.LABELS for value in inputs]
    clear = operation.asks_shape or (operation.joins and all(signals)) or not any(signals[operation.moves :])
    if not clear:
        return [unknown(node.label)]
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused where it is read
            arrays = [None if value is None else value.array for value in inputs]
            asked = {**node.attributes, "count": len(node.outputs), "signal": bool(signals and signals[0])}
            made = operation.run(arrays, asked)
    except CANNOT:
        return [unknown(node.label)]  # the sizes that it failed by may be ours, not the file's
    carry = labels if signals and signals[0] and not operation.asks_shape else numbers
    return [carry(each) for each in (made if isinstance(made, list) else [made])]


def _stays_zero(operation: OnnxOperation, inputs: Inputs, attributes: Attributes) -> bool:
    """Return whether `operation` makes zeros of `inputs` even if some of these, such as a shape, are unknown."""
    if operation.fills:
        return not np.asarray(attributes.get("value", 0)).any()
    data = inputs if operation.joins else inputs[: int(operation.moves)]
    return bool(data) and all(value is not None and value.zero for value in data)
