"""Write and read networks as JSON and GraphML: a graph for other tools, and in it the network itself, bit by bit.

Nodes and edges contain all numbers in the equations of a network; `graphs.graph` explains their attributes. The graph
has attributes, too: `laws` has the formula of each law and the units of its parameters, `grammar` explains formulas,
and `schedule`, if there is one, says what drives the network (`graph_schedules.plain_schedule`); the attribute `start`
of a node is its effort at time zero. In GraphML, `laws` and `schedule` are JSON texts. A solver needs no more:
`tests/export/file_solver.py` is one.

The attribute `network` holds the network itself, in JSON, with the order of parts and the banks as arrays. Reading
takes the network from there and compares the graph with it: a file in which only one of the two was changed is refused.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from io import BytesIO
from itertools import chain
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

import numpy as np

from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import FileFormatError, UnsupportedError, explain
from lstm_analog.export.epanet import EpanetTubes
from lstm_analog.export.graph_elements import GRAMMAR
from lstm_analog.export.graph_schedules import Driven, driven_by, plain_schedule
from lstm_analog.export.graphs import graph, law_table
from lstm_analog.files import read_bytes, whole_file, write_texts
from lstm_analog.network import cells, domain, fluids, parts, properties, shapes
from lstm_analog.network import graph as network_graph
from lstm_analog.network.graph import Network
from lstm_analog.network.varying import check_steady

if TYPE_CHECKING:
    import networkx as nx

DERIVED = frozenset({"bore", "length", "count", "datum", "density", "viscosity"})
"""Attributes that come from `tubes`; reading ignores them."""

_NETWORK, _SCHEDULE, _START = "network", "schedule", "start"
_SHOWN = ("domain", "effort_unit", "flow_unit", "grammar", "laws")
_TREES = frozenset({_NETWORK, _SCHEDULE, "laws"})
"""Attributes of the graph that are neither number nor text; in GraphML they are JSON texts."""
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, MemoryError)


def _records(*modules: ModuleType) -> Mapping[str, type]:
    named = chain.from_iterable(vars(module).items() for module in modules)
    kinds = ((name, kind) for name, kind in named if isinstance(kind, type) and kind.__name__ == name)
    return MappingProxyType({name: kind for name, kind in kinds if is_dataclass(kind) or issubclass(kind, Enum)})


KINDS = _records(cells, domain, fluids, network_graph, parts, properties, shapes)
"""The kinds of record that a network in a file may contain; reading makes no others."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class GraphFile:
    """The content of a graph file: the `network`, and how it is `driven`, or None if the file does not say."""

    network: Network
    driven: Driven | None


@checked
def write_json(
    path: str | Path, network: Network, *, driven: Driven | None = None, tubes: EpanetTubes | None = None
) -> None:
    """Write `network` to `path` as JSON, in networkx's node-link form.

    With `driven` the file has a schedule and start values; with `tubes` edges have bores and lengths.

    Raises `UnsupportedError` if it has too many edges, a part has a value that JSON cannot hold, or it is `driven`
    while its parameters change from step to step; `NetworkError` or `InvalidShapeError` if the network is not well
    formed or has a chip axis, or `driven` is not for it; `FileAccessError` if the file cannot be written, and
    nothing is left behind then.
    """
    import networkx as nx

    data = nx.node_link_data(_whole(network, driven, tubes), edges="edges")
    write_texts(path, json.JSONEncoder(indent=1, allow_nan=False).iterencode(data))


@checked
def read_json(path: str | Path) -> GraphFile:
    """Return the content of the JSON file at `path`.

    Raises `FileFormatError` if the file is damaged or foreign, or its graph is not that of the network it carries;
    `FileAccessError` if it cannot be read.
    """
    import networkx as nx

    text = read_bytes(path)
    with _reading(path, nx.NetworkXError):
        data = json.loads(text, parse_constant=_refuse_constant)
        found = nx.node_link_graph(data, directed=True, multigraph=True, edges="edges")
        return _content(path, found, len(text))


@checked
def write_graphml(
    path: str | Path, network: Network, *, driven: Driven | None = None, tubes: EpanetTubes | None = None
) -> None:
    """Write `network` to `path` as GraphML; `driven` and `tubes` are as in `write_json`, and so is what it raises."""
    import networkx as nx

    whole = _whole(network, driven, tubes)
    for name in _TREES & whole.graph.keys():
        whole.graph[name] = json.dumps(whole.graph[name], allow_nan=False)
    with whole_file(path) as stream:
        nx.write_graphml_xml(whole, stream)


@checked
def read_graphml(path: str | Path) -> GraphFile:
    """Return the content of the GraphML file at `path`.

    Raises as `read_json` does, and `FileFormatError` if it declares a document type, whose entities can blow up.
    """
    import networkx as nx

    text = read_bytes(path)
    with _reading(path, nx.NetworkXError, expat.ExpatError, ParseError, UserWarning), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of networkx, that it guesses
        _refuse_entities(path, text)
        found = nx.read_graphml(BytesIO(text), force_multigraph=True)
        for name in _TREES & found.graph.keys():
            found.graph[name] = json.loads(found.graph[name], parse_constant=_refuse_constant)
        return _content(path, found, len(text))


@contextmanager
def _reading(path: str | Path, *damage: type[Exception]) -> Iterator[None]:
    """Turn errors in reading the file at `path`, also of types `damage`, into a `FileFormatError` with its name."""
    broken: tuple[type[Exception], ...] = (*_BROKEN, *damage)
    try:
        yield
    except FileFormatError as error:
        if repr(str(path)) in str(error):
            raise
        raise FileFormatError(f"file {str(path)!r}: {error}") from error
    except broken as error:
        raise _foreign(path, error) from error


