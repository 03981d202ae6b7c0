"""ONNX files, by the `onnx` package: the protobuf, and the numbers in it or in side files that lie beside it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Array
from lstm_analog.errors import FileFormatError, LibraryMissingError, UnsupportedError, explain
from lstm_analog.model.formats.content import read_model
from lstm_analog.model.formats.onnx_graph import MOST_NODES, Node, Value, numbers
from lstm_analog.model.formats.onnx_signals import Reader
from lstm_analog.model.formats.stacks import Only, Stack
from lstm_analog.model.formats.tensor import BFLOAT16, DTYPES, FLOATS, Tensor, count_of, from_bytes, label

_ADVICE = "export the model again"
_SIDE_FILE = re.compile(r"[^/\\:\x00]{1,200}")
_KINDS = {"FLOAT": "float32", "DOUBLE": "float64", "FLOAT16": "float16", "BFLOAT16": BFLOAT16, "BOOL": "bool"} | {
    f"{sign}INT{bits}": f"{sign}INT{bits}".lower() for sign in ("", "U") for bits in (8, 16, 32, 64)
}

_Kind = type | tuple[type, ...]
_INTEGERS = ("hidden_size", "layout", "linear_before_reset", "input_forget", "transA", "transB")
_FLOAT_LISTS = ("activation_alpha", "activation_beta")
KINDS: Mapping[str, _Kind] = MappingProxyType(
    {**dict.fromkeys(_INTEGERS, int), **dict.fromkeys(("alpha", "beta"), float), "direction": bytes}
    | {**dict.fromkeys(_FLOAT_LISTS, (float,)), "activations": (bytes,)}
)
"""What the attributes of recurrent nodes and of read-outs are; in brackets: a list of these."""


def read_onnx(content: bytes, path: Path, only: Only) -> Stack:
    """Return the layers and the head in the ONNX file `content`, read from `path`; `only` names its nodes in order.

    Raises
    ------
    FileFormatError, UnsupportedError
        For damage, and for what is not offered, by the name of the node.
    LibraryMissingError
        If the `onnx` package is missing.
    """
    try:
        from google.protobuf.message import DecodeError
        from onnx import ModelProto
    except ImportError:
        do = "pip install 'lstm_analog[onnx]'"
        raise LibraryMissingError(explain("ONNX file", must="be read by onnx", got="no onnx package", do=do)) from None
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise FileFormatError(explain("content", must="be ONNX", got=ascii(str(error))[:120], do=_ADVICE)) from error
    if not 0 < len(model.graph.node) <= MOST_NODES:
        must, got = f"be ONNX with a graph of at most {MOST_NODES} nodes", f"{len(model.graph.node)} nodes"
        raise FileFormatError(explain("content", must=must, got=got, do=_ADVICE))
    tensors = Tensors(path.parent)
    nodes = [_node(entry, n, tensors) for n, entry in enumerate(model.graph.node)]
    reader = Reader(len(content) + tensors.side_bytes)
    values = _unique((str(entry.name), tensors.value(entry)) for entry in model.graph.initializer)
    sizes = [(str(entry.name), _sizes(entry)) for entry in model.graph.input if entry.name not in values]
    for name, shape in sizes:
        values[name] = reader.opened(name, shape)
    reader.run(nodes, values)
    return reader.stack(tuple(str(entry.name) for entry in model.graph.output), values, only)


def _unique(entries: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, value in entries:
        if name in values:
            raise FileFormatError(
                explain("initializers", must="have names of their own", got=ascii(name[:80]), do=_ADVICE)
            )
        values[name] = value
    return values


def _sizes(entry: Any) -> list[int] | None:
    """Return the sizes of a graph input, 0 where left open, or None if it is no tensor of known rank."""
    kind = entry.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return [axis.dim_value if axis.HasField("dim_value") else 0 for axis in kind.shape.dim]


class Tensors:
    """Reads the tensors of a model whose side files may lie in `folder`, and counts the bytes taken from these."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.side_bytes = 0
        self._side_files: dict[str, bytes] = {}

    def value(self, entry: Any) -> Value:
        """Return the numbers of the TensorProto `entry`; floats widened to float64."""
        tensor = self.tensor(entry)
        return numbers(tensor.numbers() if tensor.kind in FLOATS and tensor.stored.size else tensor.stored)

    def tensor(self, entry: Any) -> Tensor:
        """Return the TensorProto `entry`, its numbers as they are stored."""
        from onnx import TensorProto

        word = TensorProto.DataType.Name(entry.data_type) if entry.data_type in TensorProto.DataType.values() else ""
        name, shape = str(entry.name), tuple(entry.dims)
        if word not in _KINDS:
            must, got = f"be one of {', '.join(_KINDS)}", word or entry.data_type
            raise UnsupportedError(
                explain(f"tensor {name[:80]!a}", must=must, got=got, do="convert it before exporting")
            )
        if entry.data_location == TensorProto.EXTERNAL:
            return from_bytes(name, _KINDS[word], shape, self._side_bytes(entry))
        if entry.HasField("raw_data"):
            return from_bytes(name, _KINDS[word], shape, entry.raw_data)
        listed = _listed(entry, word)
        if listed.size != count_of(name, shape):
            must, got = f"have {count_of(name, shape)} numbers for shape {shape}", listed.size
            raise FileFormatError(explain(f"tensor {name[:80]!a}", must=must, got=got, do=_ADVICE))
        return Tensor(name=name, kind=_KINDS[word], stored=listed.reshape(shape))

    def _side_bytes(self, entry: Any) -> memoryview:
        said = {str(item.key): str(item.value) for item in entry.external_data}
        content = memoryview(self._side_file(said.get("location", "")))
        try:
            start = int(said.get("offset", "0")[:20])
            length = int(said["length"][:20]) if "length" in said else len(content) - start
        except ValueError:
            start, length = -1, 0
        if not 0 <= start <= start + length <= len(content):
            must, got = f"lie in its side file of {len(content)} bytes", f"{start} + {length}"
            raise FileFormatError(explain(label(str(entry.name)), must=must, got=got, do=_ADVICE))
        return content[start : start + length]

    def _side_file(self, location: str) -> bytes:
        """Return the content of a side file: a plain file beside the model, reached by no link."""
        name = location.removeprefix("./")
        place = self.folder / name if _SIDE_FILE.fullmatch(name) and name not in (".", "..") else None
        if place is None or place.is_symlink():
            must, do = "be a file beside the model, not reached by a link", "put it there and export with its bare name"
            raise FileFormatError(explain("side file", must=must, got=ascii(location[:120]), do=do))
        if name not in self._side_files:
            self._side_files[name] = read_model(place)
            self.side_bytes += len(self._side_files[name])
        return self._side_files[name]


