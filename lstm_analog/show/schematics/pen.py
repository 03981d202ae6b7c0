"""Draw lines, shapes and texts of a schematic into axes, in units of the grid; frames turn symbols."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon

from lstm_analog.show.style import INK

Point = tuple[float, float]
LINE = 1.1
"""Width of wires and symbols (points)."""
SMALL, WORD = 6.5, 8.0
"""Sizes of names with values, and of words (points)."""
DASHED = (0, (3.5, 2.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Pen:
    """Draws into `axes`; `points` are in units of the grid, `size` is that of a font (points)."""

    axes: Axes

    def line(self, points: Sequence[Point], *, dashed: bool = False, width: float = LINE) -> None:
        """Draw a line through `points`, `dashed` or not, with a `width` (points)."""
        x, y = zip(*points, strict=True)
        style = DASHED if dashed else "-"
        self.axes.plot(x, y, color=INK, linestyle=style, linewidth=width, solid_capstyle="round", zorder=2)

    def polygon(self, points: Sequence[Point], *, fill: str = "none", colour: str = INK) -> None:
        """Draw the closed polygon through `points`, its edge in `colour`, its inside in `fill`."""
        self.axes.add_patch(
            Polygon(np.array(points), closed=True, facecolor=fill, edgecolor=colour, linewidth=LINE, zorder=3)
        )

    def circle(self, centre: Point, radius: float, *, fill: str = "white") -> None:
        """Draw a circle of `radius` about `centre`, its inside in `fill`."""
        self.axes.add_patch(Circle(centre, radius, facecolor=fill, edgecolor=INK, linewidth=LINE, zorder=3))

    def arrow(self, start: Point, end: Point) -> None:
        """Draw an arrow from `start` to `end`."""
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 6}
        self.axes.annotate("", xy=end, xytext=start, arrowprops=arrow, zorder=4)

    def text(
        self,
        place: Point,
        words: str,
        *,
        size: float = SMALL,
        colour: str = INK,
        across: str = "center",
        up: str = "center",
        weight: str = "normal",
        name: str | None = None,
        cover: bool = False,
    ) -> None:
        """Write `words` at `place`, in `colour` and `weight`, aligned `across` and `up`; `name` is the artist's gid.

        With `cover`, they hide the wires behind them.
        """
        drawn = self.axes.text(*place, words, fontsize=size, color=colour, ha=across, va=up, weight=weight, zorder=5)
        drawn.set_gid(name)
        if cover:
            drawn.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.6})


@dataclass(frozen=True, kw_only=True)
class SymbolFrame:
    """A frame for a symbol: `start` and `end` of the line through it; (s, t) are along that line and to its left."""

    start: Point
    end: Point

    @property
    def length(self) -> float:
        """The distance of the ends."""
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))

    @property
    def upright(self) -> bool:
        """Whether the line runs up or down."""
        return abs(self.end[1] - self.start[1]) > abs(self.end[0] - self.start[0])

    def at(self, s: float, t: float = 0.0) -> Point:
        """Return the point `s` behind the middle of the line and `t` to its left."""
        ux, uy = (self.end[0] - self.start[0]) / self.length, (self.end[1] - self.start[1]) / self.length
        x, y = (self.start[0] + self.end[0]) / 2, (self.start[1] + self.end[1]) / 2
        return x + s * ux - t * uy, y + s * uy + t * ux

    def all(self, *places: Point) -> list[Point]:
        """Return the points of these `places` (s, t)."""
        return [self.at(s, t) for s, t in places]
