"""Read ONNX files by the `onnx` package: convert the protobuf to records of nodes and graphs, and run the graph."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import ArrayLike

from lstm_analog.arrays import Array, floats
from lstm_analog.errors import FileFormatError, InvalidValueError, LibraryMissingError, LstmAnalogError, explain
from lstm_analog.model.formats.chains import Objection, Parts, same_models
from lstm_analog.model.formats.onnx_graph import MOST_NODES, numbers
from lstm_analog.model.formats.onnx_inputs import PROBES, OpenInput
from lstm_analog.model.formats.onnx_nodes import Graph, Node, Reference
from lstm_analog.model.formats.onnx_reader import Reader
from lstm_analog.model.formats.onnx_tensors import OnnxTensors
from lstm_analog.model.formats.stacks import Only, Stack, listed
from lstm_analog.model.whole import Model

_ADVICE = "export the model again"
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
            (_operation(str(entry.name), str(entry.domain)), _function(entry, tensors)) for entry in model.functions
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
            raise readers[0].refused(Objection(what="graph", must=must, got=got))
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
        raise FileFormatError(explain("content", must="be ONNX", got=ascii(str(error))[:120], do=_ADVICE)) from error
    if not 0 < len(model.graph.node) <= MOST_NODES:
        must, got = f"be ONNX with a graph of at most {MOST_NODES} nodes", f"{len(model.graph.node)} nodes"
        raise FileFormatError(explain("content", must=must, got=got, do=_ADVICE))
    return model


def _graph(entry: Any, tensors: OnnxTensors) -> Graph:
    """Return the GraphProto `entry` as a record."""
    return Graph(
        nodes=tuple(_node(node, n, tensors) for n, node in enumerate(entry.node)),
        inputs=tuple(str(each.name) for each in entry.input),
        outputs=tuple(str(each.name) for each in entry.output),
        arrays=_unique((str(each.name), tensors.array(each)) for each in entry.initializer),
        presets={},
    )


def _function(entry: Any, tensors: OnnxTensors) -> Graph:
    """Return the FunctionProto `entry` as a record."""
    return Graph(
        nodes=tuple(_node(node, n, tensors) for n, node in enumerate(entry.node)),
        inputs=tuple(map(str, entry.input)),
        outputs=tuple(map(str, entry.output)),
        arrays={},
        presets={str(each.name): _attribute(each, tensors) for each in entry.attribute_proto},
    )


def _unique(entries: Iterable[tuple[str, _Record]]) -> dict[str, _Record]:
    found: dict[str, _Record] = {}
    for name, value in entries:
        if name in found:
            what = "initializers and functions"
            raise FileFormatError(explain(what, must="have names of their own", got=ascii(name[:80]), do=_ADVICE))
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
    if not all(isinstance(each, str) for each in texts):  # protobuf hands out bytes where they are no UTF-8
        raise FileFormatError(explain(f"node {number}", must="have names in UTF-8", got="bytes", do=_ADVICE))
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
