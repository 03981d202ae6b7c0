"""Draw a moment of a unit: gates as bars, memories as vessels, c and h so far as lines."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from lstm_analog.arrays import Floats
from lstm_analog.show.animations.moments import Moment
from lstm_analog.show.style import COLOURS, DASHES, FAINT, INK, SOFT

_WIDE, _HIGH, _DPI = 8.6, 4.8, 92.0
_FLUID, _OPEN = "#7fb4dc", COLOURS[4]
_DrawnVessel = tuple[Rectangle, Rectangle, Text, Text]
"""Fluid, valve, number, and the word at an open valve."""


class Scene:
    """A picture that is drawn again for each moment; `draw` returns it as an image.

    Parameters
    ----------
    title : str
        What it shows.
    gates : sequence of (str, float)
        Name and lowest value of each gate, 0 or -1; the highest is 1.
    all_moments : sequence of Moment
        What will be shown, for the limits.
    states : mapping of str to float array, (steps,)
        c and h of the digital LSTM after each step.
    plumbing : bool
        Whether levels are those of tanks, or voltages of capacitors.
    backward : bool
        Whether moments go from the last step to the first, as the unit takes them.
    """

    def __init__(
        self,
        title: str,
        gates: Sequence[tuple[str, float]],
        all_moments: Sequence[Moment],
        states: Mapping[str, Floats],
        *,
        plumbing: bool,
        backward: bool,
    ) -> None:
        """Draw what does not move."""
        self._figure = Figure(figsize=(_WIDE, _HIGH), dpi=_DPI)
        self._canvas = FigureCanvasAgg(self._figure)
        self._figure.text(0.03, 0.95, title, fontsize=10, weight="bold")
        self._said = self._figure.text(0.03, 0.895, "", fontsize=9.5)
        self._bars, self._values = _gate_panel(self._figure, gates)
        levels = [vessel.level for moment in all_moments for vessel in moment.vessels]
        self._reach = 1.15 * max(float(np.abs(levels).max()), 0.1)
        self._vessels = _vessel_panel(self._figure, [v.name for v in all_moments[0].vessels], self._reach, plumbing)
        first, last = all_moments[0].step, all_moments[-1].step
        self._backward = backward
        names = [vessel.name for vessel in all_moments[0].vessels if not vessel.name.startswith("new")]
        shown = range(min(first, last), max(first, last) + 1)
        self._axes = _trace_panel(self._figure, shown, states, self._reach, backward=backward)
        self._lines = {
            name: self._axes.plot([], [], color=COLOURS[k], linestyle=DASHES[k], label=f"{name}, analog")[0]
            for k, name in enumerate(names)
        }
        self._axes.legend(loc="upper left", ncols=4, fontsize=8, bbox_to_anchor=(0.0, 1.28), borderaxespad=0.0)
        self._past: dict[str, list[tuple[float, float]]] = {name: [] for name in names}

    def draw(self, moment: Moment) -> Image.Image:
        """Return the picture of `moment`, 256 colours; moments are drawn in their order."""
        self._said.set_text(f"Step {moment.step}: {moment.words}")
        for bar, text, value in zip(self._bars, self._values, moment.gates, strict=True):
            bar.set_width(float(value))
            text.set_text(f"{value:.2f}")
        for (fluid, valve, text, opened), vessel in zip(self._vessels, moment.vessels, strict=True):
            fluid.set_height(vessel.level + self._reach)
            text.set_text(f"{vessel.level:+.2f}")
            valve.set_facecolor(_OPEN if vessel.open else "white")
            opened.set_visible(vessel.open)
        for vessel in moment.vessels:
            if vessel.name in self._past:
                place = moment.step + (1.0 - moment.inside if self._backward else moment.inside)
                self._past[vessel.name].append((place, vessel.level))
                self._lines[vessel.name].set_data(*zip(*self._past[vessel.name], strict=True))
        self._canvas.draw()  # type: ignore[no-untyped-call]
        image = Image.fromarray(np.asarray(self._canvas.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]
        return image.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _gate_panel(figure: Figure, gates: Sequence[tuple[str, float]]) -> tuple[list[Rectangle], list[Text]]:
    axes = figure.add_axes((0.14, 0.42, 0.27, 0.42))
    bars, values = [], []
    for row, (name, low) in enumerate(gates):
        y = len(gates) - 1 - row
        axes.add_patch(Rectangle((low, y - 0.28), 1.0 - low, 0.56, facecolor="#eceff1", edgecolor="none"))
        bars.append(Rectangle((0.0, y - 0.28), 0.0, 0.56, facecolor=COLOURS[row % 6], edgecolor="none"))
        axes.add_patch(bars[-1])
        values.append(axes.text(1.06, y, "", va="center", fontsize=9))
        axes.text(-1.06, y, name, va="center", ha="right", fontsize=9)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set(xlim=(-1.0, 1.0), ylim=(-0.6, len(gates) - 0.4), yticks=[], xticks=[-1, 0, 1])
    axes.set_xticklabels(["-1", "0: shut", "1: open"])
    axes.spines["left"].set_visible(False)
    return bars, values


def _vessel_panel(figure: Figure, names: Sequence[str], reach: float, plumbing: bool) -> list[_DrawnVessel]:
    axes = figure.add_axes((0.53, 0.36, 0.45, 0.54))
    found = []
    for column, name in enumerate(names):
        x = 1.5 * column
        fluid = Rectangle((x, -reach), 0.9, 0.0, facecolor=_FLUID, edgecolor="none")
        axes.add_patch(fluid)
        axes.plot([x, x, x + 0.9, x + 0.9], [reach, -reach, -reach, reach], color=INK, linewidth=1.6)
        pipe = 0.06 * reach
        axes.plot([x - 0.6, x], [-0.9 * reach] * 2, color=INK, linewidth=1.6)
        size = (0.22, 3.2 * pipe)
        valve = Rectangle((x - 0.42, -0.9 * reach - size[1] / 2), *size, edgecolor=INK, zorder=3)
        axes.add_patch(valve)
        axes.text(x + 0.45, -1.14 * reach, name, ha="center", va="top", fontsize=10)
        text = axes.text(x + 0.45, 1.06 * reach, "", ha="center", fontsize=9)
        opened = axes.text(x - 0.31, -0.72 * reach, "open", ha="center", fontsize=8)
        found.append((fluid, valve, text, opened))
    right = 1.5 * len(names) - 0.5
    axes.plot([-0.6, right], [0.0, 0.0], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=3)
    axes.text(right, 0.0, " zero", va="center", ha="left", fontsize=8, color=SOFT)
    word = "tanks" if plumbing else "capacitors"
    said = f"levels of {word} in units of signal; each is filled through its {'valve' if plumbing else 'switch'}"
    axes.text(-0.6, -1.42 * reach, said, fontsize=8, color=SOFT, va="top")
    axes.set(xlim=(-0.7, right + 0.5), ylim=(-1.6 * reach, 1.2 * reach))
    axes.set_axis_off()
    return found


def _trace_panel(figure: Figure, steps: range, states: Mapping[str, Floats], reach: float, *, backward: bool) -> Axes:
    axes = figure.add_axes((0.08, 0.09, 0.9, 0.19))
    for k, (name, values) in enumerate(states.items()):
        places = np.arange(steps.start, steps.stop) + (0.0 if backward else 1.0)
        axes.plot(places, values[steps.start : steps.stop], "o", color=COLOURS[k], fillstyle="none", markersize=6,
                  label=f"{name}, digital")  # fmt: skip
    ends = (steps.stop, steps.start - 0.1) if backward else (steps.start, steps.stop + 0.1)
    axes.set(xlim=ends, ylim=(-reach, reach), xticks=list(range(steps.start, steps.stop + 1)))
    axes.set_xlabel("step of the sequence, taken from its end" if backward else "steps done", fontsize=8)
    axes.axhline(0.0, color=FAINT, linewidth=0.6)
    return axes
