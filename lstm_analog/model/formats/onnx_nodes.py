"""Records of nodes and graphs of an ONNX file, and the types of their attributes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from lstm_analog.arrays import Array
from lstm_analog.model.formats.onnx_ops import Attributes
from lstm_analog.model.formats.refusals import format_error

_Kind = type | tuple[type, ...]
_INTEGERS = ("hidden_size", "layout", "linear_before_reset", "input_forget", "transA", "transB")
_FLOAT_LISTS = ("activation_alpha", "activation_beta")
KINDS: Mapping[str, _Kind] = MappingProxyType(
    {**dict.fromkeys(_INTEGERS, int), **dict.fromkeys(("alpha", "beta"), float), "direction": bytes}
    | {**dict.fromkeys(_FLOAT_LISTS, (float,)), "activations": (bytes,)}
)
"""The types of attributes of recurrent nodes and steps; a tuple stands for a list of its type."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """In a node of a function, a reference to the attribute `name` of the node that calls the function."""

    name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """A node of a graph: its operation, its name, and the names of its inputs ("" for none) and outputs."""

    operation: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"node {self.name[:80]!a} ({self.operation[:40]})"

    @property
    def bodies(self) -> "Mapping[str, Graph]":
        """The graphs among its attributes: the branches of an If, the body of a Loop."""
        return {word: value for word, value in self.attributes.items() if isinstance(value, Graph)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A graph, body of a node, or function: its `nodes` in order and the names of its `inputs` and `outputs`.

    `arrays` are its constants by name; `presets` are the default attributes of a function.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arrays: Mapping[str, Array]
    presets: Attributes


def resolved(node: Node, path: str, given: Attributes) -> Node:
    """Return `node` with `path` before its name and the `given` attributes in place of references to them.

    Raises `FileFormatError` if an attribute is not of its type in the standard.
    """
    attributes = {
        word: given[value.name] if isinstance(value, Reference) else value
        for word, value in node.attributes.items()
        if not isinstance(value, Reference) or value.name in given
    }
    named = replace(node, name=path + node.name, attributes=attributes)
    wrong = [word for word, kind in KINDS.items() if word in attributes and not _is(attributes[word], kind)]
    if wrong:
        what, must = f"{wrong[0]} of {named.label}", "be of the kind that the standard says"
        raise format_error(what, must, type(attributes[wrong[0]]).__name__, "export the model again")
    return named


def _is(value: object, kind: _Kind) -> bool:
    """Return whether `value` is of `kind`, or, if `kind` is a tuple, a list of its type."""
    if isinstance(kind, tuple):
        return isinstance(value, list) and all(isinstance(each, kind[0]) for each in value)
    return isinstance(value, kind)
