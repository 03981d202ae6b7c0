"""Sort the elements of a network by the unit of a layer that they belong to, for a deck of subcircuits.

A node belongs to unit k of a layer if its group bears the label of the layer and has a node, or several, for each unit;
an element belongs to the unit of its nodes. Weights lead from unit to unit and belong to none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.export.cards import Cards
from lstm_analog.export.netlist import Netlist
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import DATUM, Crossbars, Junctions, Part, Sources, Transconductors

WEIGHTS = (Crossbars, Transconductors)
"""The banks whose elements lead from unit to unit."""
NOWHERE = -1
"""The unit of an element or a node that belongs to none."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Hierarchy:
    """What a deck of subcircuits is divided by.

    * `units`: the number of units by the label of a layer, which the labels of its groups begin with.
    * `kept`: groups whose nodes are pins, to be seen from outside.
    * `clocks`: banks of sources that are clocks.
    """

    units: Mapping[str, int]
    kept: tuple[str, ...]
    clocks: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that there is a layer, and a unit in each."""
        if not self.units or min(self.units.values()) < 1:
            must, do = "be one at least in each of some layers", "give their number by the label of each layer"
            raise InvalidValueError(explain("units", must=must, got=ascii(dict(self.units))[:80], do=do))


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitCards:
    """The cards of one bank in the units of a layer, alike in each.

    `read` are those of unit 0, (n,) cards, with its nodes, and their `numbers` (n,) in the bank, from which those of
    unit k count k further; `values` (units, n) are the values of all units by name.
    """

    label: str
    read: Cards
    numbers: Indices
    values: Mapping[str, Floats]


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitCircuit:
    """The unit subcircuit of the layer `label`.

    `bodies` are its cards; `inner` are the names of the nodes in it, by unknown of unit 0; `pins` (pins, units) the
    unknowns at its pins. `lines` are the numbers of the clock lines that it needs.
    """

    label: str
    bodies: tuple[UnitCards, ...]
    inner: Mapping[int, str]
    pins: Indices
    lines: tuple[int, ...]


def unit_nodes(network: Network, label: str, units: int) -> tuple[Indices, Indices]:
    """Return the unit of each unknown of `network` in the layer `label` of `units`, and a number alike in all units.

    The unit is `NOWHERE` for other nodes, whose number is their own.
    """
    owner, place = np.full(network.unknowns.size, NOWHERE), np.arange(network.unknowns.size)
    for group in network.unknowns.groups:
        if group.label.startswith(f"{label}_") and group.size % units == 0:
            nodes = network.unknowns[group.label]
            owner[nodes], place[nodes] = np.arange(group.size) % units, nodes - np.arange(group.size) % units
    return owner, place


def owners(read: Cards, owner: Indices) -> Indices:
    """Return the unit of each of the cards `read`, `NOWHERE` if it has nodes of none or of several.

    `owner` is the unit of each unknown.
    """
    units = np.stack([owner[pin] for pin in read.pins])
    highest = units.max(axis=0)
    lowest = np.where(units == NOWHERE, highest, units).min(axis=0)
    return np.where(lowest == highest, highest, NOWHERE)


def _chosen(read: Cards, some: Indices) -> Cards:
    values = {key: np.broadcast_to(value, read.pins[0].shape)[some] for key, value in read.values.items()}
    return replace(read, pins=tuple(pin[some] for pin in read.pins), values=values)


def sorted_banks(made: Netlist, hierarchy: Hierarchy) -> tuple[tuple[UnitCircuit, ...], tuple[tuple[Part, Cards], ...]]:
    """Return the layers of `made` by `hierarchy`, and the banks that are in no unit, with their cards."""
    network = made.network
    owned = {label: unit_nodes(network, label, units) for label, units in hierarchy.units.items()}
    plain = [(part, read) for part, read in made.banks if not isinstance(part, Sources | Junctions)]
    rest: list[tuple[Part, Cards]] = []
    found: dict[str, list[tuple[Part, Cards, Indices]]] = {label: [] for label in owned}
    for part, read in plain:
        if isinstance(part, WEIGHTS):
            rest.append((part, read))
            continue
        free = np.ones(read.pins[0].size, dtype=bool)
        for label, (owner, _) in owned.items():
            unit = np.where(free, owners(read, owner), NOWHERE)
            if (unit != NOWHERE).any():
                found[label].append((part, read, unit))
                free &= unit == NOWHERE
        if free.any() and not free.all():
            raise _uneven(part, "some in none")
        rest += [(part, read)] if free.any() else []
    outside = _outside(network, hierarchy, rest)
    layers = tuple(
        _layer(network, label, hierarchy.units[label], owned[label], found[label], outside) for label in owned
    )
    return layers, tuple(rest)


def _outside(network: Network, hierarchy: Hierarchy, rest: Sequence[tuple[Part, Cards]]) -> Flags:
    """Return whether each unknown is met outside the units, or has to be seen from there."""
    nodes = [pin for _, read in rest for pin in read.pins]
    nodes += [part.nodes for part in network.parts if isinstance(part, Sources)]
    nodes += [network.unknowns[label] for label in hierarchy.kept]
    met: Flags = np.zeros(network.unknowns.size, dtype=bool)
    for each in nodes:
        met[each] = True
    return met


def _layer(
    network: Network,
    label: str,
    units: int,
    owned: tuple[Indices, Indices],
    found: Sequence[tuple[Part, Cards, Indices]],
    outside: Flags,
) -> UnitCircuit:
    owner, place = owned
    if not found:
        must, do = "have elements in its units", "give the label that the groups of a layer begin with"
        raise UnsupportedError(explain(f"layer {ascii(label)[1:-1]}", must=must, got="none", do=do))
    bodies = tuple(_bodies(part, read, unit, units, place) for part, read, unit in found)
    used = np.unique(np.concatenate([pin for body in bodies for pin in body.read.pins]))
    led = used[(owner[used] == NOWHERE) | outside[used]]
    led = led[led != DATUM]
    step = np.where(owner[led] == NOWHERE, 0, 1)
    lines = sorted({body.read.line for body in bodies if body.read.line >= 0})
    names = network.unknowns.names()
    return UnitCircuit(
        label=label,
        bodies=bodies,
        inner={node: inner_name(names[node], units) for node in used[owner[used] != NOWHERE].tolist()},
        pins=led[:, None] + step[:, None] * np.arange(units),
        lines=tuple(lines),
    )


def inner_name(name: str, units: int) -> str:
    """Return the name in a unit of the node called `name` in unit 0 of `units`: without number, or with its row's."""
    label, _, number = name.rpartition("_")
    row = int(number) // units
    return f"{label}_{row}" if row else label


def _bodies(part: Part, read: Cards, unit: Indices, units: int, place: Indices) -> UnitCards:
    """Return the cards `read` of `part` by unit; `UnsupportedError` if the units differ in more than values."""
    numbers = np.flatnonzero(unit != NOWHERE)
    counts = np.bincount(unit[numbers], minlength=units)
    order = numbers[np.argsort(unit[numbers], kind="stable")]
    alike = bool((counts == counts[0]).all())
    if alike:
        rows = order.reshape(units, -1)
        alike = all((place[pin[rows]] == place[pin[rows[0]]]).all() for pin in read.pins)
        alike = alike and bool((rows == rows[0] + np.arange(units)[:, None]).all())
    if not alike:
        raise _uneven(part, "other connections or another order in some")
    values = {key: np.broadcast_to(value, read.pins[0].shape)[rows] for key, value in read.values.items()}
    return UnitCards(label=part.label, read=_chosen(read, rows[0]), numbers=rows[0], values=values)


def _uneven(part: Part, got: str) -> UnsupportedError:
    must, do = "be alike in all units", "write the flat deck"
    return UnsupportedError(explain(f"part {part.label}", must=must, got=got, do=do))
