"""Draw the placed cells of a unit, strip by strip, with the wires between them, and flags where wires would cross."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lstm_analog.network.parts import DATUM, Crossbars, OpAmps, Pairs, Ports
from lstm_analog.show.schematics.cells import NodeCell, Placed, Side, inputs_of
from lstm_analog.show.schematics.circuit import box_outputs
from lstm_analog.show.schematics.pen import WORD, Pen, Point, SymbolFrame
from lstm_analog.show.schematics.placing import Strip
from lstm_analog.show.schematics.sizes import (
    LONG,
    LONGEST,
    TITLE,
    WIDER,
    WIRE,
    DrawnCell,
    arranged,
    hanging_room,
    length,
    pitch,
    wide,
)
from lstm_analog.show.schematics.symbols import Anchor, Symbols
from lstm_analog.show.schematics.unit import Element
from lstm_analog.show.schematics.words import Captions
from lstm_analog.show.style import COLOURS, SOFT

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
            for height, outputs in box_outputs(placed.element):
                if anchor.nodes[0] in outputs.values():
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


@dataclass(frozen=True, kw_only=True, eq=False)
class SchematicSheet:
    """Draws `cells` with `pen` in `symbols`, with `captions`; `sources` are those of the unit alone, by node."""

    pen: Pen
    cells: tuple[NodeCell, ...]
    symbols: Symbols
    captions: Captions
    sources: dict[int, Element]

    def draw(self, strips: tuple[Strip, ...]) -> tuple[float, float]:
        """Draw `strips` below each other from (0, 0); return the width and the height that they take."""
        wiring = SchematicWiring(pen=self.pen, cells=self.cells, captions=self.captions, sources=self.sources)
        y, width = 0.0, 0.0
        for strip in strips:
            places, bottom, right = arranged(strip, self.cells, self.captions, y - TITLE)
            self.pen.text((0.0, y - 0.1), strip.title, size=WORD + 2.5, across="left", weight="bold")
            anchors = [(number, anchor) for number in places for anchor in self._cell(number, places)]
            wiring.draw(anchors, places)
            y, width = bottom, max(width, right)
        return width, -y

    def _stack(self, cell: NodeCell, places: dict[int, DrawnCell]) -> list[Placed]:
        """Return the elements before a node, those first whose wires come from the lowest of the `places`."""
        heights = {node: spot.y for k, spot in places.items() for node in self.cells[k].nodes}

        def height(placed: Placed) -> float:
            return max((heights[node] for node in inputs_of(placed.element) if node in heights), default=-1e9)

        return sorted(cell.on(Side.BEFORE), key=height)

    def _cell(self, number: int, places: dict[int, DrawnCell]) -> Iterator[Anchor]:
        """Draw the cell `number` at its place of `places`; yield where its inputs come in."""
        cell, pen, spot = self.cells[number], self.pen, places[number]
        stacked, above = self._stack(cell, places), cell.on(Side.ABOVE)
        apart = pitch(cell)
        top = spot.y + apart * max(len(stacked) - 1, 0)
        pen.text((spot.x + 0.08, top + 0.04), self.captions.nodes(cell.nodes), colour=SOFT, across="left", up="bottom")
        if not above:
            pen.text((spot.x + 0.08, top + 0.24), self.captions.title(cell), size=WORD, across="left", up="bottom")
        for k, placed in enumerate(stacked):
            y = spot.y + apart * k
            yield from self._before(placed, SymbolFrame(start=(spot.x - length(placed), y), end=(spot.x, y)))
        if len(stacked) > 1:
            pen.line([(spot.x, spot.y), (spot.x, top)])
        for placed in above:
            frame = SymbolFrame(start=(spot.x, spot.y + LONG), end=(spot.x, spot.y))
            yield from self._port(placed, frame)
        x = spot.x + (0.0 if above else 0.35)
        for placed in cell.on(Side.BELOW):
            x += WIDER * wide(placed)
            yield from self._hung(placed, (x, spot.y))
            x += hanging_room(placed, self.captions) - WIDER * wide(placed)
        if above:
            pen.text((spot.right, spot.y - 0.04), self.captions.title(cell), size=WORD, across="right", up="top")
        for placed in cell.on(Side.BACK):
            self._back(placed, spot)
        pen.line([(spot.x, spot.y), (spot.right, spot.y)])
        for placed in stacked:
            self._box(placed, spot)

    def _box(self, placed: Placed, spot: DrawnCell) -> None:
        """Draw the outputs of the box of a transistor cell at `spot` beyond the first one."""
        for height, outputs in box_outputs(placed.element)[1:]:
            nodes, x, y = tuple(outputs.values()), spot.x + 0.08, spot.y + height
            self.pen.line([(spot.x, y), (spot.right, y)])
            self.pen.text((x, y + 0.04), self.captions.nodes(nodes), colour=SOFT, across="left", up="bottom")
            self.pen.text((x, y + 0.24), self.captions.words.title(nodes[0]), size=WORD, across="left", up="bottom")

    def _named(
        self, placed: Placed, point: Point, across: str = "left", up: str = "center", *, cover: bool = False
    ) -> None:
        words, name = self.captions.element(placed), placed.element.name
        self.pen.text(point, words, across=across, up=up, name=name, cover=cover)

    def _before(self, placed: Placed, frame: SymbolFrame) -> Iterator[Anchor]:
        yield from self.symbols.before(self.pen, placed, frame)
        double = isinstance(placed.element.bank, Crossbars) and len(placed.signs) > 1
        drop = 0.82 if double else 0.55 if isinstance(placed.element.bank, OpAmps) else 0.42
        self._named(placed, (frame.at(0.1)[0], frame.at(0.0)[1] - drop), across="center", up="top", cover=True)

    def _port(self, placed: Placed, frame: SymbolFrame) -> Iterator[Anchor]:
        self.symbols.across(self.pen, placed.element, frame)
        self._named(placed, frame.at(0.0, 0.32))
        yield Anchor(nodes=(placed.element.ends["a"],), point=frame.start)
        yield from self._pilot(placed, frame.at(0.0))

    def _hung(self, placed: Placed, top: Point) -> Iterator[Anchor]:
        frame, ends = SymbolFrame(start=top, end=(top[0], top[1] - LONG)), placed.element.ends
        if self.symbols.across(self.pen, placed.element, frame):
            inside = {node for cell in self.cells for node in cell.nodes}
            rail = ends.get("a", DATUM) if ends.get("b", DATUM) in inside else ends.get("b", DATUM)
            if placed.foot is not None:
                self.symbols.source(self.pen, frame.end)
                at = (frame.end[0] + 0.28, frame.end[1] - 0.35)
                self.pen.text(at, self.captions.short(placed.foot.bank.label), across="left", name=placed.foot.name)
            elif rail == DATUM:
                self.symbols.ground(self.pen, frame.end)
            else:
                self.pen.text((frame.end[0], frame.end[1] - 0.06), self.captions.flag((rail,)), size=WORD, up="top")
        aside = 0.42 if isinstance(placed.element.bank, Pairs | Ports) else 0.3
        self._named(placed, frame.at(0.42, 0.12) if wide(placed) else frame.at(0.05, aside))
        if isinstance(placed.element.bank, Ports):
            yield from self._pilot(placed, frame.at(0.0))

    def _pilot(self, placed: Placed, point: Point) -> Iterator[Anchor]:
        """Yield the control of a valve; both valves of a bridge have theirs at the same side."""
        nodes = tuple(n for n in (placed.element.ends["p"], placed.element.ends["n"]) if n != DATUM)
        yield Anchor(nodes=nodes, point=(point[0] - 0.22, point[1]), control=True)

    def _back(self, placed: Placed, spot: DrawnCell) -> None:
        """Draw a conductance from the output of an op-amp back to its input."""
        left, y = spot.x - LONGEST, spot.y + 0.8
        frame = SymbolFrame(start=(left + 0.25, y), end=(spot.x - 0.05, y))
        self.pen.line([(left + 0.25, spot.y + 0.25), frame.start])
        self.pen.line([frame.end, (spot.x - 0.05, spot.y)])
        self.symbols.across(self.pen, placed.element, frame)
        self._named(placed, (frame.at(0.0)[0], y + 0.17), across="center", up="bottom")
