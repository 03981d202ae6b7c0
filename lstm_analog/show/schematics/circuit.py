"""Draw the elements of a circuit with the symbols of schemdraw."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import singledispatch
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes

from lstm_analog.errors import LibraryMissingError, UnsupportedPartError, explain
from lstm_analog.network.cells import flat
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Cells,
    Conductors,
    Crossbars,
    Followers,
    OpAmps,
    Pairs,
    Part,
    Ports,
    Storages,
    Switches,
    Transconductors,
)
from lstm_analog.show.schematics.cells import Placed, inputs_of
from lstm_analog.show.schematics.pen import LINE, Pen, Point, SymbolFrame
from lstm_analog.show.schematics.symbols import Anchor, Symbols
from lstm_analog.show.schematics.unit import Element
from lstm_analog.show.schematics.values import row_count

_BODY, _AMPLIFIER = 0.6, 0.42
"""Sizes of two-ended symbols and of op-amps over those of schemdraw."""
_KEY = (
    "diamond: a controlled current source, the transconductances of a row or stacked pairs that form a product",
    "a triangle with 1 is an ideal buffer; numbers: resistances, capacitances, gain-bandwidths of op-amps",
    "wires at a transistor cell stand for two, the sides of a differential signal",
)
_PIN, _APART = 0.3, 1.2
"""Distance of the inputs of a transistor cell, and of its outputs (units)."""
_DEVICES = MappingProxyType(
    {
        "q": "bipolar transistors",
        "x": "devices of the process",
        "m": "MOS transistors",
        "r": "resistors",
        "c": "capacitors",
        "i": "current sources",
    }
)
"""Words for the cards of a cell, by their first letter."""
_ACROSS = MappingProxyType({Storages: "Capacitor", Switches: "Switch", Pairs: "SourceI", Ports: "ResistorVarIEC"})
"""Symbols of schemdraw with two ends, by the kind of part; a resistor for all others."""
_Place = Callable[[str, SymbolFrame], None]
"""Draws the symbol of that name along a frame."""


def circuit_symbols(network: Network, axes: Axes) -> Symbols:
    """Return the symbols for the circuit of `network`, which are drawn into `axes`.

    Raises `LibraryMissingError` if schemdraw is not installed.
    """
    elements, drawing = _schemdraw(axes)

    def place(name: str, frame: SymbolFrame) -> None:
        drawing.add(getattr(elements, name)().scale(_BODY).endpoints(frame.start, frame.end))

    def across(pen: Pen, element: Element, frame: SymbolFrame) -> bool:
        return _across(element.bank, pen, network, frame, place)

    def before(pen: Pen, placed: Placed, frame: SymbolFrame) -> list[Anchor]:
        element = placed.element
        if isinstance(element.bank, Conductors | Switches):
            across(pen, element, frame)
            return [Anchor(nodes=(element.ends["a"],), point=frame.start)]
        if isinstance(element.bank, OpAmps):
            drawing.add(elements.Opamp().scale(_AMPLIFIER).at(frame.at(0.55)).anchor("out").right())
            return _amplifier(pen, element, frame)
        return _before(element.bank, pen, placed, frame, place)

    def ground(pen: Pen, top: Point) -> None:
        drawing.add(elements.Ground().scale(_BODY).at(top))

    def source(pen: Pen, top: Point) -> None:
        end = (top[0], top[1] - 0.55)
        drawing.add(elements.SourceV().scale(0.4).endpoints(end, top))
        ground(pen, end)

    def finish() -> None:
        drawing.draw(show=False)

    return Symbols(across=across, before=before, ground=ground, source=source, finish=finish, key=_KEY)


def _schemdraw(axes: Axes) -> tuple[Any, Any]:
    """Return the module of schemdraw's elements, and a drawing on `axes`."""
    try:
        import schemdraw
        from schemdraw import elements
    except ImportError:
        must, do = "be drawn by schemdraw", "pip install 'lstm_analog[draw]'"
        raise LibraryMissingError(explain("a circuit", must=must, got="no schemdraw", do=do)) from None
    drawing = schemdraw.Drawing(canvas=axes, show=False)
    drawing.config(lw=LINE)
    return elements, drawing


