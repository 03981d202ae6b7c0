"""Draw the path of one unit through its states: c against h, and each state against the next."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import LSTM
from lstm_analog.show.reading import digital, literal, origin, pick, pick_sequence, states
from lstm_analog.show.style import COLOURS, FAINT, INK, panel, styled
from lstm_analog.study import Run

_SIZE = (5.2, 5.0)
_FEW = 12
"""Steps up to which each point has its number; with more, the numbers would cover the path."""


@checked
@styled
def phase_portrait(
    run: Run, lstm: LSTM, *, layer: int = -1, unit: int = 0, sequence: int = 0, axes: Axes | None = None
) -> Figure:
    """Return a picture of h against c of `unit` of `layer` after each step of `run`, beside that of `lstm`.

    Lines and dots are analog, circles digital; the larger dot is the last step. `sequence` chooses from a batch;
    `layer` counts directions of layers, and all may count from the end. The picture goes into `axes`, if given.

    Raises `InvalidValueError` if the run is of another LSTM, or if there is no such layer, unit or sequence;
    `UnsupportedError` if the layer has no c, as in a GRU: `return_map` draws its h.
    """
    number = pick("layer", layer, len(run.layers))
    if run.layers[number].place.c is None:
        do = "draw its h with return_map"
        raise UnsupportedError(explain("the layer", must="have cells c", got="none", do=do))
    pairs = _states(run, lstm, number, unit, sequence, ("c", "h"))
    figure, drawn_in = panel(axes, _SIZE)
    _draw(drawn_in, *pairs)
    drawn_in.set_xlabel("c (dimensionless)")
    drawn_in.set_ylabel("h (dimensionless)")
    drawn_in.set_title(f"h against c of unit {unit}, layer {number}\n{literal(origin(run))}")
    return figure


@checked
@styled
def return_map(
    run: Run, lstm: LSTM, *, layer: int = -1, unit: int = 0, sequence: int = 0, axes: Axes | None = None
) -> Figure:
    """Return a picture of the memory of `unit` of `layer` after each step of `run` against the step before.

    The memory is c, or h where there is no c. On the grey diagonal nothing changes. What else there is, the arguments
    `lstm`, `sequence` and `axes` and the errors are those of `phase_portrait`.
    """
    number = pick("layer", layer, len(run.layers))
    name = "h" if run.layers[number].place.c is None else "c"
    ours, theirs = _states(run, lstm, number, unit, sequence, (name,))
    figure, drawn_in = panel(axes, _SIZE)
    _draw(drawn_in, *(np.column_stack((each[:-1], each[1:])) for each in (ours, theirs)))
    ends = [float(theirs.min()), float(theirs.max())]
    drawn_in.plot(ends, ends, color=FAINT, linewidth=0.8, zorder=0)
    drawn_in.set_xlabel(f"{name} after a step (dimensionless)")
    drawn_in.set_ylabel(f"{name} after the next step (dimensionless)")
    drawn_in.set_title(f"What unit {unit} of layer {number} makes of its memory\n{literal(origin(run))}")
    return figure


def _states(
    run: Run, lstm: LSTM, layer: int, unit: int, sequence: int, names: tuple[str, ...]
) -> tuple[Floats, Floats]:
    """Return the states (steps, names) of one unit, analog and digital."""
    which = pick_sequence(run, sequence)
    column = pick("unit", unit, run.layers[layer].h.shape[-1])
    traces = run.layers[layer], digital(run, lstm)[layer]
    ours, theirs = (
        np.column_stack([states(run, getattr(trace, name), which)[:, column] for name in names]) for trace in traces
    )
    return ours, theirs


def _draw(axes: Axes, ours: Floats, theirs: Floats) -> None:
    """Draw the paths (steps, 2) of the machine and of the digital LSTM."""
    axes.plot(*ours.T, color=COLOURS[0], linewidth=0.9, marker="o", markersize=3.5, label="analog")
    axes.plot(*theirs.T, "o", color=COLOURS[1], fillstyle="none", markersize=7.0, markeredgewidth=1.1, label="digital")
    axes.plot(*ours[-1:].T, "o", color=COLOURS[0], markersize=6.0)
    if len(ours) <= _FEW:
        for step, (x, y) in enumerate(ours.tolist()):
            axes.annotate(str(step), (x, y), xytext=(6, 5), textcoords="offset points", color=INK, fontsize=8)
    axes.legend(loc="best")
