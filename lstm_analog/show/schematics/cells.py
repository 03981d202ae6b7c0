"""Group the elements of a unit by the node that they set: each group is drawn as one cell of a schematic."""

from dataclasses import dataclass
from enum import Enum

from lstm_analog.network.parts import (
    DATUM,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    OpAmps,
    Pairs,
    Ports,
    Sources,
    Spools,
    Stops,
    Storages,
    Switches,
    Transconductors,
)
from lstm_analog.network.roles import internal_states
from lstm_analog.show.schematics.unit import Element, UnitParts

Passage = Conductors | Switches | Inertances


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
        for node, side in _sides(element, home, amplifiers):
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
    if isinstance(bank, Ports):
        names = ["a", "p", "n"]
    elif isinstance(bank, Spools):
        names = ["p", "n"]
    elif isinstance(bank, OpAmps):
        names = ["plus", "minus"]
    elif isinstance(bank, Followers | Pairs):
        names = [name for name in ends if name not in ("nodes", "out")]
    elif isinstance(bank, Conductors | Switches | Inertances):
        names = ["a"]
    elif isinstance(bank, Cells):
        names = [name for name in ends if name not in bank.circuit.outputs]
    else:
        names = []
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


def _sides(element: Element, home: dict[int, int], amplifiers: list[Element]) -> list[tuple[int, Side]]:
    """Return the nodes at which an `element` stands, and on which side."""
    bank, ends = element.bank, element.ends
    if isinstance(bank, Storages | Stops):
        return [(ends["nodes"], Side.BELOW)]
    if isinstance(bank, Crossbars):
        return [(node, Side.BEFORE) for node in dict.fromkeys(home[ends[name]] for name in ("plus", "minus"))]
    if isinstance(bank, Ports):
        return [(ends["b"], Side.ABOVE) if ends["b"] in home else (ends["a"], Side.BELOW)]
    if isinstance(bank, Conductors | Switches | Inertances):
        return [_passage(element, home, amplifiers)]
    if isinstance(bank, Pairs):
        return [(ends["out"], Side.BEFORE if inputs_of(element) else Side.BELOW)]
    if isinstance(bank, Cells):
        return [(next(ends[name] for name in bank.circuit.outputs if ends[name] in home), Side.BEFORE)]
    if isinstance(bank, Transconductors):
        return [(ends["rows"], Side.BEFORE)]
    name = next(name for name in ("out", "position", "nodes") if name in ends)
    return [(ends[name], Side.BEFORE)]


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
