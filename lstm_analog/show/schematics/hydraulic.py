"""Draw the elements of plumbing with the graphic symbols of fluid power (ISO 1219-1), along a frame.

The standard has no symbol for a force-balance relay. It is drawn as what it does, a pressure-reducing valve that a
pilot sets, with its supply.
"""

from functools import singledispatch

import numpy as np

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
from lstm_analog.show.schematics.cells import Placed, inputs_of
from lstm_analog.show.schematics.pen import Pen, Point, SymbolFrame
from lstm_analog.show.schematics.symbols import Anchor, Symbols
from lstm_analog.show.schematics.unit import Element
from lstm_analog.show.schematics.values import row_count
from lstm_analog.show.style import INK

FLUID = "#cfe3f2"


def throttle(pen: Pen, frame: SymbolFrame, *, adjustable: bool = False) -> None:
    """Draw a restriction with `pen` along `frame`: a capillary, or if `adjustable` a valve."""
    pen.line([frame.start, frame.end])
    s = np.linspace(-0.2, 0.2, 15)
    t = 0.06 + 3.2 * s**2
    for side in (1.0, -1.0):
        pen.line(frame.all(*zip(s.tolist(), (side * t).tolist(), strict=True)))
    if adjustable:
        pen.arrow(frame.at(-0.26, -0.26), frame.at(0.26, 0.26))


def box(pen: Pen, frame: SymbolFrame) -> None:
    """Draw with `pen` along `frame` a plain box, which stands for a part without a symbol."""
    pen.line([frame.start, frame.end])
    pen.polygon(frame.all((-0.3, -0.18), (0.3, -0.18), (0.3, 0.18), (-0.3, 0.18)), fill="white")


def solenoid_valve(pen: Pen, frame: SymbolFrame, line: str) -> None:
    """Draw with `pen` a 2/2-way valve along `frame`, shut at rest by its spring; the clock `line` opens it."""
    e = 0.17
    pen.line([frame.start, frame.at(-e)])
    pen.line([frame.at(e), frame.end])
    pen.polygon(frame.all((-e, -e), (e, -e), (e, e), (-e, e)), fill="white")
    pen.polygon(frame.all((-e, e), (e, e), (e, 3 * e), (-e, 3 * e)), fill="white")
    for s in (-e, e):
        inner = s * 0.45
        pen.line(frame.all((s, 0.0), (inner, 0.0)))
        pen.line(frame.all((inner, -0.07), (inner, 0.07)))
    pen.arrow(frame.at(-e, 2 * e), frame.at(e, 2 * e))
    pen.polygon(frame.all((-0.1, 3 * e), (0.1, 3 * e), (0.1, 3 * e + 0.18), (-0.1, 3 * e + 0.18)), fill="white")
    pen.line(frame.all((-0.1, 3 * e), (0.1, 3 * e + 0.18)))
    spring(pen, SymbolFrame(start=frame.at(0.0, -e), end=frame.at(0.0, -e - 0.26)), 0.08)
    across, up = ("left", "center") if frame.upright else ("center", "bottom")
    pen.text(frame.at(0.0, 3 * e + 0.22), line, across=across, up=up)


def spring(pen: Pen, frame: SymbolFrame, wide: float) -> None:
    """Draw a spring with `pen` along `frame`, `wide` to both sides."""
    s = np.linspace(-frame.length / 2, frame.length / 2, 7)
    t = wide * np.array([0.0, 1.0, -1.0, 1.0, -1.0, 1.0, 0.0])
    pen.line(frame.all(*zip(s.tolist(), t.tolist(), strict=True)), width=0.8)


def open_tank(pen: Pen, top: Point) -> None:
    """Draw with `pen` a tank open to the air under the point `top`; the line ends below the level."""
    x, y = top
    pen.polygon([(x - 0.26, y - 0.85), (x + 0.26, y - 0.85), (x + 0.26, y - 0.5), (x - 0.26, y - 0.5)], fill=FLUID,
                colour=FLUID)  # fmt: skip
    pen.line([(x - 0.26, y - 0.3), (x - 0.26, y - 0.85), (x + 0.26, y - 0.85), (x + 0.26, y - 0.3)])
    pen.line([(x, y), (x, y - 0.72)])


