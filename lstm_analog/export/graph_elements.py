"""The elements of a graph: edges of a bank of parts, and what it says of the nodes that it sets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from lstm_analog.arrays import Floats, Indices
from lstm_analog.export.graph_laws import Bounds, GraphLaw, formula
from lstm_analog.expressions import Expression
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import DATUM, Part, base, law, parameters_of, terminals_of

CONDUCTANCE = "conductance"
"""The role of edges that carry flow between their ends."""
STATE = "an internal state"
"""What a node is that has a rate and stores no flow: it is only counted in efforts."""
FLOW = "flow"
"""The role of edges that carry flow from or to the datum, whose own end they leave alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphEdges:
    """Edges of one `role`, (k,), from `tails` to `heads`.

    Attributes
    ----------
    role : str
        What they do.
    tails, heads : int array, (k,)
        Their ends.
    quantity : str
        What the first of the `values` is, a key of `Domain.units`.
    values : mapping of str to float array, (k,)
        Numbers by name, that of the role first.
    law : GraphLaw or None
        The law of the elements whose edges these are; None for edges that only show what acts on what.
    terminals : mapping of str to int array, (k,)
        The further nodes in the law.
    tier : int
        The tier of a stack of pairs that they control, from 1; else 0.
    """

    role: str
    tails: Indices
    heads: Indices
    quantity: str
    values: dict[str, Floats]
    law: GraphLaw | None = None
    terminals: dict[str, Indices] = field(default_factory=dict)
    tier: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What a bank says of `nodes` (k,) that it sets: their `kind`; `law`, `values`, `terminals` as in `GraphEdges`."""

    nodes: Indices
    kind: str
    law: GraphLaw | None = None
    values: dict[str, Floats] = field(default_factory=dict)
    terminals: dict[str, Indices] = field(default_factory=dict)


@singledispatch
def wires(part: Part) -> tuple[GraphEdges, ...]:
    """Return the edges of the bank `part`: of one that declares a law, its flows.

    Raises `UnsupportedPartError` for a part that neither declares a law nor is registered in export/graph_parts.py.
    """
    own, nodes = law(part), terminals_of(part)
    made = [_flow(part, own, value, "through", ends) for ends, value in own.through.items()]
    feeding = {end: value for end, value in own.into.items() if end not in own.stored}
    datum = np.full(nodes[own.terminals[0]].size, DATUM)
    return (*made, *(_flow(part, own, value, "into", ("", end), datum) for end, value in feeding.items()))


def _flow(
    part: Part, own: base.Law, value: Expression, gives: str, ends: tuple[str, str], tails: Indices | None = None
) -> GraphEdges:
    """Return the edges along which a flow of `part` passes, from its terminal or from `tails` to its second one."""
    nodes, named = terminals_of(part), {end: name for end, name in zip(ends, "ab", strict=True) if end}
    told = formula(type(part).__name__.lower(), own, value, gives, given=own.neutral, efforts=named, parameters={})
    values = parameters(part, told, np.arange(nodes[ends[1]].size))
    return GraphEdges(
        role=FLOW,
        tails=nodes[ends[0]] if tails is None else tails,
        heads=nodes[ends[1]],
        quantity=told.units[0][1] if told.units else "1",
        values=values or {"value": np.ones(nodes[ends[1]].size)},
        law=told,
        terminals={end: at for end, at in nodes.items() if end not in ends},
    )


@singledispatch
def settings(part: Part) -> tuple[Setting, ...]:
    """Return what the bank `part` says of the nodes that it sets, by the law that it declares: efforts or rates."""
    own = law(part)
    set_ = {end: (Kind.FOLLOWED.value, "effort", value) for end, value in own.sets.items()}
    states = {end: (STATE, "rate", own.into[end] / stored) for end, stored in own.stored.items()}
    return tuple(_setting(part, own, end, *told) for end, told in (set_ | states).items())


def _setting(part: Part, own: base.Law, end: str, kind: str, gives: str, value: Expression) -> Setting:
    nodes, name = terminals_of(part), f"{type(part).__name__.lower()} {end}"
    told = formula(name, own, value, gives, given=own.neutral, efforts={end: "e"}, parameters={})
    values = parameters(part, told, np.arange(nodes[end].size))
    ends = {each: at for each, at in nodes.items() if each != end}
    return Setting(nodes=nodes[end], kind=kind, law=told, values=values, terminals=ends)


def variants(given: Mapping[str, NDArray[np.bool_]]) -> Iterator[tuple[Bounds, Indices]]:
    """Yield each combination of the parameters that are `given`, by masks (m,), with the elements that have it."""
    names, masks = list(given), np.stack(list(given.values()))
    for mask in np.unique(masks, axis=1).T:
        bounds = frozenset(name for name, on in zip(names, mask, strict=True) if on)
        yield bounds, np.flatnonzero((masks == mask[:, None]).all(axis=0))


def parameters(part: Part, law: GraphLaw, some: Indices) -> dict[str, Floats]:
    """Return the parameters in `law`, which it names as `part` does, of the elements `some`."""
    values = parameters_of(part)
    return {name: values[name][some] for name, _ in law.units}


def signal(role: str, tails: Indices, heads: Indices, values: Floats, quantity: str = "1", tier: int = 0) -> GraphEdges:
    """Return edges of `role` from `tails` to `heads` (k,) that carry no flow, but `values` (k,) of the `quantity`.

    `tier` is as in `GraphEdges`.
    """
    return GraphEdges(role=role, tails=tails, heads=heads, quantity=quantity, values={"value": values}, tier=tier)


def passage(law: GraphLaw, tails: Indices, heads: Indices, values: dict[str, Floats]) -> GraphEdges:
    """Return edges that carry flow from `tails` to `heads` (k,), by `law` with the `values`, conductance first."""
    return GraphEdges(role=CONDUCTANCE, tails=tails, heads=heads, quantity=CONDUCTANCE, values=values, law=law)
