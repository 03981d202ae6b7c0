"""Return a network as a `networkx.MultiDiGraph`: nodes are unknowns, edges say which acts on which."""

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, indices
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidTypeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.export.epanet import EpanetTubes
from lstm_analog.export.graph_elements import CONDUCTANCE, FLOW, GraphEdges, GraphLaw, Setting
from lstm_analog.export.graph_parts import settings, wires
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind, rows, sets
from lstm_analog.network.parts import ALWAYS, DATUM, Cells, Conductors, Crossbars, OpAmps, Part, line_of
from lstm_analog.network.roles import internal_states, is_tank_line

if TYPE_CHECKING:
    import networkx as nx

MOST_EDGES = 50_000
"""The largest number of edges; larger: networkx needs about a kilobyte for each."""


@checked
def graph(
    network: Network, *, around: Indices | None = None, tubes: EpanetTubes | None = None
) -> "nx.MultiDiGraph[str]":
    """Return `network` as a graph; with `around`, only the edges that act on those unknowns, and their ends.

    Nodes and edges, with the formulas of the `law_table`, define all equations: see `graph_elements.GRAMMAR`.
    Attributes of the graph are the `domain` and the units of effort and flow.

    A node has a name, `kind` (its setter), `label` (its group), `part` (the bank that sets it) and `scale` (the effort
    of one unit of signal). A source has the `effort` that it has if none is imposed, a storage `capacitance` and its
    `unit`; a follower or an internal state its `law`, the parameters of that law and, by name, its terminals.

    An edge has `kind` (the part), `label` (its bank), `role`, the number that the role names and its `unit`; `clock`,
    its clock line, if it has one. Edges that carry flow stand for one element each and have its `law`, with parameters
    and terminals: a conductor has the role `conductance` from a to b, a pair the role `flow` from the datum to the node
    that it feeds, and so have the stops of a tank; a `transconductance` feeds its head and loads nothing. Infinite
    limits are left out, and the law is the one without them. Edges of all other roles carry signals, no flow: `pilot`
    and `control` edges lead to the chambers that the part feeds, and their `value` is the opening by one unit of effort
    at the tail; `tier` is that of a stack of pairs.

    With `tubes` the graph has the properties of the liquid, nodes the pressure of the `datum` (Pa), and tubes `bore`
    and `length` (m); a tank line those of each of its `count` parallel tubes.

    Raises `UnsupportedError` if there are more than `MOST_EDGES` edges: ask for the surroundings of some unknowns;
    `InvalidShapeError` or `InvalidValueError` if a part has a chip axis, or `around` are no unknowns of the network.
    """
    import networkx as nx

    check_one_chip(network)
    wanted = np.ones(network.unknowns.size, dtype=bool)
    if around is not None:
        wanted[:] = False
        wanted[_places(around, network.unknowns.size)] = True
    edges = [
        (part, wire, np.flatnonzero(_acting(network, wire, wanted))) for part in network.parts for wire in wires(part)
    ]
    total = sum(kept.size for _, _, kept in edges)
    if total > MOST_EDGES:
        do = "ask for the surroundings of one unit"
        raise UnsupportedError(explain("graph", must=f"have at most {MOST_EDGES} edges", got=total, do=do))
    domain, names = network.domain, network.unknowns.names()
    result: nx.MultiDiGraph[str] = nx.MultiDiGraph(
        domain=domain.name, effort_unit=domain.effort_unit, flow_unit=domain.flow_unit
    )
    result.graph |= {} if tubes is None else {"density": tubes.density, "viscosity": tubes.viscosity}
    if around is None:
        result.add_nodes_from(names)
    for part, wire, kept in edges:
        _add_edges(network, names, result, part, wire, kept, tubes)
    _describe_nodes(network, names, result, tubes)
    return result


@checked
def law_table(network: Network) -> dict[str, dict[str, object]]:
    """Return the laws in the graph of `network` by name: for each its `formula` and the `units` of its parameters.

    `graph_elements.GRAMMAR` defines formulas. Raises `UnsupportedError` if a part feeds an internal state of another,
    for the law of a state gives its rate regardless of other flows, and if two laws have one name.
    """
    units = network.domain.units
    return {
        law.name: {"formula": law.formula, "units": {name: units[key] for name, key in law.units}}
        for law in laws_in(network)
    }


def laws_in(network: Network) -> tuple[GraphLaw, ...]:
    """Return the laws in the graph of `network`, sorted by name; raises as `law_table` does."""
    _check_states(network)
    elements: chain[GraphEdges | Setting] = chain.from_iterable(
        (*wires(part), *settings(part)) for part in network.parts
    )
    found: dict[str, GraphLaw] = {}
    for law in (element.law for element in elements if element.law is not None):
        if found.setdefault(law.name, law) != law:
            must, do = "be one in the whole network", "give the two kinds of parts names that differ"
            raise UnsupportedError(explain(f"the law called {law.name}", must=must, got="two that differ", do=do))
    return tuple(found[name] for name in sorted(found))


def _check_states(network: Network) -> None:
    states = internal_states(network)
    for part in network.parts:
        own = sets(part)
        others = np.setdiff1d(states, np.empty(0) if own is None else own[1])
        if others.size and not isinstance(part, Cells) and np.isin(rows(part), others).any():
            must, do = "feed no internal state of another", "put a node between"
            raise UnsupportedError(explain(f"part {part.label} in a graph file", must=must, got="one fed", do=do))