def spring_tank(pen: Pen, top: Point) -> None:
    """Draw with `pen` a spring-loaded accumulator under the point `top`."""
    x, y = top
    _capsule(pen, (x, y - 0.55), 0.33)
    pen.line([(x - 0.18, y - 0.52), (x + 0.18, y - 0.52)])
    spring(pen, SymbolFrame(start=(x, y - 0.52), end=(x, y - 0.84)), 0.1)
    pen.line([(x, y), (x, y - 0.22)])


def chamber(pen: Pen, top: Point) -> None:
    """Draw with `pen` a small volume that yields under pressure, under the point `top`."""
    x, y = top
    pen.line([(x, y), (x, y - 0.25)])
    _capsule(pen, (x, y - 0.42), 0.17)


def _capsule(pen: Pen, centre: Point, tall: float) -> None:
    """Draw a stadium of half height `tall` about `centre`, round at top and bottom."""
    angle = np.linspace(0, np.pi, 15)
    radius = 0.18 if tall > 0.2 else 0.12
    upper = [(centre[0] + radius * np.cos(a), centre[1] + tall - radius + radius * np.sin(a)) for a in angle]
    lower = [(centre[0] - radius * np.cos(a), centre[1] - tall + radius - radius * np.sin(a)) for a in angle]
    pen.polygon([*upper, *lower], fill=FLUID)


def reservoir(pen: Pen, top: Point) -> None:
    """Draw with `pen` the return to the datum at the point `top`."""
    x, y = top
    pen.line([(x, y), (x, y - 0.12)])
    pen.line([(x - 0.16, y - 0.02), (x - 0.16, y - 0.17), (x + 0.16, y - 0.17), (x + 0.16, y - 0.02)])


def pressure_source(pen: Pen, centre: Point, towards: Point) -> None:
    """Draw with `pen` a pressure source about `centre`, its triangle pointing `towards` a point."""
    frame = SymbolFrame(start=centre, end=towards)
    offset = -frame.length / 2
    pen.circle(centre, 0.16)
    pen.polygon(frame.all((offset + 0.16, 0.0), (offset + 0.02, 0.09), (offset + 0.02, -0.09)), fill=INK)
    pen.line([frame.at(offset + 0.16), towards])


def relay(pen: Pen, frame: SymbolFrame, pilots: int) -> list[Point]:
    """Draw with `pen` a relay along `frame`, its supply at the start; return the ends of its `pilots`."""
    x, y = frame.at(0.1)
    e = 0.2
    pressure_source(pen, (frame.start[0] + 0.2, y), (x - e, y))
    pen.polygon([(x - e, y - e), (x + e, y - e), (x + e, y + e), (x - e, y + e)], fill="white")
    pen.arrow((x - e, y + 0.07), (x + e, y + 0.07))
    pen.line([(x + e, y), frame.end])
    pen.line([(x + e + 0.12, y), (x + e + 0.12, y - 0.34), (x, y - 0.34), (x, y - e)], dashed=True, width=0.9)
    ends = []
    for number in range(pilots):
        at, height = x - 0.08 + 0.16 * number, y + 0.34 + 0.18 * number
        pen.line([(at, y + e), (at, height), (frame.start[0], height)], dashed=True, width=0.9)
        ends.append((frame.start[0], height))
    return ends


