"""How much room the elements of a drawing take, and where its cells stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from lstm_analog.network.parts import (
    DATUM,
    Cells,
    Conductors,
    Crossbars,
    Inertances,
    Pairs,
    Ports,
    Switches,
    Transconductors,
)
from lstm_analog.show.schematics.cells import NodeCell, Placed, Side, inputs_of
from lstm_analog.show.schematics.circuit import box_height
from lstm_analog.show.schematics.placing import Strip
from lstm_analog.show.schematics.words import Captions

LONGEST, _SHORTEST = 1.6, 1.05
"""Length of an element before its node, and of one with two ends only (units)."""
_HANGING, LONG, _STACK = 1.05, 1.45, 1.2
"""Room beside an element below a node, along one above or below, between stacked ones (units)."""
WIDER = 0.4
"""What a switch that hangs takes more on its left, for its spring (units)."""
_CHANNEL, WIRE, TITLE = 0.3, 0.11, 0.55
"""Room between columns, for a wire there, and for the title of a strip (units)."""
_LETTER, _NARROW = 0.105, 0.097
"""The width of a letter of a word, and of a label (units)."""


@dataclass(frozen=True, kw_only=True)
class DrawnCell:
    """Where a cell is drawn: its node at (x, y), `left` and `right` ends of its room; `column` and `lane`."""

    x: float
    y: float
    left: float
    right: float
    column: int
    lane: int


def arranged(
    strip: Strip, cells: Sequence[NodeCell], captions: Captions, top: float
) -> tuple[dict[int, DrawnCell], float, float]:
    """Return the spots of the `cells` of `strip` under the height `top`, the lowest height, and the right end.

    `captions` take room, too.
    """
    owner = {node: number for number in strip.places for node in cells[number].nodes}
    x, lefts, nodes, rights = 0.0, [], [], []
    for column in range(strip.columns):
        here = [k for k, (at, _) in strip.places.items() if at == column]
        flags = max(_flag_room(placed, owner, captions) for k in here for placed in cells[k].placed)
        lefts.append(x)
        ahead = max([0.45, *(length(each) for k in here for each in cells[k].on(Side.BEFORE))])
        nodes.append(x + _CHANNEL + WIRE * max(len(cells[k].inputs) for k in here) + flags + ahead)
        x = nodes[-1] + max(_behind(cells[k], captions) for k in here)
        rights.append(x)
    heights = {}
    for lane in range(strip.lanes):
        here = [k for k, (_, at) in strip.places.items() if at == lane]
        top -= max((_above(cells[k]) for k in here), default=0.0)
        heights[lane] = top
        top -= max((_below(cells[k]) for k in here), default=0.0)
    spots = {
        k: DrawnCell(x=nodes[c], y=heights[r], left=lefts[c], right=rights[c], column=c, lane=r)
        for k, (c, r) in strip.places.items()
    }
    return spots, top, x


def _behind(cell: NodeCell, captions: Captions) -> float:
    """Return the room right of the node of the `cell`: what hangs there, and its words."""
    below, above = cell.on(Side.BELOW), bool(cell.on(Side.ABOVE))
    hanging = sum((hanging_room(each, captions) for each in below), 0.35) - (0.3 if above else 0.0)
    letters = max(map(len, captions.title(cell).split("\n")))
    return max(hanging, _LETTER * letters + 0.15, _NARROW * len(captions.nodes(cell.nodes)) + 0.12)


def _flag_room(placed: Placed, owner: dict[int, int], captions: Captions) -> float:
    """Return the room for flags on the left of an element: `owner` has the nodes that wires can come from."""
    bank, ends = placed.element.bank, placed.element.ends
    if isinstance(bank, Crossbars | Transconductors):
        flags = [captions.flag(tuple(bank.inputs.tolist()))]
    elif isinstance(bank, Ports):
        flags = [captions.flag((ends[name],)) for name in "pn" if ends[name] not in (*owner, DATUM)]
    else:
        read = inputs_of(placed.element) if placed.side is Side.BEFORE else ()
        flags = [captions.flag((node,)) for node in read if node not in owner]
    return _LETTER * max(map(len, flags)) + 0.1 if flags else 0.0


def hanging_room(placed: Placed, captions: Captions) -> float:
    """Return the width of the `placed` element that hangs below a node, its label included, by `captions`."""
    label = len(captions.short(placed.element.bank.label))
    return WIDER + _HANGING if wide(placed) else max(_HANGING, 0.6 + _NARROW * label)


def pitch(cell: NodeCell) -> float:
    """Return the distance of the elements before the node of `cell`: those with controls above them need more."""
    factors = [len(e.element.bank.factors) for e in cell.on(Side.BEFORE) if isinstance(e.element.bank, Pairs)]
    rows = any(isinstance(e.element.bank, Crossbars) and len(e.signs) > 1 for e in cell.on(Side.BEFORE))
    return _STACK + 0.26 * max(factors, default=0) + 0.5 * rows


def _above(cell: NodeCell) -> float:
    stacked = pitch(cell) * max(len(cell.on(Side.BEFORE)) - 1, 0)
    stacked += sum(box_height(each.element) for each in cell.on(Side.BEFORE))
    return 0.25 + max(stacked + 0.6, LONG + 0.2 if cell.on(Side.ABOVE) else 0.0, 1.0 if cell.on(Side.BACK) else 0)


def _below(cell: NodeCell) -> float:
    below = cell.on(Side.BELOW)
    return LONG + (0.75 if any(each.foot for each in below) else 0.3) if below else 0.9


def length(placed: Placed) -> float:
    """Return the length of the `placed` element before its node (units)."""
    if isinstance(placed.element.bank, Cells):
        return LONGEST + 1.0
    return _SHORTEST if isinstance(placed.element.bank, Conductors | Switches | Inertances) else LONGEST


def wide(placed: Placed) -> bool:
    """Return whether the `placed` element, which hangs, needs room for a clock line."""
    return isinstance(placed.element.bank, Switches | Inertances)
