"""What a set of symbols has to draw: elements along a frame, elements before a node, and the ends of wires."""

from collections.abc import Callable
from dataclasses import dataclass

from lstm_analog.show.schematics.cells import Placed
from lstm_analog.show.schematics.pen import Pen, Point, SymbolFrame
from lstm_analog.show.schematics.unit import Element


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A `point` at which the wire from one of the `nodes` ends; `control` if no flow comes through it."""

    nodes: tuple[int, ...]
    point: Point
    control: bool = False


@dataclass(frozen=True, kw_only=True)
class Symbols:
    """Functions that draw with a pen.

    Attributes
    ----------
    across : (Pen, Element, SymbolFrame) -> bool
        Draws an element along a frame; tells whether its end is open, so that a foot belongs there.
    before : (Pen, Placed, SymbolFrame) -> list of Anchor
        Draws an element that feeds the node at the end of a frame; returns where its inputs are.
    ground : (Pen, Point) -> None
        Draws the datum.
    source : (Pen, Point) -> None
        Draws a source under a point, from the datum.
    finish : () -> None
        Draws what has been collected.
    key : tuple of str
        Lines that explain the drawing.
    """

    across: Callable[[Pen, Element, SymbolFrame], bool]
    before: Callable[[Pen, Placed, SymbolFrame], list[Anchor]]
    ground: Callable[[Pen, Point], None]
    source: Callable[[Pen, Point], None]
    finish: Callable[[], None]
    key: tuple[str, ...]
