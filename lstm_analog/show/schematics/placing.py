"""Place the cells of a unit on a grid: strips below each other, signals from left to right, a lane for each input."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lstm_analog.compiler import LayerLayout
from lstm_analog.show.schematics.cells import NodeCell
from lstm_analog.show.schematics.unit import UnitParts

_Grid = dict[int, tuple[int, int]]
"""Column and lane by the number of the cell."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """A part of the drawing with a `title`: (column, lane) of each of its cells, by number of the cell."""

    title: str
    places: Mapping[int, tuple[int, int]]

    @property
    def columns(self) -> int:
        """The number of columns."""
        return 1 + max(column for column, _ in self.places.values())

    @property
    def lanes(self) -> int:
        """The number of lanes."""
        return 1 + max(lane for _, lane in self.places.values())


def strips(cells: tuple[NodeCell, ...], parts: UnitParts, place: LayerLayout, unit: int) -> tuple[Strip, ...]:
    """Return the strips of the drawing of `cells`: long rows of weights, then each memory, then what is left.

    `parts` are those of the `unit` of the chain at `place`.
    """
    owner = {node: number for number, cell in enumerate(cells) for node in cell.nodes}
    unknowns = parts.network.unknowns

    def cell_at(label: str) -> int | None:
        nodes = unknowns[label]
        return owner.get(int(nodes[unit])) if unit < nodes.size else None

    memories = {name: cell_at(spot.group) for name, spot in (("c", place.c), ("h", place.h)) if spot is not None}
    rows = [number for spot in place.z if (number := cell_at(spot.group)) is not None]
    feeds = {k: _inner(cell.inputs, owner, k) for k, cell in enumerate(cells)}
    held = _copies({k for k in memories.values() if k is not None}, feeds)
    placer = _Placer(feeds, {*held, *(k for k in memories.values() if k is not None)})
    found = []
    before = [_closure(row, feeds) for row in rows]
    apart = len(set().union(*before)) == sum(map(len, before)) and not placer.ends & set().union(*before)
    if apart and any(feeds[row] for row in rows):
        found.append(Strip(title="weighted sums", places=_side_by_side([placer.take([row]) for row in rows])))
    for last in memories.values():
        if last is not None and last not in placer.seen:
            places = placer.take([last])
            copies = [k for k in held if last in _upstream(k, feeds)]
            names = [word for word, end in memories.items() if end == last or end in places]
            title = "memory " + " and ".join(names)
            found.append(Strip(title=title, places=_appended(places, copies, feeds)))
            placer.seen.update(copies)
    left = [k for k in range(len(cells)) if k not in placer.seen]
    if left:
        ends = [k for k in left if not any(k in feeds[other] for other in left)] or left[:1]
        found.append(Strip(title="others", places=placer.take([*ends, *left])))
    return tuple(found)


def _inner(inputs: Iterable[int], owner: Mapping[int, int], cell: int) -> list[int]:
    return [k for k in dict.fromkeys(owner[node] for node in inputs if node in owner) if k != cell]


def _closure(cell: int, feeds: Mapping[int, list[int]]) -> set[int]:
    """Return `cell` and all cells before it."""
    seen, waiting = set(), [cell]
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += feeds[each]
    return seen


def _copies(slaves: set[int], feeds: Mapping[int, list[int]]) -> list[int]:
    """Return the cells that repeat the held value of a memory: all their inputs are slaves or such cells."""
    found: list[int] = []
    for _ in feeds:
        new = [k for k, inputs in feeds.items() if k not in (*slaves, *found) and inputs]
        new = [k for k in new if all(i in slaves or i in found for i in feeds[k]) and len(feeds[k]) == 1]
        if not new:
            break
        found += new
    return found


def _upstream(cell: int, feeds: Mapping[int, list[int]]) -> set[int]:
    """Return `cell` and the cells that it repeats."""
    seen = [cell]
    while feeds[seen[-1]] and len(feeds[seen[-1]]) == 1 and feeds[seen[-1]][0] not in seen:
        seen.append(feeds[seen[-1]][0])
    return set(seen)


class _Placer:
    """Gives cells their places, from the last one back: `feeds` are their inputs, `ends` are not gone through."""

    def __init__(self, feeds: Mapping[int, list[int]], ends: set[int]) -> None:
        self.feeds, self.ends = feeds, ends
        self.seen: set[int] = set()

    def take(self, last: list[int]) -> _Grid:
        """Return the places of the cells in `last` and of all before them that have no place yet."""
        grid: _Grid = {}
        for cell in last:
            if cell not in self.seen:
                self._place(cell, grid, first=True)
        return grid

    def _place(self, cell: int, grid: _Grid, *, first: bool = False) -> None:
        if cell in self.seen or (cell in self.ends and not first):
            return
        self.seen.add(cell)
        before = []
        for each in self.feeds[cell]:
            self._place(each, grid)
            before += [each] if each in grid else []
        column = 1 + max((grid[each][0] for each in before), default=-1)
        lane = _lane(before, grid)
        while (column, lane) in grid.values():
            lane += 1
        grid[cell] = column, lane


def _lane(before: list[int], grid: _Grid) -> int:
    """Return the lane of a cell after those `before` it, or the next free one if there are none.

    It is that of the second of two, which controls the first, if a wire from there meets no other cell; else that of
    the first one.
    """
    if not before:
        return 1 + max((lane for _, lane in grid.values()), default=-1)
    column, lane = grid[before[-1]]
    free = not any(place > column for place, row in grid.values() if row == lane)
    return lane if len(before) == 2 and free else grid[before[0]][1]


def _side_by_side(grids: list[_Grid]) -> _Grid:
    """Return the `grids` in two columns, one below the other."""
    wide = 1 + max(column for grid in grids for column, _ in grid.values())
    tall = 1 + max(lane for grid in grids for _, lane in grid.values())
    half = (len(grids) + 1) // 2
    result: _Grid = {}
    for number, grid in enumerate(grids):
        across, down = (number // half) * wide, (number % half) * tall
        result |= {cell: (column + across, lane + down) for cell, (column, lane) in grid.items()}
    return result


def _appended(places: _Grid, copies: list[int], feeds: Mapping[int, list[int]]) -> _Grid:
    """Return `places` with the `copies` of the held value behind it."""
    result = dict(places)
    for copy in copies:
        (before,) = feeds[copy]
        column, lane = result[before]
        while (column + 1, lane) in result.values():
            lane += 1
        result[copy] = column + 1, lane
    return result
