"""Draw the elements of plumbing with the symbols of `iso`."""

from functools import singledispatch

from lstm_analog.errors import UnsupportedPartError, explain
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Crossbars,
    Followers,
    Inertances,
    Pairs,
    Part,
    Ports,
    Spools,
    Stops,
    Storages,
    Switches,
)
from lstm_analog.network.roles import tanks
from lstm_analog.show.schematics import iso
from lstm_analog.show.schematics.cells import Placed, inputs_of
from lstm_analog.show.schematics.pen import Pen, Point, SymbolFrame
from lstm_analog.show.schematics.symbols import Anchor, Symbols
from lstm_analog.show.schematics.unit import Element
from lstm_analog.show.schematics.values import row_count

_KEY = (
    "solid: lines with flow; dashed: pilot lines, a pair of them from two manifolds; o with triangle: pressure supply",
    f"numbers in SI: valves and capillaries {HYDRAULIC.conductance_unit}, tanks {HYDRAULIC.capacitance_unit}",
)


def hydraulic_symbols(network: Network) -> Symbols:
    """Return the symbols for the plumbing of `network`: what is a tank, and which are open, stands in it."""
    held = {part.label for part in tanks(network)}
    opened = set() if network.filling is None else set(network.filling.open_tanks)

    def across(pen: Pen, element: Element, frame: SymbolFrame) -> bool:
        bank = element.bank
        if isinstance(bank, Storages):
            vessel = iso.spring_tank if bank.label in held else iso.chamber
            (iso.open_tank if bank.label in opened else vessel)(pen, frame.start)
            return False
        if isinstance(bank, Stops):
            iso.relief_valve(pen, frame.start)
            return False
        if isinstance(bank, Switches | Inertances):
            iso.solenoid_valve(pen, frame, _line(network, bank.line))
            return True
        if not isinstance(bank, Ports | Conductors):
            iso.box(pen, frame)
            return True
        iso.throttle(pen, frame, adjustable=isinstance(bank, Ports))
        if isinstance(bank, Ports) and bank.line != ALWAYS:
            pen.text(frame.at(-0.5, 0.12), _line(network, bank.line), across="left")
        return True

    def before(pen: Pen, placed: Placed, frame: SymbolFrame) -> list[Anchor]:
        element = placed.element
        if isinstance(element.bank, Switches | Inertances | Conductors):
            across(pen, element, frame)
            return [Anchor(nodes=(element.ends["a"],), point=frame.start)]
        return _before(element.bank, pen, element, frame)

    return Symbols(across=across, before=before, ground=iso.reservoir, source=_source, finish=_nothing, key=_KEY)


def _line(network: Network, number: int) -> str:
    return "" if number == ALWAYS else network.lines[number]


def _nothing() -> None:
    """Everything has been drawn."""


def _source(pen: Pen, top: Point) -> None:
    iso.pressure_source(pen, (top[0], top[1] - 0.35), top)


@singledispatch
def _before(bank: Part, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    """Draw an element that has its own way to a node, with `pen` along `frame`."""
    must, do = "have a symbol for plumbing", "draw blocks, which counts it"
    raise UnsupportedPartError(explain(f"part {bank.label}", must=must, got=type(bank).__name__, do=do))


@_before.register
def _(bank: Followers, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    read = inputs_of(element)
    ends = iso.relay(pen, frame, len(read))
    return [Anchor(nodes=(node,), point=end, control=True) for node, end in zip(read, ends, strict=True)]


@_before.register
def _(bank: Crossbars, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    """Draw the two manifolds of a row, with the number of capillaries into each and the dummy to the datum."""
    x = frame.end[0]
    for side, sign, loads in (("positive", 1.0, bank.plus_load), ("negative", -1.0, bank.minus_load)):
        y = frame.end[1] + 0.3 * sign
        iso.throttle(pen, SymbolFrame(start=(frame.start[0], y), end=(x - 0.25, y)))
        dummy = " + dummy" if loads.reshape(-1, loads.shape[-1])[0, element.number] > 0 else ""
        name = "+" if sign > 0 else "-"
        pen.text((x - 0.85, y + 0.34 * sign), f"{name}: {row_count(bank, element.number, side)} capillaries{dummy}")
        pen.line([(x - 0.25, y - 0.16), (x - 0.25, y + 0.16)], width=3.0)
        pen.line([(x - 0.25, y), (x, y), (x, frame.end[1])], dashed=True, width=0.9)
    return [Anchor(nodes=tuple(bank.inputs.tolist()), point=frame.start)]


@_before.register
def _(bank: Spools, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    x, y = frame.at(0.0)
    pen.polygon([(x - 0.3, y - 0.14), (x + 0.1, y - 0.14), (x + 0.1, y + 0.14), (x - 0.3, y + 0.14)], fill="white")
    iso.spring(pen, SymbolFrame(start=(x + 0.1, y), end=(x + 0.45, y)), 0.09)
    pen.line([frame.start, (x - 0.3, y)], dashed=True)
    pen.line([(x + 0.45, y), frame.end], dashed=True)
    return [Anchor(nodes=inputs_of(element), point=frame.start, control=True)]


@_before.register
def _(bank: Pairs, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    """Draw a flow-control valve with its supply, and a pilot for each of its factors."""
    x, y = frame.at(0.15)
    iso.pressure_source(pen, (frame.start[0] + 0.2, y), (x - 0.32, y))
    pen.polygon([(x - 0.32, y - 0.3), (x + 0.32, y - 0.3), (x + 0.32, y + 0.3), (x - 0.32, y + 0.3)])
    iso.throttle(pen, SymbolFrame(start=(x - 0.32, y), end=(x + 0.32, y)), adjustable=True)
    pen.line([(x + 0.32, y), frame.end])
    anchors = []
    for number in range(1, 1 + len(bank.factors)):
        nodes = tuple(node for node in (element.ends[f"p{number}"], element.ends[f"n{number}"]) if node != DATUM)
        at, height = x - 0.36 + 0.18 * number, y + 0.25 + 0.18 * number
        pen.line([(at, y + 0.3), (at, height), (frame.start[0], height)], dashed=True, width=0.9)
        anchors.append(Anchor(nodes=nodes, point=(frame.start[0], height), control=True))
    return anchors
