"""The network as a `networkx.MultiDiGraph`: nodes are unknowns, edges say who acts on whom."""

from functools import singledispatch

import networkx as nx
import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedError, UnsupportedPartError, explain
from lstm_analog.export.epanet import Tubes
from lstm_analog.network.chips import check_one_chip
from lstm_analog.network.graph import Network, line_of
from lstm_analog.network.laws import Kind, capacity, sets
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    Junctions,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Transconductors,
)
from lstm_analog.network.roles import is_filling
from lstm_analog.network.schedule import Flags

MOST_EDGES = 50_000
"""More edges than this are refused: networkx needs about a kilobyte for each."""

CONDUCTANCE = "conductance"
"""The role of edges that carry flow."""

Wires = list[tuple[str, Indices, Indices, Floats]]
"""(role, tails, heads, values) of the edges of a bank, arrays of equal length."""


def graph(network: Network, *, around: Indices | None = None, tubes: Tubes | None = None) -> "nx.MultiDiGraph[str]":
    """Return `network` as a graph; with `around`, only the edges that act on those unknowns.

    A node bears its name, `kind` (its setter), `label` (its group), `part` (the bank that sets it), `scale` (the effort
    of one unit of signal), if it is a storage `capacitance` and its `unit`, if it is a tank with stops `stop_low` and
    `stop_high` (effort).

    An edge bears `kind` (the part), `label` (its bank), `role`, the number that the role names and its `unit`; `clock`,
    its clock line, if it has one. A conductor stands as one edge of role `conductance` from a to b. Edges of all other
    roles carry signals, no flow: `pilot` and `control` edges lead to the chambers that the part feeds, and bear a
    `value`. A port's own edge names its `pilots`.

    With `tubes` the graph names the liquid, nodes the pressure of the `datum` (Pa), and tubes bear `bore` and `length`
    (m); a tank line those of its `count` tubes in parallel.

    Raises
    ------
    UnsupportedError
        If there are more than `MOST_EDGES` edges: ask for the surroundings of some unknowns.
    InvalidShapeError
        If a part has a chip axis.
    """
    check_one_chip(network)
    wanted = np.ones(network.unknowns.size, dtype=bool)
    if around is not None:
        wanted[:] = False
        wanted[around] = True
    edges = [
        (part, role, np.flatnonzero(_acting(network, role, tails, heads, wanted)), tails, heads, values)
        for part in network.parts
        for role, tails, heads, values in wires(part)
    ]
    total = sum(kept.size for _, _, kept, *_ in edges)
    if total > MOST_EDGES:
        do = "ask for the surroundings of one unit"
        raise UnsupportedError(explain("graph", must=f"have at most {MOST_EDGES} edges", got=total, do=do))
    result: nx.MultiDiGraph[str] = nx.MultiDiGraph(domain=network.domain.name)
    result.graph |= _liquid(tubes)
    names = network.unknowns.names()
    for part, role, kept, tails, heads, values in edges:
        shared = {"kind": type(part).__name__, "label": part.label, "role": role, "unit": wire_unit(network, role)}
        if line_of(part) != ALWAYS:
            shared["clock"] = network.lines[line_of(part)]
        number_name = role if role == CONDUCTANCE else "value"
        columns = {number_name: values} | _sizes(network, part, role, values, tubes)
        plain = {key: column[kept].tolist() for key, column in columns.items()}
        for number, (tail, head) in enumerate(zip(tails[kept].tolist(), heads[kept].tolist(), strict=True)):
            own = {key: column[number] for key, column in plain.items()}
            if isinstance(part, Ports) and role == CONDUCTANCE:
                own["pilots"] = f"{names[part.p[kept[number]]]} {names[part.n[kept[number]]]}"
            result.add_edge(names[tail], names[head], **shared, **own)
    _describe_nodes(network, names, result, tubes)
    return result


def pipes(network_graph: "nx.MultiDiGraph[str]") -> "nx.MultiDiGraph[str]":
    """Return the view of `network_graph`, made by `graph`, without the edges that carry signals but no flow."""

    def carries_flow(tail: str, head: str, key: int) -> bool:
        edge = network_graph.edges[tail, head, key]
        return bool(edge["role"] == CONDUCTANCE and edge["kind"] != OpAmps.__name__)

    view: nx.MultiDiGraph[str] = nx.subgraph_view(network_graph, filter_edge=carries_flow)
    return view


def _acting(network: Network, role: str, tails: Indices, heads: Indices, wanted: Flags) -> Flags:
    """Return which edges to draw: a conductance acts on both its ends, a signal on what a flow can move."""
    moved = np.zeros(network.unknowns.size, dtype=bool)
    kinds = network.kinds()
    moved[np.concatenate((kinds[Kind.BALANCED], kinds[Kind.STORED]))] = True
    somewhere = (tails != DATUM) | (heads != DATUM)
    ends: Flags = wanted[heads] | wanted[tails] if role == CONDUCTANCE else wanted[heads]
    if role == "pilot":
        ends = ends & moved[heads]
    acting: Flags = ends & somewhere
    return acting


def _liquid(tubes: Tubes | None) -> dict[str, float]:
    return {} if tubes is None else {"density": tubes.density, "viscosity": tubes.viscosity}


