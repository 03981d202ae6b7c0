"""Group the elements of a unit by the node that they set: each group is drawn as one cell of a schematic."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import singledispatch
from types import MappingProxyType

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.parts import (
    DATUM,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Sources,
    Spools,
    Switches,
    Transconductors,
)
from lstm_analog.network.roles import internal_states
from lstm_analog.show.schematics.unit import Element, UnitParts

Passage = Conductors | Switches | Inertances
_INPUTS: Mapping[type[Part], tuple[str, ...]] = MappingProxyType(
    {
        Ports: ("a", "p", "n"),
        Spools: ("p", "n"),
        OpAmps: ("plus", "minus"),
        **dict.fromkeys((Conductors, Switches, Inertances), ("a",)),
    }
)
"""The ends of elements that are their inputs, by the kind of part."""
_Homes = dict[int, int]
"""For each node of a unit the first one of its cell."""


class Side(Enum):
    """Where an element stands at its node: before it, above it, below it, or over the op-amp that it feeds back."""

    BEFORE = "before"
    ABOVE = "above"
    BELOW = "below"
    BACK = "back"


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed:
    """An `element` on a `side` of its cell.

    `foot` is the source at its far end, if it has one of its own; `signs` are the sides of a row of a crossbar that
    stand here.
    """

    element: Element
    side: Side
    foot: Element | None = None
    signs: tuple[str, ...] = ("positive", "negative")


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeCell:
    """A cell: `nodes` that are set together, and the `placed` elements at them."""

    nodes: tuple[int, ...]
    placed: tuple[Placed, ...]

    def on(self, side: Side) -> list[Placed]:
        """Return the elements on that `side`, valves first: the lower one of a bridge stands under the upper one."""
        found = [each for each in self.placed if each.side is side]
        return sorted(found, key=lambda each: not isinstance(each.element.bank, Ports))

    @property
    def inputs(self) -> tuple[int, ...]:
        """The other unknowns that elements of the cell read or come from, values before controls."""
        ends = [end for each in self.placed for end in inputs_of(each.element)]
        return tuple(dict.fromkeys(end for end in ends if end not in (*self.nodes, DATUM)))


def node_cells(parts: UnitParts) -> tuple[NodeCell, ...]:
    """Return the cells of a unit, each element of `parts` in one of them; rows that feed two nodes stand in both."""
    home = _homes(parts)
    held: dict[int, list[Placed]] = {node: [] for node in dict.fromkeys(home.values())}
    feet = own_sources(parts)
    amplifiers = [e for e in parts.elements if isinstance(e.bank, OpAmps)]
    for element in parts.elements:
        if isinstance(element.bank, Sources):
            continue
        for node, side in _sides(element.bank, element, home, amplifiers):
            far = [feet[end] for end in element.ends.values() if end in feet] if side is Side.BELOW else []
            foot = far[0] if far else None
            signs = _signs(element, node, home)
            held[home[node]].append(Placed(element=element, side=side, foot=foot, signs=signs))
    members: dict[int, list[int]] = {}
    for node, first in home.items():
        members.setdefault(first, []).append(node)
    return tuple(NodeCell(nodes=tuple(members[first]), placed=tuple(placed)) for first, placed in held.items())


def _signs(element: Element, node: int, home: dict[int, int]) -> tuple[str, ...]:
    """Return the sides of a row of a crossbar that feed `node`; both for other elements, which have no sides."""
    if not isinstance(element.bank, Crossbars) or home[element.ends["minus"]] == home[element.ends["plus"]]:
        return ("positive", "negative")
    return ("positive",) if node == element.ends["plus"] else ("negative",)


def inputs_of(element: Element) -> tuple[int, ...]:
    """Return the unknowns that an `element` reads or takes flow from, values before controls; the datum left out."""
    bank, ends = element.bank, element.ends
    names = next((inputs for kind, inputs in _INPUTS.items() if isinstance(bank, kind)), ())
    if isinstance(bank, Followers | Pairs | Cells):
        outputs = bank.circuit.outputs if isinstance(bank, Cells) else ("nodes", "out")
        names = tuple(name for name in ends if name not in outputs)
    return tuple(dict.fromkeys(ends[name] for name in names if ends[name] != DATUM))


def _homes(parts: UnitParts) -> dict[int, int]:
    """Return for each node the first one of its cell, which manifolds in pairs and outputs of a box share."""
    inside = set(internal_states(parts.network).tolist())
    home = {int(node): int(node) for node in parts.nodes if node not in inside}
    summing = {e.ends["minus"] for e in parts.elements if isinstance(e.bank, OpAmps)}
    for element in parts.elements:
        bank, ends = element.bank, element.ends
        if isinstance(bank, Crossbars) and not {ends["plus"], ends["minus"]} & summing:
            home[ends["minus"]] = ends["plus"]
        if isinstance(bank, Spools):
            home[ends["speed"]] = home[ends["position"]] = ends["position"]
        if isinstance(bank, Cells):
            outputs = [ends[name] for name in bank.circuit.outputs if ends[name] in home]
            home |= dict.fromkeys(outputs, outputs[0])
    return home


@singledispatch
def _sides(bank: Part, element: Element, home: _Homes, amplifiers: list[Element]) -> list[tuple[int, Side]]:
    """Return the nodes at which an `element` stands, and on which side: a kind of your own below its only end."""
    if len(element.ends) > 1:
        must, do = "have one end, or be of a kind that schematics know", "draw blocks, which counts it"
        raise UnsupportedPartError(explain(f"part {bank.label}", must=must, got=type(bank).__name__, do=do))
    return [(node, Side.BELOW) for node in element.ends.values()]


@_sides.register
def _(bank: Crossbars, element: Element, home: _Homes, amplifiers: list[Element]) -> list[tuple[int, Side]]:
    nodes = dict.fromkeys(home[element.ends[name]] for name in ("plus", "minus"))
    return [(node, Side.BEFORE) for node in nodes]


@_sides.register
def _(bank: Ports, element: Element, home: _Homes, amplifiers: list[Element]) -> list[tuple[int, Side]]:
    a, b = element.ends["a"], element.ends["b"]
    return [(b, Side.ABOVE) if b in home else (a, Side.BELOW)]


@_sides.register(Conductors)
@_sides.register(Switches)
@_sides.register(Inertances)
def _(bank: Passage, element: Element, home: _Homes, amplifiers: list[Element]) -> list[tuple[int, Side]]:
    return [_passage(element, home, amplifiers)]


@_sides.register
def _(bank: Pairs, element: Element, home: _Homes, amplifiers: list[Element]) -> list[tuple[int, Side]]:
    return [(element.ends["out"], Side.BEFORE if inputs_of(element) else Side.BELOW)]


@_sides.register
def _(bank: Cells, element: Element, home: _Homes, amplifiers: list[Element]) -> list[tuple[int, Side]]:
    outputs = (element.ends[name] for name in bank.circuit.outputs)
    return [(next(node for node in outputs if node in home), Side.BEFORE)]


@_sides.register(Transconductors)
@_sides.register(Followers)
@_sides.register(OpAmps)
@_sides.register(Spools)
def _(bank: Part, element: Element, home: _Homes, amplifiers: list[Element]) -> list[tuple[int, Side]]:
    name = next(name for name in ("rows", "out", "position", "nodes") if name in element.ends)
    return [(element.ends[name], Side.BEFORE)]


def _passage(element: Element, home: dict[int, int], amplifiers: list[Element]) -> tuple[int, Side]:
    """Return where a conductance stands: before its end `b`, below a node if it goes to a rail, or over an op-amp."""
    a, b = element.ends["a"], element.ends["b"]
    for amplifier in amplifiers:
        if {a, b} == {amplifier.ends["out"], amplifier.ends["minus"]}:
            return amplifier.ends["out"], Side.BACK
    if a in home and b in home:
        return b, Side.BEFORE
    return (a if a in home else b), Side.BELOW


def own_sources(parts: UnitParts) -> dict[int, Element]:
    """Return those of the `parts` of a unit that are sources, by node: the start values of its memories."""
    return {e.ends["nodes"]: e for e in parts.elements if isinstance(e.bank, Sources)}