def _across(bank: Part, pen: Pen, network: Network, frame: SymbolFrame, place: _Place) -> bool:
    """Draw an element with two ends along `frame`; return whether its end is open, as it is for all."""
    name = next((symbol for kind, symbol in _ACROSS.items() if isinstance(bank, kind)), "ResistorIEC")
    place(name, SymbolFrame(start=frame.end, end=frame.start) if isinstance(bank, Pairs) else frame)
    if isinstance(bank, Switches):
        aside, across = (0.32, "left") if frame.upright else (0.42, "center")
        pen.text(frame.at(0.0, aside), network.lines[bank.line], across=across)
    elif isinstance(bank, Ports) and bank.line != ALWAYS:
        pen.text(frame.at(-0.5, 0.12), network.lines[bank.line], across="left")
    return True


def _amplifier(pen: Pen, element: Element, frame: SymbolFrame) -> list[Anchor]:
    """Draw the wires of an op-amp, whose output is at the end of `frame`; return its inputs."""
    ends, (x, y) = element.ends, frame.at(0.55)
    left = x - 0.91
    pen.line([(x, y), frame.end])
    minus, plus = (left, y + 0.2625), (left, y - 0.2625)
    anchors = []
    for name, point in (("minus", minus), ("plus", plus)):
        if ends[name] == DATUM:
            pen.line([point, (point[0] - 0.15, point[1]), (point[0] - 0.15, point[1] - 0.15)])
            pen.line([(point[0] - 0.25, point[1] - 0.15), (point[0] - 0.05, point[1] - 0.15)], width=2.0)
        elif ends[name] == ends["out"]:
            pen.line([point, (left - 0.12, point[1]), (left - 0.12, y + 0.6), (x + 0.1, y + 0.6), (x + 0.1, y)])
        else:
            pen.line([point, (frame.start[0], point[1])])
            anchors.append(Anchor(nodes=(ends[name],), point=(frame.start[0], point[1])))
    return anchors


@singledispatch
def _before(bank: Part, pen: Pen, placed: Placed, frame: SymbolFrame, place: _Place) -> list[Anchor]:
    """Draw an element that drives a node along `frame`; return where its inputs are."""
    must, do = "have a symbol for circuits", "draw blocks, which counts it"
    raise UnsupportedPartError(explain(f"part {bank.label}", must=must, got=type(bank).__name__, do=do))


@_before.register
def _(bank: Followers, pen: Pen, placed: Placed, frame: SymbolFrame, place: _Place) -> list[Anchor]:
    (x, y), read = frame.at(0.0), inputs_of(placed.element)
    pen.polygon([(x - 0.3, y + 0.32), (x - 0.3, y - 0.32), (x + 0.3, y)], fill="white")
    pen.text((x - 0.12, y), "1")
    pen.line([(x + 0.3, y), frame.end])
    heights = [y + 0.16 * (len(read) - 1) - 0.32 * number for number in range(len(read))]
    for height in heights:
        pen.line([(frame.start[0], height), (x - 0.3, height)])
    ends = zip(read, heights, strict=True)
    return [Anchor(nodes=(node,), point=(frame.start[0], height)) for node, height in ends]


@_before.register
def _(bank: Pairs, pen: Pen, placed: Placed, frame: SymbolFrame, place: _Place) -> list[Anchor]:
    """Draw a controlled source into the node, and a control for each of its factors."""
    x, y = _controlled(pen, frame, place)
    anchors = []
    for number, factor in enumerate(bank.factors, start=1):
        nodes = tuple(
            node for node in (placed.element.ends[f"p{number}"], placed.element.ends[f"n{number}"]) if node != DATUM
        )
        at, height = x - 0.1 + 0.12 * number, y + 0.12 + 0.26 * number
        pen.line([(at, y + 0.2), (at, height), (frame.start[0], height)], dashed=True, width=0.9)
        pen.text((frame.start[0] + 0.05, height + 0.02), factor.shape.value, across="left", up="bottom")
        anchors.append(Anchor(nodes=nodes, point=(frame.start[0], height), control=True))
    return anchors