def _sizes(network: Network, part: Part, role: str, values: Floats, tubes: Tubes | None) -> dict[str, Floats]:
    if tubes is None or role != CONDUCTANCE:
        return {}
    if isinstance(part, Conductors | Crossbars):
        return {"bore": tubes.bore(values), "length": np.full(values.size, tubes.length)}
    if isinstance(part, Switches | Inertances) and not is_filling(network, part):
        line = {"bore": tubes.line_bore, "length": tubes.line_length, "count": tubes.line_count}
        return {name: np.full(values.size, size) for name, size in line.items()}
    return {}


@singledispatch
def wires(part: Part) -> Wires:
    """Return the edges of the bank `part`."""
    name = type(part).__name__
    do = "register it in export/graphs.py"
    raise UnsupportedPartError(explain(f"part {name}", must="have edges", got="none", do=do))


def wire_unit(network: Network, role: str) -> str:
    """Return the unit of the value on an edge of `role` in `network`."""
    domain = network.domain
    units = {
        CONDUCTANCE: domain.conductance_unit,
        "transconductance": domain.conductance_unit,
        "control": domain.flow_unit,
        "pilot": f"1/{domain.effort_unit}",
    }
    return units.get(role, "1")


@wires.register
def _(part: Sources | Junctions | Storages | Stops) -> Wires:
    return []


@wires.register
def _(part: Followers) -> Wires:
    return [("gain", term.inputs, part.nodes, term.gain) for term in part.terms]


@wires.register
def _(part: Conductors) -> Wires:
    return [(CONDUCTANCE, part.a, part.b, part.conductance)]


@wires.register
def _(part: Switches) -> Wires:
    return [(CONDUCTANCE, part.a, part.b, part.closed)]


@wires.register
def _(part: Transconductors) -> Wires:
    tails = np.tile(part.inputs, part.rows.size)
    return [("transconductance", tails, np.repeat(part.rows, part.inputs.size), part.transconductance.ravel())]


@wires.register
def _(part: Crossbars) -> Wires:
    tails = np.tile(part.inputs, part.plus.size)
    result = []
    for node, conductance, load in (
        (part.plus, part.positive, part.plus_load),
        (part.minus, part.negative, part.minus_load),
    ):
        there = conductance.ravel() > 0
        heads = np.repeat(node, part.inputs.size)
        result.append((CONDUCTANCE, tails[there], heads[there], conductance.ravel()[there]))
        result.append((CONDUCTANCE, node[load > 0], np.zeros_like(node[load > 0]), load[load > 0]))
    return result


@wires.register
def _(part: Pairs) -> Wires:
    pilots = [pilot for factor in part.factors for pilot in (factor.p, factor.n)]
    return [("control", pilot, part.out, part.current) for pilot in pilots]


@wires.register
def _(part: Ports) -> Wires:
    body = (CONDUCTANCE, part.a, part.b, part.conductance)
    return [body, *(("pilot", pilot, end, part.scale) for pilot in (part.p, part.n) for end in (part.a, part.b))]


@wires.register
def _(part: OpAmps) -> Wires:
    gain = part.transconductance / part.conductance
    return [
        ("gain", part.plus, part.state, gain),
        ("gain", part.minus, part.state, -gain),
        (CONDUCTANCE, part.state, part.out, part.output_conductance),
    ]


@wires.register
def _(part: Cells) -> Wires:
    circuit = part.circuit
    places = [circuit.terminals.index(name) for name in circuit.outputs]
    heads = part.pins[places]
    tails = np.delete(part.pins, places, axis=0)
    return [("terminal", tail, head, np.ones(tail.size)) for tail in tails for head in heads]


@wires.register
def _(part: Inertances) -> Wires:
    one = np.ones(part.a.size)
    ends = [("gain", part.a, part.state, one), ("gain", part.b, part.state, -one)]
    return [(CONDUCTANCE, part.a, part.b, part.closed), *ends]


@wires.register
def _(part: Spools) -> Wires:
    one = np.ones(part.p.size)
    pilots = [("gain", part.p, part.speed, one), ("gain", part.n, part.speed, -one)]
    return [*pilots, ("gain", part.speed, part.position, one)]


def _describe_nodes(network: Network, names: list[str], result: "nx.MultiDiGraph[str]", tubes: Tubes | None) -> None:
    number = {name: node for node, name in enumerate(names)}
    kind = np.full(network.unknowns.size, "the datum", dtype=object)
    bank = np.full(network.unknowns.size, "", dtype=object)
    for part in network.parts:
        setting = sets(part)
        if setting is not None:
            kind[setting[1]], bank[setting[1]] = setting[0].value, part.label
    stored = {int(node): value for part in network.parts for node, value in zip(*capacity(part), strict=True)}
    stops = {
        int(node): {"stop_low": float(low), "stop_high": float(high)}
        for part in network.parts
        if isinstance(part, Stops)
        for node, low, high in zip(part.nodes, part.low, part.high, strict=True)
    }
    labels = ["datum", *(group.label for group in network.unknowns.groups for _ in range(group.size))]
    scales = network.unknowns.scales().tolist()
    for name, data in result.nodes(data=True):
        node = number[name]
        data |= {"kind": str(kind[node]), "label": labels[node], "part": str(bank[node]), "scale": scales[node]}
        if node in stored:
            data |= {"capacitance": float(stored[node]), "unit": network.domain.capacitance_unit}
        data |= {side: value for side, value in stops.get(node, {}).items() if np.isfinite(value)}
        if tubes is not None:
            data["datum"] = float(tubes.datum)