def _whole(network: Network, driven: Driven | None, tubes: EpanetTubes | None) -> "nx.MultiDiGraph[str]":
    whole = graph(network.verify(), tubes=tubes)
    whole.graph |= _told_by(network)
    if driven is not None:
        check_steady(network)
        driven.fit(network)
        whole.graph[_SCHEDULE] = plain_schedule(network, driven)
        if driven.start is not None:
            for name, start in zip(network.unknowns.names(), driven.start.tolist(), strict=True):
                whole.nodes[name][_START] = start
    whole.graph[_NETWORK] = _encode(network)
    return whole


def _told_by(network: Network) -> dict[str, object]:
    return {"grammar": GRAMMAR, "laws": law_table(network)}


def _encode(value: object) -> Any:
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if is_dataclass(value) and not isinstance(value, type):
        return {
            "record": type(value).__name__,
            **{entry.name: _encode(getattr(value, entry.name)) for entry in fields(value)},
        }
    if isinstance(value, np.ndarray):
        flat = [_plain(item) for item in value.ravel().tolist()]
        return {"array": flat, "shape": list(value.shape), "integers": value.dtype.kind == "i"}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if value is None or isinstance(value, str | bool | int | float):
        return _plain(value)
    got, do = type(value).__name__, "keep records, arrays, tuples, numbers and text"
    raise UnsupportedError(explain("a value of the network", must="be one that JSON holds", got=got, do=do))


def _plain(value: Any) -> Any:
    """Return `value`, an infinity as a mapping, because JSON has no infinity."""
    return {"infinity": value > 0} if isinstance(value, float) and np.isinf(value) else value


def _decode(tree: Any) -> Any:
    if isinstance(tree, list):
        return tuple(_decode(item) for item in tree)
    if not isinstance(tree, dict):
        return tree
    if "infinity" in tree:
        return np.inf if tree["infinity"] else -np.inf
    if "enum" in tree:
        return KINDS[tree["enum"]][tree["name"]]  # type: ignore[index]
    if "array" in tree:
        kind = np.int64 if tree["integers"] else np.float64
        return np.array([_decode(item) for item in tree["array"]], dtype=kind).reshape(tree["shape"])
    kind, content = tree["record"], {name: _decode(value) for name, value in tree.items() if name != "record"}
    if isinstance(kind, str) and kind not in KINDS:
        do = "give a file without parts of your own; networkx reads the graph in any"
        raise FileFormatError(explain("record", must="be one of this package", got=ascii(kind)[:80], do=do))
    return KINDS[kind](**content)


def _content(path: str | Path, found: "nx.Graph[Any]", length: int) -> GraphFile:
    """Return the content of the graph `found` if it agrees with its own network; the file has `length` bytes.

    A network with more unknowns than bytes is refused before anything as large is made.
    """
    network = _decode(found.graph[_NETWORK])
    if not isinstance(network, Network):
        raise _foreign(path, type(network).__name__)
    if network.unknowns.size > length:
        raise _foreign(path, f"{network.unknowns.size} unknowns in {length} bytes")
    expected = graph(network.verify())
    expected.graph |= _told_by(network)
    same_kind = found.is_directed() and found.size() == expected.size() and len(found) == len(expected)
    pairs = zip(_lines(expected), _lines(found), strict=False) if same_kind else iter(())
    different = next((b for a, b in pairs if a != b), None)
    if different is not None or not same_kind:
        got = ascii(different or f"{len(found)} nodes, {found.size()} edges")[:300]
        must, do = "show the network that it carries", "change the network and write it anew"
        raise FileFormatError(explain(f"the graph in {str(path)!r}", must=must, got=got, do=do))
    return GraphFile(network=network, driven=_driven(network, found))


def _driven(network: Network, found: "nx.Graph[Any]") -> Driven | None:
    if _SCHEDULE not in found.graph:
        return None
    starts = dict(found.nodes(data=_START))
    known = None not in starts.values()
    start = np.array([float(starts[name]) for name in network.unknowns.names()]) if known else None
    return driven_by(network, found.graph[_SCHEDULE], start)


def _lines(found: "nx.Graph[Any]") -> list[str]:
    """Return graph, nodes and edges as sorted texts, without attributes from tubes and of the schedule."""
    whole = [repr((name, found.graph.get(name))) for name in _SHOWN]
    nodes = [repr((name, _told(data))) for name, data in found.nodes(data=True)]
    edges = [repr((tail, head, _told(data))) for tail, head, data in found.edges(data=True)]
    return [*whole, *sorted(nodes), *sorted(edges)]


def _told(data: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted((name, value) for name, value in data.items() if name not in {*DERIVED, _START, "id"})


def _refuse_constant(name: str) -> float:
    raise FileFormatError(explain("a number", must="be finite", got=name, do="write infinity as this package does"))


def _refuse_entities(path: str | Path, text: bytes) -> None:
    def refuse(name: str, *_rest: object) -> None:
        must, do = "declare no document type", "remove the DOCTYPE: its entities can blow up"
        raise FileFormatError(explain(f"file {str(path)!r}", must=must, got=ascii(name)[:60], do=do))

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(text, True)


def _foreign(path: str | Path, got: object) -> FileFormatError:
    must, do = "hold a network as this package writes it", "give a file of write_json or write_graphml"
    return FileFormatError(explain(f"file {str(path)!r}", must=must, got=ascii(str(got))[:300], do=do))
