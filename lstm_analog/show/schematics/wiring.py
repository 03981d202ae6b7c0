"""Draw the wires between cells, and flags where a wire would cross others."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lstm_analog.network.parts import Cells
from lstm_analog.show.schematics.captions import Captions
from lstm_analog.show.schematics.cells import NodeCell
from lstm_analog.show.schematics.circuit import box_outputs
from lstm_analog.show.schematics.pen import WORD, Pen, Point
from lstm_analog.show.schematics.sizes import WIRE, DrawnCell
from lstm_analog.show.schematics.symbols import Anchor
from lstm_analog.show.schematics.unit import Element
from lstm_analog.show.style import COLOURS

_CONTROL, _SUPPLY = COLOURS[0], "#404040"


@dataclass(frozen=True, kw_only=True, eq=False)
class SchematicWiring:
    """Draws wires with `pen` between `cells`, flags by `captions`.

    `sources` are those of the unit alone, by node; `lanes` counts the wires beside each column so far.
    """

    pen: Pen
    cells: tuple[NodeCell, ...]
    captions: Captions
    sources: dict[int, Element]
    lanes: dict[str, int] = field(default_factory=dict)

    def draw(self, anchors: list[tuple[int, Anchor]], places: dict[int, DrawnCell]) -> None:
        """Draw a wire to each of the `anchors` where the way between `places` is free, else a flag with its words."""
        owner = {node: number for number in places for node in self.cells[number].nodes}
        for number, group in _grouped(anchors):
            here = places[number]
            sources = {owner[node] for node in group[0].nodes if node in owner}
            start = places[sources.pop()] if len(sources) == 1 else None
            way = None if start is None else _way(start, here, places)
            control = group[0].control
            points = [anchor.point for anchor in group]
            bend = self._bend(points, control)
            if start is None or way is None:
                self._flag(bend, group[0], here)
                continue
            self.pen.line(self._channel(start, here, way, bend, self._leaves(group[0], start)), dashed=control)

    def _bend(self, points: list[Point], control: bool) -> Point:
        """Return where the wire to `points` ends; if there are several, join them by an upright line."""
        if len(points) == 1:
            return points[0]
        x, y = points[0][0] - 0.3, sum(point[1] for point in points) / len(points)
        for point in points:
            self.pen.line([(x, y), (x, point[1]), point], dashed=control, width=0.9)
        return x, y

    def _leaves(self, anchor: Anchor, start: DrawnCell) -> float:
        """Return the height at which the wire to `anchor` leaves its cell at `start`; a box has several outputs."""
        cell = next(cell for cell in self.cells if anchor.nodes[0] in cell.nodes)
        for placed in cell.placed:
            for nodes, height in zip(output_pairs(placed.element), box_outputs(placed.element), strict=True):
                if anchor.nodes[0] in nodes:
                    return start.y + height
        return start.y

    def _channel(self, start: DrawnCell, here: DrawnCell, way: str, bend: Point, height: float) -> list[Point]:
        """Return the bends of a wire that leaves at a `height`: it turns beside the column where it ends, or starts."""
        key = f"{here.y if way == 'late' else start.y}:{here.column if way == 'late' else start.column}"
        taken = self.lanes[key] = self.lanes.get(key, 0) + 1
        x = (here.left if way == "late" else start.right) + WIRE * taken
        return [(start.right, height), (x, height), (x, bend[1]), bend]

    def _flag(self, point: Point, anchor: Anchor, here: DrawnCell) -> None:
        above = point[0] >= here.x
        place = (point[0], point[1] + 0.05) if above else (point[0] - 0.06, point[1])
        self.pen.text(
            place,
            self.captions.flag(anchor.nodes),
            size=WORD,
            colour=_CONTROL if anchor.control else _SUPPLY,
            across="center" if above else "right",
            up="bottom" if above else "center",
            cover=True,
            name=" ".join(self.sources[node].name for node in anchor.nodes if node in self.sources) or None,
        )


def output_pairs(element: Element) -> list[tuple[int, ...]]:
    """Return the nodes at each pair of outputs of the transistor cell `element`, in order; none for other elements."""
    if not isinstance(element.bank, Cells):
        return []
    found: dict[str, tuple[int, ...]] = {}
    for name in element.bank.circuit.outputs:
        stem = name.removesuffix("_p").removesuffix("_n")
        found[stem] = (*found.get(stem, ()), element.ends[name])
    return list(found.values())


def _grouped(anchors: list[tuple[int, Anchor]]) -> Iterator[tuple[int, list[Anchor]]]:
    """Yield the anchors of each cell that have the same nodes, together: the two valves of a bridge share a pilot."""
    found: dict[tuple[int, tuple[int, ...], bool], list[Anchor]] = {}
    for number, anchor in anchors:
        found.setdefault((number, tuple(sorted(anchor.nodes)), anchor.control), []).append(anchor)
    for (number, _, _), group in found.items():
        yield number, group


def _way(start: DrawnCell, here: DrawnCell, places: dict[int, DrawnCell]) -> str | None:
    """Return where a wire from `start` to `here` turns, late or early; None if neither way is free."""
    between = range(start.column + 1, here.column)
    if start.column >= here.column:
        return None
    for way, lane in (("late", start.lane), ("early", here.lane)):
        if not any(spot.lane == lane and spot.column in between for spot in places.values()):
            return way
    return None