def _listed(entry: Any, word: str) -> Array:
    """Return numbers that are listed one by one: 16-bit floats as the bits in a list of integers."""
    lists = {"FLOAT": entry.float_data, "DOUBLE": entry.double_data, "INT64": entry.int64_data}
    lists |= dict.fromkeys(("UINT32", "UINT64"), entry.uint64_data)
    if word in ("FLOAT", "DOUBLE"):
        return np.array(lists[word], dtype=DTYPES[_KINDS[word]])
    listed = np.array(lists.get(word, entry.int32_data), dtype=np.uint64 if word in ("UINT32", "UINT64") else np.int64)
    result: Array = listed.astype(np.uint16 if word in ("FLOAT16", "BFLOAT16") else DTYPES[_KINDS[word]])
    if (result != listed).any():
        got = f"{listed[result != listed][0]} of {word}"
        raise FileFormatError(explain(label(str(entry.name)), must="fit its kind of number", got=got, do=_ADVICE))
    return result.view(np.float16) if word == "FLOAT16" else result


def _node(entry: Any, number: int, tensors: Tensors) -> Node:
    texts = (
        entry.op_type,
        entry.domain,
        entry.name,
        *entry.input,
        *entry.output,
        *(each.name for each in entry.attribute),
    )
    if not all(isinstance(each, str) for each in texts):  # protobuf hands out bytes where they are no UTF-8
        raise FileFormatError(explain(f"node {number}", must="have names in UTF-8", got="bytes", do=_ADVICE))
    operation = entry.op_type if entry.domain in ("", "ai.onnx") else f"{entry.domain}.{entry.op_type}"
    attributes = {attribute.name: _attribute(attribute, tensors) for attribute in entry.attribute}
    wrong = [name for name, kind in KINDS.items() if name in attributes and not _is(attributes[name], kind)]
    if wrong:
        what, must = f"{wrong[0]} of node {number}", "be of the kind that the standard says"
        got = type(attributes[wrong[0]]).__name__
        raise FileFormatError(explain(what, must=must, got=got, do=_ADVICE))
    name = entry.name or f"{operation}_{number}"
    return Node(
        operation=operation, name=name, inputs=tuple(entry.input), outputs=tuple(entry.output), attributes=attributes
    )


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    """Whether `value` is of a `kind`, or a list of that kind in a tuple."""
    if isinstance(kind, tuple):
        return isinstance(value, list) and all(isinstance(each, kind[0]) for each in value)
    return isinstance(value, kind)


def _attribute(entry: Any, tensors: Tensors) -> object:
    """Return the value of an attribute: number, text, list of these, or array; None for a graph or the like."""
    from onnx import AttributeProto

    match entry.type:
        case AttributeProto.FLOAT:
            return entry.f
        case AttributeProto.INT:
            return entry.i
        case AttributeProto.STRING:
            return entry.s
        case AttributeProto.FLOATS:
            return list(entry.floats)
        case AttributeProto.INTS:
            return list(entry.ints)
        case AttributeProto.STRINGS:
            return list(entry.strings)
        case AttributeProto.TENSOR:
            return tensors.value(entry.t).array
        case _:
            return None
