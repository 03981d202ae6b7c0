"""The style of all pictures: sizes, colours, units and labels; and `save`, which writes them to files."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from math import floor, isfinite, log10
from pathlib import Path
from types import MappingProxyType
from typing import ParamSpec

import numpy as np
from matplotlib import style as styles
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from scipy.optimize import isotonic_regression

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.files import whole_file

WIDTH = 9.1
"""The width of every picture (inch): 1000 pixels at 110 dots per inch."""
INK, SOFT, FAINT = "#202020", "#606060", "#9a9a9a"
"""Colours of words, of words beside the point, and of lines beside the point, which are too pale for words."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", INK)
"""M. Okabe and K. Ito, Color Universal Design (2008); their yellow is too pale for a line."""
DASHES = ("-", (0, (5, 1.5)), (0, (6, 1.5, 1.2, 1.5)), (0, (1.2, 1.2)), (0, (9, 2)), (0, (3, 1, 1, 1, 1, 1)), "-")
"""The dashes of each colour, so that lines differ in black and white, too."""
_FONT = 9.0
_SETTINGS = MappingProxyType(
    {
        "font.family": "DejaVu Sans",
        "font.size": _FONT,
        "axes.labelsize": _FONT,
        "axes.titlesize": _FONT + 1,
        "figure.titlesize": _FONT + 2,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "axes.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.5,
        "legend.frameon": False,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "date.converter": "concise",
        "svg.fonttype": "none",
        "svg.hashsalt": "lstm_analog",
        "pdf.fonttype": 42,
    }
)
_PREFIXES = MappingProxyType({-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"})
_Arguments = ParamSpec("_Arguments")


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the style of this package; afterwards the user's own style is restored."""
    with styles.context(["default", dict(_SETTINGS)]):
        yield


def styled(draw: Callable[_Arguments, Figure]) -> Callable[_Arguments, Figure]:
    """Return the function `draw`, changed to draw in the style of this package."""

    @wraps(draw)
    def inner(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Figure:
        with drawing():
            return draw(*args, **kwargs)

    return inner


def panels(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, one above the other with these `heights` (inch) and a shared horizontal axis."""
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.9), layout="constrained")
    grid = figure.add_gridspec(len(heights), 1, height_ratios=list(heights))
    axes = [figure.add_subplot(grid[0])]
    axes += [figure.add_subplot(grid[row], sharex=axes[0]) for row in range(1, len(heights))]
    for above in axes[:-1]:
        above.tick_params(labelbottom=False)
    return figure, axes


def panel(axes: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return a figure and the `axes` to draw into: those given, or the only ones of a new figure of `size` (inch)."""
    if axes is None:
        figure = Figure(figsize=size, layout="constrained")
        return figure, figure.add_subplot()
    around = axes.figure
    return (around if isinstance(around, Figure) else around.figure), axes


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How to show numbers of an SI unit: divided by `factor`, in `unit` with its prefix."""

    factor: float
    unit: str


def si(size: float, unit: str) -> Scale:
    """Return the scale that shows a number `size` (> 0, in `unit`) as 1 to 1000.

    >>> si(2.5e-5, "s")
    Scale(factor=1e-06, unit='µs')
    """
    exponent = min(max(3 * floor(log10(size) / 3), min(_PREFIXES)), max(_PREFIXES))
    return Scale(factor=float(f"1e{exponent}"), unit=_PREFIXES[exponent] + unit)


_ROUNDING = 1e-6
"""Differences that are drawn as none, as a share of the values; larger: small changes are not seen."""
_LARGE = 1e4
"""What stands before the largest prefix at most."""


def amount(value: float, unit: str) -> str:
    """Return `value` with its `unit` and a prefix, three digits.

    >>> amount(1e-10, "F"), amount(999.9, "Ω")
    ('100 pF', '1 kΩ')
    """
    rounded = float(f"{value:.3g}")
    scale = si(abs(rounded) or 1.0, unit)
    if abs(rounded) >= _LARGE * scale.factor:
        return f"{value:.2g} {unit}"
    return f"{rounded / scale.factor:.4g} {scale.unit}"


def line(axes: Axes, x: Floats, y: Floats, number: int, text: str) -> Line2D:
    """Draw `y` over `x` into `axes` as line `number`, which gives its colour and dashes; `text` is its label.

    A single point is drawn as a dot.
    """
    kind, again = number % len(COLOURS), number // len(COLOURS)
    dashes = DASHES[(kind + again) % len(DASHES)]
    (drawn,) = axes.plot(x, y, color=COLOURS[kind], linestyle=dashes, marker="." if x.size == 1 else None, label=text)
    return drawn


def darker(colour: str) -> str:
    """Return `colour` darkened until words of it can be read on white: 4.5 times as dark for all `COLOURS`."""
    red, green, blue = 0.6 * np.array(to_rgb(colour)) + 0.4 * np.array(to_rgb(INK))
    return str(to_hex((red, green, blue)))


def label_ends(axes: Axes, lines: Sequence[Line2D], height: float) -> None:
    """Write the label of each of `lines`, in its colour but darker, beside its right end.

    `axes` have `height` (inch) and their final limits.
    """
    low, high = axes.get_ylim()
    ends = np.array([float(np.asarray(drawn.get_ydata())[-1]) for drawn in lines])
    places = spread(np.clip(ends, low, high), 1.25 * _FONT / 72 / height * (high - low), low, high)
    for drawn, end, place in zip(lines, ends, places, strict=True):
        axes.annotate(
            str(drawn.get_label()),
            xy=(1.0, float(end)),
            xytext=(1.025, float(place)),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            color=darker(str(drawn.get_color())),
            verticalalignment="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": drawn.get_color(), "linewidth": 0.7, "shrinkA": 1, "shrinkB": 0},
        )


def spread(values: Floats, gap: float, low: float, high: float) -> Floats:
    """Return `values` (n,) moved as little as possible to lie `gap` apart, within `low` and `high` if they fit.

    >>> spread(np.array([1.0, 0.0, 1.0]), 0.5, 0.0, 2.0)
    array([0.75, 0.  , 1.25])
    """
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(values.size)
    moved = isotonic_regression(values[order] - steps).x
    room = max(low, high - steps[-1])
    result = np.empty_like(values, dtype=float)
    result[order] = np.clip(moved, low, room) + steps
    return result


def whole_numbers(axis: Axis) -> None:
    """Mark an `axis` at whole numbers only, as steps and chips are, even if there is one."""
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def roomy(axes: Axes, *values: Floats) -> None:
    """Set the vertical limits of `axes` to the least and the largest of `values` (finite) with a margin of 8 %.

    Values that differ by rounding alone have a margin of a tenth of their size: it would be drawn as a change.
    """
    low, high = (float(end([end(each) for each in values])) for end in (np.min, np.max))
    size = max(abs(low), abs(high))
    margin = 0.08 * (high - low) if high - low > _ROUNDING * size else 0.1 * size or 1.0
    axes.set_ylim(low - margin, high + margin)


def logarithmic(axes: Axes, values: Floats) -> None:
    """Make the vertical axis of `axes` logarithmic around the positive `values`; zeros fall below it."""
    positive = values[values > 0]
    low, high = (float(positive.min()), float(positive.max())) if positive.size else (1e-17, 1e-15)
    axes.set_ylim(10.0 ** floor(log10(low)), 10.0 ** (floor(log10(high)) + 1))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)


_UNDATED = MappingProxyType({".png": "Software", ".svg": "Date", ".pdf": "CreationDate"})
"""The metadata of each format that name its date or program: left out, so that equal pictures are equal files."""


@checked
def save(figure: Figure, path: str | Path, *, dpi: float = 110.0) -> None:
    """Write `figure` to `path` by its ending: .png with `dpi` dots per inch, .svg or .pdf; whole or not at all.

    Raises `InvalidValueError` if the ending is another, or `dpi` is not above zero; `FileAccessError` if `path` cannot
    be written; nothing is left behind.
    """
    ending = Path(path).suffix.lower()
    if ending not in _UNDATED:
        must, do = f"end in {', '.join(_UNDATED)}", "choose one of these formats"
        raise InvalidValueError(explain("the name of a picture", must=must, got=ascii(Path(path).name)[:80], do=do))
    if not (dpi > 0 and isfinite(dpi)):
        must, do = "be positive and finite", "110 give 1000 pixels of width"
        raise InvalidValueError(explain("dpi", must=must, got=dpi, do=do))
    with drawing(), whole_file(path) as stream:
        figure.savefig(stream, format=ending[1:], dpi=dpi, metadata={_UNDATED[ending]: None})
