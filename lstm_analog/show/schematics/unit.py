"""Find the elements of a network that belong to one hidden unit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lstm_analog.arrays import Flags, Indices
from lstm_analog.compiler import Compiled, LayerLayout
from lstm_analog.network.bank import Role, element_fields, entries, take_elements
from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Kind
from lstm_analog.network.parts import DATUM, Cells, Crossbars, Junctions, Part, Sources, Transconductors


@dataclass(frozen=True, kw_only=True, eq=False)
class Element:
    """One element of a `bank` of it alone, of a dense bank one row; dense banks and cells are whole.

    `number` says which element of its bank in the network it is, `ends` the unknown at each terminal, of a dense bank
    those of the row.
    """

    bank: Part
    number: int
    ends: Mapping[str, int]

    @property
    def name(self) -> str:
        """The label of the bank and the number in brackets."""
        return f"{self.bank.label}[{self.number}]"


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitParts:
    """The elements of one unit, and its `nodes` (k,); other ends of elements are shared with other units, or sources.

    Junctions are nodes and no elements.
    """

    network: Network
    elements: tuple[Element, ...]
    nodes: Indices


def unit_parts(compiled: Compiled, place: LayerLayout, unit: int) -> UnitParts:
    """Return the elements of `unit` of the chain at `place` in the network of `compiled`.

    They are all that hangs together with z, c and h of the unit without a way through the datum, through a source,
    through a rail that several units share or along the rows of a dense bank.
    """
    network = compiled.network
    own = _connected(network, _seeds(network, place, unit))
    elements = tuple(element for part in network.parts for element in _elements(part, own, network))
    return UnitParts(network=network, elements=elements, nodes=np.flatnonzero(own))


def ends_of(part: Part) -> dict[str, Indices]:
    """Return the unknowns (m,) at each terminal of the elements of `part`; of a dense bank, those of its rows."""
    if isinstance(part, Cells):
        return dict(zip(part.circuit.terminals, part.pins, strict=True))
    if isinstance(part, Transconductors):
        return {"rows": part.rows}
    if isinstance(part, Crossbars):
        return {"plus": part.plus, "minus": part.minus}
    found = {name: getattr(part, name) for name, role in element_fields(part) if role is Role.NODES}
    for _, inner in entries(part):
        for number, each in enumerate(inner, start=1):
            nodes = [name for name, role in element_fields(each) if role is Role.NODES]
            found |= {f"{name}{number}": getattr(each, name) for name in nodes}
    return found


def _seeds(network: Network, place: LayerLayout, unit: int) -> Indices:
    spots = (*place.z, place.h, *(() if place.c is None else (place.c,)))
    labels = dict.fromkeys(group for spot in spots for group in spot.groups)
    banks = [network.unknowns[label] for label in labels]
    return np.array([nodes[unit] for nodes in banks if unit < nodes.size])


def _shared(network: Network) -> Flags:
    """Return which unknowns (unknowns,) are the datum, a source, or one terminal of several elements of a bank."""
    shared = np.zeros(network.unknowns.size, dtype=bool)
    shared[DATUM] = True
    shared[network.kinds()[Kind.IMPOSED]] = True
    for part in network.parts:
        for nodes in ends_of(part).values():
            shared |= np.bincount(nodes, minlength=shared.size) > 1
    return shared


def _connected(network: Network, seeds: Indices) -> Flags:
    """Return which unknowns (unknowns,) hang together with one of the `seeds` (k,)."""
    shared, size = _shared(network), network.unknowns.size
    pairs = [np.empty((2, 0), np.int64)]
    for part in network.parts:
        first, *others = [np.where(shared[nodes], DATUM, nodes) for nodes in ends_of(part).values()]
        # Ends that are shared are left out one by one: each end is joined to the next one of the element that is not.
        for nodes in () if isinstance(part, Crossbars | Transconductors) else others:
            pairs.append(np.stack((first, nodes)))
            first = np.where(nodes == DATUM, first, nodes)
    rows, columns = np.concatenate(pairs, axis=1)
    kept = (rows != DATUM) & (columns != DATUM)
    edges = coo_array((np.ones(int(kept.sum())), (rows[kept], columns[kept])), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    own: Flags = np.isin(component, component[seeds]) & ~shared
    return own


def _elements(part: Part, own: Flags, network: Network) -> Iterator[Element]:
    """Yield the elements of `part` with an end among `own` nodes; sources of the unit alone, too."""
    if isinstance(part, Junctions):
        return
    ends = ends_of(part)
    near = own if not isinstance(part, Sources) else _fed_alone(network, own)
    for number in np.flatnonzero(np.any([near[nodes] for nodes in ends.values()], axis=0)):
        whole = isinstance(part, Cells | Crossbars | Transconductors)
        bank = part if whole else take_elements(part, np.array([number]))
        yield Element(bank=bank, number=int(number), ends={name: int(nodes[number]) for name, nodes in ends.items()})


def _fed_alone(network: Network, own: Flags) -> Flags:
    """Return which unknowns (unknowns,) are ends of elements that have all their other ends among `own` nodes.

    A source there feeds this unit alone: it is the start value of a memory.
    """
    used, others = np.zeros(own.size, dtype=bool), np.zeros(own.size, dtype=bool)
    for part in network.parts:
        if isinstance(part, Sources | Junctions):
            continue
        ends = np.stack(list(ends_of(part).values()))
        mine = own[ends].any(axis=0)
        np.logical_or.at(used, ends[:, mine].ravel(), True)
        np.logical_or.at(others, ends[:, ~mine].ravel(), True)
        if isinstance(part, Crossbars | Transconductors):
            others[part.inputs] = True
    return used & ~others
