"""Read ONNX files by the `onnx` package: convert the protobuf to records of nodes and graphs, and run the graph.

Tensors are read from the file, or from side files in its folder.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.arrays import Array, floats
from lstm_analog.errors import (
    InvalidValueError,
    LibraryMissingError,
    LstmAnalogError,
    explain,
)
from lstm_analog.model.formats.chains import Parts, same_models
from lstm_analog.model.formats.content import read_model
from lstm_analog.model.formats.onnx_graph import MOST_NODES, numbers
from lstm_analog.model.formats.onnx_inputs import PROBES, OpenInput
from lstm_analog.model.formats.onnx_nodes import Graph, Node, Reference
from lstm_analog.model.formats.onnx_reader import Reader
from lstm_analog.model.formats.refusals import format_error, listed, unsupported
from lstm_analog.model.formats.stacks import Only, Stack
from lstm_analog.model.formats.tensor import BFLOAT16, DTYPES, FLOATS, LONGEST_NAME, Tensor, count_of, from_bytes, label
from lstm_analog.model.whole import Model

_ADVICE = "export the model again"
_SIDE_FILE = re.compile(r"[^/\\:\x00]{1,200}")
_KINDS = {"FLOAT": "float32", "DOUBLE": "float64", "FLOAT16": "float16", "BFLOAT16": BFLOAT16, "BOOL": "bool"} | {
    f"{sign}INT{bits}": f"{sign}INT{bits}".lower() for sign in ("", "U") for bits in (8, 16, 32, 64)
}


class OnnxTensors:
    """Reads the tensors of a model whose side files are in `folder`, and counts the bytes read from these."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.side_bytes = 0
        self._side_files: dict[str, bytes] = {}

    def array(self, entry: Any) -> Array:
        """Return the numbers of the TensorProto `entry`, floats as float64."""
        tensor = self.tensor(entry)
        return tensor.numbers() if tensor.kind in FLOATS and tensor.stored.size else tensor.stored

    def tensor(self, entry: Any) -> Tensor:
        """Return the TensorProto `entry` as a tensor, with its numbers as stored."""
        from onnx import TensorProto

        word = TensorProto.DataType.Name(entry.data_type) if entry.data_type in TensorProto.DataType.values() else ""
        name, shape = str(entry.name), tuple(entry.dims)
        if word not in _KINDS:
            must, got = f"be one of {', '.join(_KINDS)}", word or entry.data_type
            raise unsupported(label(name), must, got, "convert it before exporting")
        if entry.data_location == TensorProto.EXTERNAL:
            return from_bytes(name, _KINDS[word], shape, self._side_bytes(entry))
        if entry.HasField("raw_data"):
            return from_bytes(name, _KINDS[word], shape, entry.raw_data)
        listed = _listed(entry, word)
        if listed.size != count_of(name, shape):
            must = f"have {count_of(name, shape)} numbers for shape {shape}"
            raise format_error(label(name), must, listed.size, _ADVICE)
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
            raise format_error(label(str(entry.name)), must, got, _ADVICE)
        return content[start : start + length]

    def _side_file(self, location: str) -> bytes:
        """Return the content of a side file, which must be a plain file in the folder of the model, not a link."""
        name = location.removeprefix("./")
        place = self.folder / name if _SIDE_FILE.fullmatch(name) and name not in (".", "..") else None
        if place is None or place.is_symlink():
            must, do = "be a file beside the model, not reached by a link", "put it there and export with its bare name"
            raise format_error("side file", must, ascii(location[:120]), do)
        if name not in self._side_files:
            self._side_files[name] = read_model(place)
            self.side_bytes += len(self._side_files[name])
        return self._side_files[name]


