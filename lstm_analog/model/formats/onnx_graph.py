"""An ONNX graph carried out on labels instead of numbers: which signal ends up where, whatever way the exporter took.

Exporters put transposes, reshapes, slices and computed shapes around each recurrent node. Rather than know their
habits, the graph is run on numpy arrays in which each element of a signal is a number of its own. After any such detour
the labels show whether the next node reads exactly the outputs of the last, in their order, or something else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import prod

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.model.formats.onnx_ops import LARGEST, OPS, Attributes, CannotError

MOST_MADE = 2**24
"""Elements of all arrays that are carried through a graph."""

MOST_NODES = 20_000
_CHECK = "check the file with onnx.checker"


class Origin(Enum):
    """What the elements of an array are."""

    NUMBERS = "numbers"
    LABELS = "labels"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, eq=False)
class Value:
    """An array in the graph: numbers that the file holds or that follow from shapes, or labels of signals.

    `why` says of an unknown one which node made it so.
    """

    origin: Origin
    array: Array
    why: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """A node of the graph: its operation, its name, and the names of the values it reads ("" for none) and makes."""

    operation: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"node {self.name[:80]!a} ({self.operation[:40]})"


Inputs = Sequence[Value | None]
Special = Callable[[Node, Inputs], Sequence[Value]]
"""Carries out a node that makes signals: a recurrent one or a read-out."""


class Labels:
    """Hands out labels: each array made here has numbers of its own, from 1 on."""

    def __init__(self) -> None:
        self.next = 1

    def made(self, shape: Sequence[int], what: str) -> Array:
        """Return an array of `shape` with new labels for the signal called `what` in messages."""
        if prod(shape) > LARGEST or min(shape, default=1) < 1:
            must, do = f"have 1 to {LARGEST} elements", "export it with open axes for batch and time"
            raise UnsupportedError(explain(what, must=must, got=f"shape {tuple(shape)}", do=do))
        first = self.next
        self.next += prod(shape)
        return np.arange(first, self.next).reshape(tuple(shape))


def numbers(array: Array) -> Value:
    """Return `array` as numbers."""
    return Value(origin=Origin.NUMBERS, array=array)


def labels(array: Array) -> Value:
    """Return `array` as labels."""
    return Value(origin=Origin.LABELS, array=array)


def unknown(why: str) -> Value:
    """Return what nobody knows, for the reason `why`."""
    return Value(origin=Origin.UNKNOWN, array=np.empty(0), why=why)


def run(nodes: Sequence[Node], values: dict[str, Value], specials: Mapping[str, Special]) -> None:
    """Carry out `nodes` in order on `values`, by name, to which their outputs are added.

    A node of `specials` is carried out by it; one that moves data about by numpy; the outputs of any other are unknown,
    which is no error until something reads them that matters.
    """
    total = 0
    for node in nodes:
        missing = [name for name in node.inputs if name and name not in values]
        if missing or set(node.outputs) & set(values):
            must, got = "read what is made before it, and make new values", ascii((missing or node.outputs)[0][:80])
            raise FileFormatError(explain(node.label, must=must, got=got, do=_CHECK))
        inputs = [values[name] if name else None for name in node.inputs]
        made = specials[node.operation](node, inputs) if node.operation in specials else moved(node, inputs)
        total += sum(value.array.size for value in made)
        if total > MOST_MADE:
            do = "export it with open axes for batch and time"
            raise UnsupportedError(explain("graph", must=f"need at most {MOST_MADE} elements", got="more", do=do))
        values.update(zip(node.outputs, made, strict=False))
        values.update({name: unknown(node.label) for name in node.outputs[len(made) :]})


def moved(node: Node, inputs: Inputs) -> list[Value]:
    """Return what a `node` that moves data about or computes shapes makes of its `inputs`, else the unknown."""
    if node.operation not in OPS:
        return [unknown(node.label)]
    operation = OPS[node.operation]
    signals = [value is not None and value.origin is Origin.LABELS for value in inputs]
    clear = operation.asks_shape or (operation.joins and all(signals)) or not any(signals[operation.moves :])
    for value in inputs:
        if value is not None and value.origin is Origin.UNKNOWN:
            return [value]
    if not clear:
        return [unknown(node.label)]
    try:
        made = operation.run([None if value is None else value.array for value in inputs], node.attributes)
    except (CannotError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        return [unknown(f"{node.label}, which failed ({ascii(str(error))[:80]})")]
    return [labels(made) if signals and signals[0] and not operation.asks_shape else numbers(made)]
