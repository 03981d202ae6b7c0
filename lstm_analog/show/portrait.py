"""Draw the path of one unit through its states: c against h, and each state against the next."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import LSTM
from lstm_analog.show.reading import chain_name, digital, literal, origin, pick, pick_sequence, states, steps_of
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

    Lines and dots are analog, circles digital; the path goes as the chain does, backward from the last step to the
    first, and ends at the larger dot. `sequence` chooses from a batch; `layer` counts directions of layers, and all may
    count from the end. The picture goes into `axes`, if given. Where a projection makes h of several c, h is that of
    the output of the same number.

    Raises `InvalidValueError` if the run is of another LSTM, or if there is no such layer, unit or sequence;
    `UnsupportedError` if the layer has no c, as in a GRU: `return_map` draws its h.
    """
    chain = run.layers[pick("layer", layer, len(run.layers))]
    if chain.place.c is None:
        do = "draw its h with return_map"
        raise UnsupportedError(explain("the layer", must="have cells c", got="none", do=do))
    path = _path(run, lstm, layer, unit, sequence, ("c", "h"))
    figure, drawn_in = panel(axes, _SIZE)
    _draw(drawn_in, path.ours, path.theirs, path.steps)
    drawn_in.set_xlabel("c (dimensionless)")
    drawn_in.set_ylabel("h (dimensionless)")
    own = "h" if chain.h.shape[-1] == chain.c.shape[-1] else f"h of output {path.unit}"
    drawn_in.set_title(f"{own} against c of unit {path.unit}, {chain_name(chain.place)}\n{literal(origin(run))}")
    return figure


@checked
@styled
def return_map(
    run: Run, lstm: LSTM, *, layer: int = -1, unit: int = 0, sequence: int = 0, axes: Axes | None = None
) -> Figure:
    """Return a picture of the memory of `unit` of `layer` after each step of `run` against the step before.

    The memory is c, or h where there is no c. On the grey diagonal nothing changes. A backward chain has the later step
    before the earlier one. What else there is, the arguments `lstm`, `sequence` and `axes` and the errors are those of
    `phase_portrait`.
    """
    place = run.layers[pick("layer", layer, len(run.layers))].place
    name = "h" if place.c is None else "c"
    path = _path(run, lstm, layer, unit, sequence, (name,))
    figure, drawn_in = panel(axes, _SIZE)
    ours, theirs = (np.column_stack((each[:-1], each[1:])) for each in (path.ours, path.theirs))
    _draw(drawn_in, ours, theirs, path.steps[:-1])
    ends = [float(path.theirs.min()), float(path.theirs.max())]
    drawn_in.plot(ends, ends, color=FAINT, linewidth=0.8, zorder=0)
    drawn_in.set_xlabel(f"{name} after a step (dimensionless)")
    drawn_in.set_ylabel(f"{name} after the next step (dimensionless)")
    drawn_in.set_title(f"What unit {path.unit} of {chain_name(place)} makes of its memory\n{literal(origin(run))}")
    return figure


@dataclass(frozen=True, kw_only=True, eq=False)
class _Path:
    """The states of `unit`, `ours` and `theirs` (steps, names), after each of its `steps`, in the order of its chain.

    The first are those of the machine, the others those of the digital LSTM.
    """

    unit: int
    ours: Floats
    theirs: Floats
    steps: range


def _path(run: Run, lstm: LSTM, layer: int, unit: int, sequence: int, names: tuple[str, ...]) -> _Path:
    """Return the states called `names` of `unit` of `layer` in `sequence` of `run`, beside those of `lstm`."""
    which, chain = pick_sequence(run, sequence), run.layers[layer]
    column = pick("unit", unit, chain.h.shape[-1])
    order = slice(None, None, -1 if chain.place.backward else 1)
    ours, theirs = (
        np.column_stack([states(run, getattr(trace, name), which)[order, column] for name in names])
        for trace in (chain, digital(run, lstm)[layer])
    )
    return _Path(unit=column, ours=ours, theirs=theirs, steps=range(steps_of(run, which))[order])


def _draw(axes: Axes, ours: Floats, theirs: Floats, steps: range) -> None:
    """Draw the paths (steps, 2) of the machine and of the digital LSTM, and the number of each of the `steps`."""
    axes.plot(*ours.T, color=COLOURS[0], linewidth=0.9, marker="o", markersize=3.5, label="analog")
    axes.plot(*theirs.T, "o", color=COLOURS[1], fillstyle="none", markersize=7.0, markeredgewidth=1.1, label="digital")
    axes.plot(*ours[-1:].T, "o", color=COLOURS[0], markersize=6.0)
    if len(ours) <= _FEW:
        for step, (x, y) in zip(steps, ours.tolist(), strict=True):
            axes.annotate(str(step), (x, y), xytext=(6, 5), textcoords="offset points", color=INK, fontsize=8)
    axes.legend(loc="best")
