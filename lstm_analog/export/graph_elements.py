"""The elements of a graph: edges of a bank of parts, and what it says of the nodes that it sets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from lstm_analog.arrays import Floats, Indices
from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.export.graph_laws import Bounds, Law
from lstm_analog.network.parts import Part, parameters_of

CONDUCTANCE = "conductance"
"""The role of edges that carry flow between their ends."""
FLOW = "flow"
"""The role of edges that carry flow from or to the datum, whose own end they leave alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Wires:
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
    law : Law or None
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
    law: Law | None = None
    terminals: dict[str, Indices] = field(default_factory=dict)
    tier: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What a bank says of `nodes` (k,) that it sets: their `kind`, and `law`, `values`, `terminals` as in `Wires`."""

    nodes: Indices
    kind: str
    law: Law | None = None
    values: dict[str, Floats] = field(default_factory=dict)
    terminals: dict[str, Indices] = field(default_factory=dict)


@singledispatch
def wires(part: Part) -> tuple[Wires, ...]:
    """Return the edges of the bank `part`."""
    name = type(part).__name__
    do = "register it in export/graph_parts.py"
    raise UnsupportedPartError(explain(f"part {name}", must="have edges", got="none", do=do))


@singledispatch
def settings(part: Part) -> tuple[Setting, ...]:
    """Return what the bank `part` says of the nodes that it sets; nothing, if it sets none."""
    return ()


def variants(given: Mapping[str, NDArray[np.bool_]]) -> Iterator[tuple[Bounds, Indices]]:
    """Yield each combination of the parameters that are `given`, by masks (m,), with the elements that have it."""
    names, masks = list(given), np.stack(list(given.values()))
    for mask in np.unique(masks, axis=1).T:
        bounds = frozenset(name for name, on in zip(names, mask, strict=True) if on)
        yield bounds, np.flatnonzero((masks == mask[:, None]).all(axis=0))


def parameters(part: Part, law: Law, some: Indices) -> dict[str, Floats]:
    """Return the parameters in `law`, which it names as `part` does, of the elements `some`."""
    values = parameters_of(part)
    return {name: values[name][some] for name, _ in law.units}


def signal(role: str, tails: Indices, heads: Indices, values: Floats, quantity: str = "1", tier: int = 0) -> Wires:
    """Return edges of `role` from `tails` to `heads` (k,) that carry no flow, but `values` (k,) of the `quantity`.

    `tier` is as in `Wires`.
    """
    return Wires(role=role, tails=tails, heads=heads, quantity=quantity, values={"value": values}, tier=tier)


def passage(law: Law, tails: Indices, heads: Indices, values: dict[str, Floats]) -> Wires:
    """Return edges that carry flow from `tails` to `heads` (k,), by `law` with the `values`, conductance first."""
    return Wires(role=CONDUCTANCE, tails=tails, heads=heads, quantity=CONDUCTANCE, values=values, law=law)