def _places(around: Indices, size: int) -> Indices:
    places = indices(around, "around")
    if places.size and int(places.max()) >= size:
        do = "take them from network.unknowns"
        raise InvalidValueError(explain("around", must=f"be below {size}", got=int(places.max()), do=do))
    return places


@checked
def pipes(network_graph: object) -> "nx.MultiDiGraph[str]":
    """Return the view of `network_graph`, made by `graph`, without the edges that carry signals but no flow.

    Raises `InvalidTypeError` for what is no such graph.
    """
    import networkx as nx

    if not isinstance(network_graph, nx.MultiDiGraph):
        must, do = "be a MultiDiGraph", "give what graph returns"
        raise InvalidTypeError(explain("network_graph", must=must, got=ascii(network_graph)[:80], do=do))

    def carries_flow(tail: str, head: str, key: int) -> bool:
        edge = network_graph.edges[tail, head, key]
        return bool(edge["role"] in (CONDUCTANCE, FLOW) and edge["kind"] != OpAmps.__name__)

    view: nx.MultiDiGraph[str] = nx.subgraph_view(network_graph, filter_edge=carries_flow)
    return view


def _acting(network: Network, wire: GraphEdges, wanted: Flags) -> Flags:
    """Return which edges act on a `wanted` node: a conductance on both ends, a signal on its head.

    A pilot acts only on nodes that a flow can change: junctions and storages.
    """
    moved = np.zeros(network.unknowns.size, dtype=bool)
    kinds = network.kinds()
    moved[np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED]))] = True
    somewhere = (wire.tails != DATUM) | (wire.heads != DATUM)
    ends: Flags = wanted[wire.heads] | wanted[wire.tails] if wire.role == CONDUCTANCE else wanted[wire.heads]
    if wire.role == "pilot":
        ends = ends & moved[wire.heads]
    acting: Flags = ends & somewhere
    return acting


def _add_edges(
    network: Network,
    names: list[str],
    result: "nx.MultiDiGraph[str]",
    part: Part,
    wire: GraphEdges,
    kept: Indices,
    tubes: EpanetTubes | None,
) -> None:
    unit = network.domain.units[wire.quantity]
    shared: dict[str, object] = {"kind": type(part).__name__, "label": part.label, "role": wire.role, "unit": unit}
    shared |= {"tier": wire.tier} if wire.tier else {}
    sizes = {} if wire.role != CONDUCTANCE else _sizes(network, part, wire.values[CONDUCTANCE], tubes)
    columns = _columns(network, names, part, wire, kept, sizes)
    for tail, head, own in zip(wire.tails[kept].tolist(), wire.heads[kept].tolist(), columns, strict=True):
        result.add_edge(names[tail], names[head], **shared, **own)


def _columns(
    network: Network, names: list[str], part: Part, entry: GraphEdges | Setting, kept: Indices, sizes: dict[str, Floats]
) -> list[dict[str, object]]:
    """Return the attributes of each of the `kept` elements of an `entry`: law, clock line, numbers and terminals."""
    shared: dict[str, object] = {} if entry.law is None else {"law": entry.law.name}
    if line_of(part) != ALWAYS:
        shared["clock"] = network.lines[line_of(part)]
    columns = {name: column[kept].tolist() for name, column in (entry.values | sizes).items()}
    columns |= {name: [names[node] for node in nodes[kept]] for name, nodes in entry.terminals.items()}
    return [shared | {name: column[k] for name, column in columns.items()} for k in range(kept.size)]


def _sizes(network: Network, part: Part, conductance: Floats, tubes: EpanetTubes | None) -> dict[str, Floats]:
    """Return bore and length of the tubes of `part`, and the `count` of parallel ones in a tank line."""
    if tubes is None:
        return {}
    if isinstance(part, Conductors | Crossbars):
        bores, lengths = tubes.capillary(conductance)
        return {"bore": bores, "length": lengths}
    if is_tank_line(network, part):
        bores, lengths = tubes.line(conductance / tubes.line_count)
        return {"bore": bores, "length": lengths, "count": np.full(conductance.size, tubes.line_count)}
    return {}


def _describe_nodes(
    network: Network, names: list[str], result: "nx.MultiDiGraph[str]", tubes: EpanetTubes | None
) -> None:
    labels = ["datum", *(group.label for group in network.unknowns.groups for _ in range(group.size))]
    scales = network.unknowns.scales().tolist()
    told: list[dict[str, object]] = [{"kind": "the datum", "part": ""} for _ in names]
    for part in network.parts:
        for setting in settings(part):
            own = _columns(network, names, part, setting, np.arange(setting.nodes.size), {})
            shared = {"kind": setting.kind, "part": part.label}
            for node, data in zip(setting.nodes.tolist(), own, strict=True):
                told[node] = shared | data
    for node, name in enumerate(names):
        if name in result:
            data = told[node] | {"label": labels[node], "scale": scales[node]}
            data |= {"unit": network.domain.capacitance_unit} if "capacitance" in told[node] else {}
            data |= {} if tubes is None else {"datum": float(tubes.datum)}
            result.nodes[name].update(data)
