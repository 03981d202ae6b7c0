"""The network as a `networkx.MultiDiGraph`: nodes are unknowns, edges say who acts on whom."""

from functools import singledispatch

import networkx as nx
import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedError, UnsupportedPartError, explain
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import capacity
from lstm_analog.network.parts import (
    DATUM,
    Conductors,
    Crossbars,
    Followers,
    Junctions,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Sources,
    Storages,
    Switches,
    Transconductors,
)
from lstm_analog.network.schedule import Flags

MOST_EDGES = 50_000
"""More edges than this are refused: networkx needs about a kilobyte for each."""

Wires = list[tuple[str, Indices, Indices, Floats]]
"""(role, tails, heads, values) of the edges of a bank, arrays of equal length."""


def graph(network: Network, *, around: Indices | None = None) -> "nx.MultiDiGraph[str]":
    """Return `network` as a graph; with `around`, only the edges that act on those unknowns.

    A node bears its name, `kind` (its setter), `label` (its group), `value` and `unit` (a storage's capacity). An edge
    bears `kind` (the part), `label` (its bank), `role`, `value` and `unit`; a conductor stands as one edge from a to b,
    control edges lead from a pilot to the node that the part feeds.

    Raises
    ------
    UnsupportedError
        If there are more than `MOST_EDGES` edges: ask for the surroundings of some unknowns.
    """
    wanted = np.ones(network.unknowns.size, dtype=bool)
    if around is not None:
        wanted[:] = False
        wanted[around] = True
    edges = [
        (part, role, *_inside(role, tails, heads, values, wanted))
        for part in network.parts
        for role, tails, heads, values in wires(part)
    ]
    total = sum(tails.size for _, _, tails, _, _ in edges)
    if total > MOST_EDGES:
        do = "ask for the surroundings of one unit"
        raise UnsupportedError(explain("graph", must=f"have at most {MOST_EDGES} edges", got=total, do=do))
    result: nx.MultiDiGraph[str] = nx.MultiDiGraph(domain=network.domain.name)
    names = network.unknowns.names()
    for part, role, tails, heads, values in edges:
        kind, unit = type(part).__name__, wire_unit(network, role)
        for tail, head, value in zip(tails.tolist(), heads.tolist(), values.tolist(), strict=True):
            result.add_edge(names[tail], names[head], kind=kind, label=part.label, role=role, value=value, unit=unit)
    _describe_nodes(network, names, result)
    return result


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
        "conductance": domain.conductance_unit,
        "transconductance": domain.conductance_unit,
        "control": domain.flow_unit,
        "pilot": f"1/{domain.effort_unit}",
    }
    return units.get(role, "1")


@wires.register
def _(part: Sources | Junctions | Storages) -> Wires:
    return []


@wires.register
def _(part: Followers) -> Wires:
    return [("gain", term.inputs, part.nodes, term.gain) for term in part.terms]


@wires.register
def _(part: Conductors) -> Wires:
    return [("conductance", part.a, part.b, part.conductance)]


@wires.register
def _(part: Switches) -> Wires:
    return [("conductance", part.a, part.b, part.closed)]


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
        result.append(("conductance", tails[there], heads[there], conductance.ravel()[there]))
        result.append(("conductance", node[load > 0], np.zeros_like(node[load > 0]), load[load > 0]))
    return result


@wires.register
def _(part: Pairs) -> Wires:
    pilots = [pilot for factor in part.factors for pilot in (factor.p, factor.n)]
    return [("control", pilot, part.out, part.current) for pilot in pilots]


@wires.register
def _(part: Ports) -> Wires:
    body = ("conductance", part.a, part.b, part.conductance)
    return [body, *(("pilot", pilot, part.a, part.scale) for pilot in (part.p, part.n))]


@wires.register
def _(part: OpAmps) -> Wires:
    gain = part.transconductance / part.conductance
    return [
        ("gain", part.plus, part.state, gain),
        ("gain", part.minus, part.state, -gain),
        ("conductance", part.state, part.out, part.output_conductance),
    ]


def _inside(
    role: str, tails: Indices, heads: Indices, values: Floats, wanted: Flags
) -> tuple[Indices, Indices, Floats]:
    """Return the edges that end in `wanted` unknowns; a conductance acts on both its ends."""
    ends = wanted[heads] | wanted[tails] if role == "conductance" else wanted[heads]
    kept = ends & ~((tails == DATUM) & (heads == DATUM))
    return tails[kept], heads[kept], values[kept]


def _describe_nodes(network: Network, names: list[str], result: "nx.MultiDiGraph[str]") -> None:
    number = {name: node for node, name in enumerate(names)}
    kind = np.full(network.unknowns.size, "the datum", dtype=object)
    for setter, nodes in network.kinds().items():
        kind[nodes] = setter.value
    stored = {int(node): value for part in network.parts for node, value in zip(*capacity(part), strict=True)}
    labels = ["datum", *(group.label for group in network.unknowns.groups for _ in range(group.size))]
    for name, data in result.nodes(data=True):
        node = number[name]
        data |= {"kind": str(kind[node]), "label": labels[node]}
        if node in stored:
            data |= {"value": float(stored[node]), "unit": network.domain.capacitance_unit}