def relief_valve(pen: Pen, top: Point) -> None:
    """Draw with `pen` a valve that opens at a stop of a tank, under the point `top`."""
    x, y = top
    e = 0.16
    pen.line([(x, y), (x, y - 0.3)])
    pen.polygon([(x - e, y - 0.3), (x + e, y - 0.3), (x + e, y - 0.62), (x - e, y - 0.62)], fill="white")
    pen.arrow((x + 0.06, y - 0.3), (x + 0.06, y - 0.62))
    spring(pen, SymbolFrame(start=(x + e, y - 0.46), end=(x + e + 0.2, y - 0.46)), 0.06)
    pen.line([(x, y - 0.62), (x, y - 0.75)])
    reservoir(pen, (x, y - 0.75))


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
            vessel = spring_tank if bank.label in held else chamber
            (open_tank if bank.label in opened else vessel)(pen, frame.start)
            return False
        if isinstance(bank, Stops):
            relief_valve(pen, frame.start)
            return False
        if isinstance(bank, Switches | Inertances):
            solenoid_valve(pen, frame, "" if bank.line == ALWAYS else network.lines[bank.line])
            return True
        if not isinstance(bank, Ports | Conductors):
            box(pen, frame)
            return True
        throttle(pen, frame, adjustable=isinstance(bank, Ports))
        if isinstance(bank, Ports) and bank.line != ALWAYS:
            pen.text(frame.at(-0.5, 0.12), network.lines[bank.line], across="left")
        return True

    def before(pen: Pen, placed: Placed, frame: SymbolFrame) -> list[Anchor]:
        element = placed.element
        if isinstance(element.bank, Switches | Inertances | Conductors):
            across(pen, element, frame)
            return [Anchor(nodes=(element.ends["a"],), point=frame.start)]
        return _before(element.bank, pen, element, frame)

    return Symbols(across=across, before=before, ground=reservoir, source=_source, finish=lambda: None, key=_KEY)


def _source(pen: Pen, top: Point) -> None:
    pressure_source(pen, (top[0], top[1] - 0.35), top)


@singledispatch
def _before(bank: Part, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    """Draw an element that has its own way to a node, with `pen` along `frame`."""
    must, do = "have a symbol for plumbing", "draw blocks, which counts it"
    raise UnsupportedPartError(explain(f"part {bank.label}", must=must, got=type(bank).__name__, do=do))


@_before.register
def _(bank: Followers, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    read = inputs_of(element)
    ends = relay(pen, frame, len(read))
    return [Anchor(nodes=(node,), point=end, control=True) for node, end in zip(read, ends, strict=True)]


@_before.register
def _(bank: Crossbars, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    """Draw the two manifolds of a row, with the number of capillaries into each and the dummy to the datum."""
    x = frame.end[0]
    for side, sign, loads in (("positive", 1.0, bank.plus_load), ("negative", -1.0, bank.minus_load)):
        y = frame.end[1] + 0.3 * sign
        throttle(pen, SymbolFrame(start=(frame.start[0], y), end=(x - 0.25, y)))
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
    spring(pen, SymbolFrame(start=(x + 0.1, y), end=(x + 0.45, y)), 0.09)
    pen.line([frame.start, (x - 0.3, y)], dashed=True)
    pen.line([(x + 0.45, y), frame.end], dashed=True)
    return [Anchor(nodes=inputs_of(element), point=frame.start, control=True)]


@_before.register
def _(bank: Pairs, pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    """Draw a flow-control valve with its supply, and a pilot for each of its factors."""
    x, y = frame.at(0.15)
    pressure_source(pen, (frame.start[0] + 0.2, y), (x - 0.32, y))
    pen.polygon([(x - 0.32, y - 0.3), (x + 0.32, y - 0.3), (x + 0.32, y + 0.3), (x - 0.32, y + 0.3)])
    throttle(pen, SymbolFrame(start=(x - 0.32, y), end=(x + 0.32, y)), adjustable=True)
    pen.line([(x + 0.32, y), frame.end])
    anchors = []
    for number in range(1, 1 + len(bank.factors)):
        nodes = tuple(node for node in (element.ends[f"p{number}"], element.ends[f"n{number}"]) if node != DATUM)
        at, height = x - 0.36 + 0.18 * number, y + 0.25 + 0.18 * number
        pen.line([(at, y + 0.3), (at, height), (frame.start[0], height)], dashed=True, width=0.9)
        anchors.append(Anchor(nodes=nodes, point=(frame.start[0], height), control=True))
    return anchors