@_before.register
def _(bank: Transconductors, pen: Pen, placed: Placed, frame: SymbolFrame, place: _Place) -> list[Anchor]:
    x, y = _controlled(pen, frame, place)
    pen.line([(x, y + 0.2), (x, y + 0.38), (frame.start[0], y + 0.38)], dashed=True, width=0.9)
    return [Anchor(nodes=tuple(bank.inputs.tolist()), point=(frame.start[0], y + 0.38), control=True)]


def _controlled(pen: Pen, frame: SymbolFrame, place: _Place) -> Point:
    """Draw a controlled source from the datum to the end of `frame`; return its middle."""
    x, y = frame.at(0.15)
    place("SourceControlledI", SymbolFrame(start=(x - 0.55, y), end=frame.end))
    pen.line([(x - 0.55, y), (x - 0.55, y - 0.12)])
    pen.line([(x - 0.65, y - 0.12), (x - 0.45, y - 0.12)], width=2.0)
    return x, y


@_before.register
def _(bank: Crossbars, pen: Pen, placed: Placed, frame: SymbolFrame, place: _Place) -> list[Anchor]:
    """Draw the conductances of a row into the node as one resistor, with their number; into two nodes as two."""
    for side in placed.signs:
        y = frame.end[1] + (0.0 if len(placed.signs) == 1 else 0.3 if side == "positive" else -0.3)
        place("ResistorIEC", SymbolFrame(start=(frame.start[0], y), end=(frame.end[0], y)))
        pen.text((frame.at(0.0)[0], y + 0.24), f"{row_count(bank, placed.element.number, side)} conductances")
        pen.line([(frame.end[0], y), frame.end])
    return [Anchor(nodes=tuple(bank.inputs.tolist()), point=frame.start)]


@_before.register
def _(bank: Cells, pen: Pen, placed: Placed, frame: SymbolFrame, place: _Place) -> list[Anchor]:
    """Draw a box with the inputs of a transistor cell, and say how many devices are in it."""
    (x, y), ends = frame.start, placed.element.ends
    tall = box_height(placed.element)
    right = frame.end[0]
    pen.polygon([(x + 0.15, y - 0.25), (right, y - 0.25), (right, y + tall), (x + 0.15, y + tall)], fill="white")
    for height, outputs in box_outputs(placed.element):
        pen.text((right - 0.05, y + height), ", ".join(outputs), across="right")
    anchors = []
    for number, names in enumerate(_box_inputs(bank)):
        point = (x, y + tall - 0.35 - _PIN * number)
        pen.line([point, (x + 0.15, point[1])])
        pen.text((x + 0.2, point[1]), names[0], across="left")
        anchors.append(Anchor(nodes=tuple(ends[name] for name in names), point=point))
    counts = Counter(card[0] for card in flat(bank.library, bank.device).cards)
    devices = [f"{counts[letter]} {word}" for letter, word in _DEVICES.items() if counts[letter]]
    pen.text(((x + right) / 2, y + tall + 0.1), "\n".join(devices), up="bottom")
    return anchors


def _box_inputs(bank: Cells) -> list[list[str]]:
    return _terminal_pairs(name for name in bank.circuit.terminals if name not in bank.circuit.outputs)


def _terminal_pairs(names: Iterable[str]) -> list[list[str]]:
    """Return the `names` of terminals, the two wires of a differential signal together."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.removesuffix("_p").removesuffix("_n"), []).append(name)
    return list(found.values())


def box_height(element: Element) -> float:
    """Return the height that a box for `element` takes above its output (units), 0 unless it is a transistor cell."""
    return _PIN * len(_box_inputs(element.bank)) + 0.3 if isinstance(element.bank, Cells) else 0.0


def box_outputs(element: Element) -> list[tuple[float, dict[str, int]]]:
    """Return each pair of outputs of the transistor cell `element`, in order; none for other elements.

    It is how high above its node the pair leaves the box (units), and the nodes of the pair by their terminals.
    """
    if not isinstance(element.bank, Cells):
        return []
    pairs = _terminal_pairs(element.bank.circuit.outputs)
    return [(_APART * number, {name: element.ends[name] for name in names}) for number, names in enumerate(pairs)]
