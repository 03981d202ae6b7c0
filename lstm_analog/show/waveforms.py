"""Draw the waveforms of one unit during one step, with its clock lines."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Spot
from lstm_analog.doors import checked
from lstm_analog.model import LSTM, LayerTrace
from lstm_analog.model.reference import activate
from lstm_analog.show.reading import Window, chain_name, digital, literal, one, origin, window
from lstm_analog.show.style import FAINT, INK, WIDTH, Scale, label_ends, line, panels, roomy, si, styled
from lstm_analog.study import Run

_LANE, _PANEL = 0.27, 1.55
_NAME = 8.0
_LABEL = 0.17
"""Height of a label of a curve (inch)."""
DrawnCurve = tuple[str, Floats]
"""A label, and the values (points,) at the points of the window."""
Sample = tuple[float, float]
"""A time (s since the start of the step) and the digital value there."""


@checked
@styled
def step_waveforms(
    run: Run, step: int, *, lstm: LSTM | None = None, layer: int = 0, unit: int = 0, sequence: int = 0
) -> Figure:
    """Return a picture of the waveforms of `unit` of `layer` of `run` during `step`, with its clock lines on top.

    Panels have the pre-activations, the gates (their curves of the pre-activations), c, if the cell has one, and h,
    each with every junction and storage on its way. `lstm` adds its digital values as short bars at the times of
    sampling. `sequence` chooses from a batch; `layer` counts directions of layers. All count from zero, or from the
    end, as -1. The run needs points within the intervals: `Integrate(points=60)`.

    Raises `InvalidValueError` if the run is of another LSTM than `lstm`, if there is no such step, layer, unit or
    sequence, or if the trajectory has too few points.
    """
    view = window(run, step, layer=layer, unit=unit, sequence=sequence)
    numeric = None if lstm is None else digital(run, lstm)[view.layer]
    clock = si(float(view.edges[-1]), "s")
    lines = _lines(view)
    memories = [spot for spot in (view.layout.c, view.layout.h) if spot is not None]
    heights = [_PANEL, _PANEL, *(_height(len(view.trails(spot))) for spot in memories)]
    figure, (lanes, *rest) = panels([_LANE * len(lines) + 0.1, *heights])
    _draw_clock(lanes, view, lines, clock)
    c, h = view.layout.c, view.layout.h
    _draw_rows(rest[0], view, clock, numeric)
    _draw_gates(rest[1], view, clock, numeric)
    if c is not None:
        _draw_memory(rest[2], view, c, "c", clock, None if numeric is None else numeric.c)
    _draw_memory(rest[-1], view, h, "h", clock, None if numeric is None else numeric.h)
    for axes in (lanes, *rest):
        axes.set_xlim(0.0, float(view.edges[-1]) / clock.factor)
        for edge in view.edges:
            axes.axvline(float(edge) / clock.factor, color=FAINT, linewidth=0.4, zorder=0)
    rest[-1].set_xlabel(f"time since the start of step {view.step} ({clock.unit})")
    figure.align_ylabels()
    bars = "" if numeric is None else "\nblack bars: the digital LSTM, where each signal is sampled"
    figure.suptitle(f"Unit {view.unit} of {chain_name(view.layout)} in step {view.step}: {literal(origin(run))}{bars}")
    return figure


def _height(curves: int) -> float:
    """Return the height of a panel (inch) in which each of so many `curves` has room for its label."""
    return max(_PANEL, _LABEL * curves)


def _lines(view: Window) -> list[str]:
    """Return the clock lines that are high at some time of the step, in the order in which they rise."""
    return list(dict.fromkeys(name for interval in view.run.compiled.cycle.step for name in sorted(interval.high)))


def _draw_clock(axes: Axes, view: Window, lines: list[str], clock: Scale) -> None:
    edges = view.edges / clock.factor
    for lane, name in enumerate(reversed(lines)):
        level = np.where([name in interval.high for interval in view.run.compiled.cycle.step], 0.68, 0.0)
        (drawn,) = axes.step(edges, lane + np.append(level, level[-1]), where="post", color=INK, linewidth=1.0)
        drawn.set_label(name)
        axes.fill_between(edges, lane, lane + np.append(level, level[-1]), step="post", color="#dde6ee", linewidth=0)
    axes.set_ylim(-0.15, len(lines))
    axes.set_yticks(np.arange(len(lines)) + 0.34, labels=lines[::-1])
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("clock")
    _name_intervals(axes, view.names, edges)


def _name_intervals(axes: Axes, names: Sequence[str], edges: Floats) -> None:
    """Write `names` above their intervals, vertical above narrow ones, and left out if the last one is too near."""
    points_a_unit = 0.8 * WIDTH * 72 / (edges[-1] - edges[0])
    last = -np.inf
    for name, left, right in zip(names, edges, edges[1:], strict=False):
        along = (right - left) * points_a_unit > 0.65 * _NAME * len(name)
        middle = 0.5 * (left + right)
        if along or (middle - last) * points_a_unit > 1.4 * _NAME:
            axes.text(
                middle,
                1.03,
                name,
                transform=axes.get_xaxis_transform(),
                fontsize=_NAME,
                rotation=0 if along else 90,
                ha="center",
                va="bottom",
            )
            last = middle


def _draw_rows(axes: Axes, view: Window, clock: Scale, numeric: LayerTrace | None) -> None:
    spots, gates = view.layout.z, view.layout.gates
    effort = _effort(view, spots[0])
    curves = [(f"$z_{gate.letter}$", view.signal(spots[gate]) / effort.factor) for gate in gates]
    samples: list[Sample] = []
    if numeric is not None:
        units = [view.scale(spot.group) / effort.factor for spot in spots]
        z = one(view.run, numeric.z, view.sequence)[view.step, :, view.unit]
        samples = [(view.moment(spots[gate]), z[gate] * units[gate]) for gate in gates]
    _draw(axes, view, curves, samples, clock)
    axes.set_ylabel(f"pre-activations\nz ({effort.unit})")


def _draw_gates(axes: Axes, view: Window, clock: Scale, numeric: LayerTrace | None) -> None:
    spots, gates = view.layout.z, view.layout.gates
    z = np.stack([view.signal(spot) / view.scale(spot.group) for spot in spots], axis=-1)
    values = activate(view.layout.activations, z[..., None])[..., 0]
    samples: list[Sample] = []
    if numeric is not None:
        digits = one(view.run, numeric.gates, view.sequence)[view.step, :, view.unit]
        samples = [(view.moment(spots[gate]), digits[gate]) for gate in gates]
    _draw(axes, view, [(gate.letter, values[:, gate]) for gate in gates], samples, clock)
    axes.set_ylabel("gates\n(dimensionless)")


def _draw_memory(axes: Axes, view: Window, spot: Spot, name: str, clock: Scale, numeric: Floats | None) -> None:
    effort = _effort(view, spot)
    curves = [(trail.role, view.effort(trail.label, trail.against) / effort.factor) for trail in view.trails(spot)]
    samples: list[Sample] = []
    if numeric is not None:
        value = one(view.run, numeric, view.sequence)[view.step, view.unit]
        samples = [(view.moment(spot), value * view.scale(spot.group) / effort.factor)]
    _draw(axes, view, curves, samples, clock)
    axes.set_ylabel(f"{name} ({effort.unit})")


def _effort(view: Window, spot: Spot) -> Scale:
    """Return the scale for efforts of a few units of signal."""
    return si(4.0 * view.scale(spot.group), view.run.compiled.network.domain.effort_unit)


def _draw(axes: Axes, view: Window, curves: Iterable[DrawnCurve], samples: Sequence[Sample], clock: Scale) -> None:
    """Draw `curves` over the time of `view`, and each of the digital `samples` as a short bar at its time."""
    time = view.time / clock.factor
    drawn = [line(axes, time, values, number, label) for number, (label, values) in enumerate(curves)]
    bar = 0.012 * float(view.edges[-1])
    for moment, value in samples:
        ends = np.array([moment - bar, moment + bar]) / clock.factor
        (drawn_bar,) = axes.plot(
            ends, [value, value], color=INK, linewidth=1.8, clip_on=False, zorder=5, label="digital"
        )
        drawn_bar.set_solid_capstyle("butt")
    roomy(axes, *(np.asarray(curve.get_ydata()) for curve in axes.get_lines()))
    label_ends(axes, drawn, _height(len(drawn)))