def _listed(entry: Any, word: str) -> Array:
    """Return numbers that are listed one by one; 16-bit floats are listed as integers with their bits."""
    lists = {"FLOAT": entry.float_data, "DOUBLE": entry.double_data, "INT64": entry.int64_data}
    lists |= dict.fromkeys(("UINT32", "UINT64"), entry.uint64_data)
    if word in ("FLOAT", "DOUBLE"):
        return np.array(lists[word], dtype=DTYPES[_KINDS[word]])
    listed = np.array(lists.get(word, entry.int32_data), dtype=np.uint64 if word in ("UINT32", "UINT64") else np.int64)
    result: Array = listed.astype(np.uint16 if word in ("FLOAT16", "BFLOAT16") else DTYPES[_KINDS[word]])
    if (result != listed).any():
        got = f"{listed[result != listed][0]} of {word}"
        raise format_error(label(str(entry.name)), "fit its kind of number", got, _ADVICE)
    return result.view(np.float16) if word == "FLOAT16" else result


_Record = TypeVar("_Record", Array, Graph)
_WHOLE_NUMBERS = frozenset(["UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "UINT32", "UINT64", "BOOL"])


class OnnxFile:
    """The ONNX file `content`, read from `path`, with the values `weights` of inputs of its graph, by their names.

    Raises `FileFormatError` or `UnsupportedError` if it is damaged, or has unsupported nodes, which are named,
    `InvalidValueError` if a name in `weights` is no input of the graph, `LibraryMissingError` if the `onnx` package is
    missing.
    """

    def __init__(self, content: bytes, path: Path, weights: Mapping[str, ArrayLike]) -> None:
        model = _parsed(content)
        tensors = OnnxTensors(path.parent)
        self.graph = _graph(model.graph, tensors)
        self.functions = _unique(
            (_operation(str(entry.name), str(entry.domain)), _graph(entry, tensors)) for entry in model.functions
        )
        given = {name: floats(array, f"weights[{ascii(name)[:80]}]") for name, array in weights.items()}
        strange = sorted(set(given) - set(self.graph.inputs))
        if strange:
            do = f"choose of {listed(self.graph.inputs)}"
            raise InvalidValueError(explain("weights", must="name inputs of the graph", got=listed(strange), do=do))
        self.held = {name: numbers(array) for name, array in {**self.graph.arrays, **given}.items()}
        self.inputs = [_input(entry) for entry in model.graph.input if entry.name not in self.held]
        self.size = len(content) + tensors.side_bytes

    def reader(self, probe: tuple[int, ...] = PROBES[0], *, single: bool = False, whole: bool = False) -> Reader:
        """Return a reader that has run the graph, repeated for each open axis whose size follows from weights.

        `probe`, `single` and `whole` are as in `Reader`.
        """
        sizes: dict[tuple[str, int], int] = {}
        while True:
            reader = Reader(self.size, sizes, probe, single=single, whole=whole)
            reader.run(self.graph, self.functions, self.inputs, self.held)
            if not reader.opens.wanted:
                return reader
            sizes = sizes | reader.opens.wanted

    def stack(self, only: Only) -> Stack:
        """Return the graph, or the nodes that `only` names in order, as a stack with a linear head or none.

        Raises `UnsupportedError` for other steps, with their names.
        """
        if only is not None:
            return self.reader().stack(only)
        reader, parts = self._parts(None, whole=False)
        way = "load_model(path), which keeps the rest as numbers, or "
        return reader.linear(parts, way)

    def model(self, name: str, output: str | None) -> Model:
        """Return the model of the graph's `output`, the only one if None; `name` is the name of its LSTM."""
        return self._parts(output, whole=True)[1].model(name)

    def _parts(self, output: str | None, *, whole: bool) -> tuple[Reader, Parts]:
        """Return the parts of the model, with inputs of two axes read as vectors or as single numbers for each step."""
        try:
            return self._parts_if(output, whole=whole, single=True)
        except LstmAnalogError as refusal:
            if not any(entry.axes is not None and len(entry.axes) == 2 and not entry.whole for entry in self.inputs):
                raise
            try:
                return self._parts_if(output, whole=whole, single=False)
            except LstmAnalogError:
                raise refusal from None

    def _parts_if(self, output: str | None, *, whole: bool, single: bool) -> tuple[Reader, Parts]:
        """Return the parts of the model; raise if they depend on the number or length of sequences."""
        readers = [self.reader(probe, single=single, whole=whole) for probe in PROBES]
        first, second = (reader.parts(output) for reader in readers)
        if not same_models(first.model("first"), second.model("first")):
            must, got = "compute the same of sequences of any number and length", "numbers that follow from these"
            raise readers[0].refused("graph", must, got)
        return readers[0], first


def _parsed(content: bytes) -> Any:
    """Return the ModelProto in `content`."""
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
        raise format_error("content", "be ONNX", ascii(str(error))[:120], _ADVICE) from error
    if not 0 < len(model.graph.node) <= MOST_NODES:
        must, got = f"be ONNX with a graph of at most {MOST_NODES} nodes", f"{len(model.graph.node)} nodes"
        raise format_error("content", must, got, _ADVICE)
    return model


def _graph(entry: Any, tensors: OnnxTensors) -> Graph:
    """Return a GraphProto `entry`, or a FunctionProto, whose inputs and outputs are bare names, as a record."""
    return Graph(
        nodes=tuple(_node(node, n, tensors) for n, node in enumerate(entry.node)),
        inputs=tuple(str(getattr(each, "name", each)) for each in entry.input),
        outputs=tuple(str(getattr(each, "name", each)) for each in entry.output),
        arrays=_unique((str(each.name), tensors.array(each)) for each in getattr(entry, "initializer", ())),
        presets={str(each.name): _attribute(each, tensors) for each in getattr(entry, "attribute_proto", ())},
    )


def _unique(entries: Iterable[tuple[str, _Record]]) -> dict[str, _Record]:
    found: dict[str, _Record] = {}
    for name, value in entries:
        if name in found:
            raise format_error("initializers and functions", "have names of their own", ascii(name[:80]), _ADVICE)
        found[name] = value
    return found


def _input(entry: Any) -> OpenInput:
    """Return the record of a graph's input, with the size or name of each axis, or None if its rank is open."""
    from onnx import TensorProto

    kind = entry.type.tensor_type
    word = TensorProto.DataType.Name(kind.elem_type) if kind.elem_type in TensorProto.DataType.values() else ""
    axes = tuple(axis.dim_value if axis.dim_value > 0 else str(axis.dim_param) for axis in kind.shape.dim)
    return OpenInput(name=str(entry.name), axes=axes if kind.HasField("shape") else None, whole=word in _WHOLE_NUMBERS)


def _operation(word: str, domain: str) -> str:
    """Return the name of an operation, with its `domain` in front unless that is ONNX's own."""
    return word if domain in ("", "ai.onnx") else f"{domain}.{word}"


def _node(entry: Any, number: int, tensors: OnnxTensors) -> Node:
    words = (entry.op_type, entry.domain, entry.name, *entry.input, *entry.output)
    texts = (*words, *(each.name for each in entry.attribute))
    if not all(isinstance(each, str) and len(each) <= LONGEST_NAME for each in texts):
        must = f"have names in UTF-8 of at most {LONGEST_NAME} letters"  # others are bytes in protobuf
        raise format_error(f"node {number}", must, "others", _ADVICE)
    operation = _operation(entry.op_type, entry.domain)
    return Node(
        operation=operation,
        name=entry.name or f"{operation}_{number}",
        inputs=tuple(entry.input),
        outputs=tuple(entry.output),
        attributes={attribute.name: _attribute(attribute, tensors) for attribute in entry.attribute},
    )


def _attribute(entry: Any, tensors: OnnxTensors) -> object:
    """Return the value of an attribute: number, text, list of these, array or graph; None for other kinds."""
    from onnx import AttributeProto, helper

    if entry.ref_attr_name:
        return Reference(name=str(entry.ref_attr_name))
    if entry.type == AttributeProto.TENSOR:
        return tensors.array(entry.t)
    if entry.type == AttributeProto.GRAPH:
        return _graph(entry.g, tensors)
    known = ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS")
    plain = entry.type in map(AttributeProto.AttributeType.Value, known)
    return helper.get_attribute_value(entry) if plain else None
