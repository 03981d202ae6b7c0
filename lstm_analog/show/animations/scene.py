"""Draw a moment of a unit: gates as bars, memories as vessels, c and h so far as lines.

`moments` reads from a run how far the gates of a unit are open and how full its memories are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Spot
from lstm_analog.compiler.timing import COPY, RESET, compute_line
from lstm_analog.model.reference import activate
from lstm_analog.network.parts import ALWAYS, Inertances, Pairs, Ports, Switches
from lstm_analog.show.reading import Trail, Window, window
from lstm_analog.show.schematics.unit import ends_of
from lstm_analog.show.style import COLOURS, DASHES, FAINT, INK
from lstm_analog.study import Run

_PARTS = np.array([0.015, 0.04, 0.08, 0.13, 0.2, 0.35, 1.0])
"""Parts of an interval that settles at which it is shown: what moves, moves at its start. More: smoother and larger."""
_EVEN = np.linspace(0.2, 1.0, 5)
"""Those of an interval in which a memory leaks and fills, which moves all along."""
_WORDS = {
    "setup": "new inputs arrive",
    "compute": "the gates settle, the new values are made",
    "settle": "the gates settle",
    "leak": "the memories drain and fill",
    "hold": "everything holds",
    "rest": "everything holds",
    "copy": "the new values are copied",
    "readout": "the values are read",
}
"""What happens in an interval, by its name without the number of the stage."""
_MOVES = ("settle", "leak", "compute")
"""Intervals in which one stage works alone."""
_FLOWS = ("a", "b", "out")
"""Ends of parts through which something flows."""


@dataclass(frozen=True, kw_only=True)
class StorageLevel:
    """A memory's storage called `name`, with its `level` in units of signal; `open` if its valve or switch is."""

    name: str
    level: float
    open: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """What a unit does at `time` (s) since the start of `step`; `words` say what happens in the interval.

    `gates` (gates,) are dimensionless, `vessels` the storages of c and h, new values first. `inside` is how far the
    step has gone, 0 to 1, as frames count.
    """

    step: int
    time: float
    words: str
    gates: Floats
    vessels: tuple[StorageLevel, ...]
    inside: float

    def told(self, names: Sequence[str]) -> str:
        """Return the moment in a sentence, the gates by their `names`."""
        gates = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, self.gates, strict=True))
        levels = ", ".join(f"{vessel.name} {vessel.level:.2f}" for vessel in self.vessels)
        return f"step {self.step}: {self.words}; {gates}; {levels}"


def moments(run: Run, steps: range, *, layer: int, unit: int, sequence: int) -> Iterator[Moment]:
    """Yield the moments of `unit` of `layer` in `steps` of `sequence` of `run`, in order.

    Raises `InvalidValueError` if there is no such step, layer, unit or sequence, or if the run has too few points.
    """
    for step in steps:
        view = window(run, step, layer=layer, unit=unit, sequence=sequence)
        yield from _of_step(view)


def _of_step(view: Window) -> Iterator[Moment]:
    layout, compiled = view.layout, view.run.compiled
    gates = np.stack([view.signal(spot) / view.scale(spot.group) for spot in layout.z], axis=-1)
    opened = activate(layout.activations, gates[..., None])[..., 0]
    spots = {name: spot for name, spot in (("c", layout.c), ("h", layout.h)) if spot is not None}
    curves = [curve for name, spot in spots.items() for curve in _curves(view, name, spot)]
    times = list(_times(view))
    cycle = compiled.cycle.step
    words = [_said(view, interval.name) for interval in cycle]
    for number, (interval, time) in enumerate(times):
        yield Moment(
            step=view.step,
            time=time,
            words=words[interval],
            gates=np.array([np.interp(time, view.time, opened[:, gate]) for gate in range(opened.shape[1])]),
            vessels=tuple(
                StorageLevel(
                    name=name,
                    level=float(np.interp(time, view.time, values)),
                    open=line in compiled.cycle.step[interval].high,
                )
                for name, values, line in curves
            ),
            inside=(number + 1) / len(times),
        )


def _said(view: Window, name: str) -> str:
    """Return what happens to the unit of `view` in the interval called `name`."""
    kind = name.rstrip("0123456789")
    layers = _layers(view)
    if kind in _MOVES and (number := int(name.removeprefix(kind))) != layers.index(view.layout.layer):
        return f"layer {layers[number]} computes" if number < len(layers) else "the read-out computes"
    return _WORDS.get(kind, "everything holds")


def _layers(view: Window) -> list[int]:
    """Return the numbers of the layers in the pass of `view`, in the order of their stages."""
    return list(dict.fromkeys(place.layer for place in view.run.compiled.layout.layers))


def _times(view: Window) -> Iterator[tuple[int, float]]:
    """Yield the intervals and the times at which they are shown: of pauses, in which no line is high, only the end."""
    for number, (interval, left, right) in enumerate(
        zip(view.run.compiled.cycle.step, view.edges, view.edges[1:], strict=False)
    ):
        for part in _PARTS if interval.settles else _EVEN if interval.high else _EVEN[-1:]:
            yield number, float(left + part * (right - left))


def _curves(view: Window, name: str, spot: Spot) -> Iterator[tuple[str, Floats, str]]:
    """Yield the storages of the memory `name` at `spot`: plain name, levels (points,), and the line that opens it.

    Where an op-amp passes on what a capacitor holds, the level is that of the capacitor.
    """
    trails = {trail.role: trail for trail in view.trails(spot)}
    for role in ("master", "slave", "store"):
        if role in trails:
            trail = trails.get(f"{role} cap", trails[role])
            called = f"new {name}" if role == "master" else name
            yield called, view.effort(trail.label, trail.against) / view.scale(trail.label), _opened_by(view, trail)


def _opened_by(view: Window, trail: Trail) -> str:
    """Return the clock line on which the storage at `trail` is filled: that of the parts that pass a flow to it.

    Parts that set it at the start are left out. Where no part is clocked, as in transistor cells, which have pins for
    their clock, a master is filled as its stage computes.
    """
    network, copied = view.run.compiled.network, "master" not in trail.role
    node, others = network.unknowns[trail.label][view.unit], (RESET,) if copied else (RESET, COPY)
    found = [
        network.lines[part.line]
        for part in network.parts
        if isinstance(part, Switches | Inertances | Pairs | Ports) and part.line != ALWAYS
        for end, nodes in ends_of(part).items()
        if end in _FLOWS and node in nodes
    ]
    usual = COPY if copied else compute_line(_layers(view).index(view.layout.layer))
    return next((line for line in found if line not in others), usual)


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
    axes.text(right, 0.0, " zero", va="center", ha="left", fontsize=8, color="#606060")
    word = "tanks" if plumbing else "capacitors"
    said = f"levels of {word} in units of signal; each is filled through its {'valve' if plumbing else 'switch'}"
    axes.text(-0.6, -1.42 * reach, said, fontsize=8, color="#606060", va="top")
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
