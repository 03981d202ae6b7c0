"""Draw the states over a whole sequence, of the machine and of the digital LSTM."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.model import LSTM
from lstm_analog.show.reading import (
    chain_name,
    chosen_units,
    digital,
    literal,
    origin,
    pick,
    pick_sequence,
    states,
    steps_of,
)
from lstm_analog.show.style import COLOURS, INK, label_ends, line, logarithmic, panels, roomy, styled, whole_numbers
from lstm_analog.study import Run

_STATE, _DIFFERENCE = 2.0, 1.6


@checked
@styled
def sequence(run: Run, lstm: LSTM, *, layer: int = -1, units: Sequence[int] | None = None, sequence: int = 0) -> Figure:
    """Return a picture of h and c of `layer` after each step of `run` and of `lstm`, and the largest difference.

    A layer without c, as in a GRU, has h only. `units` are those to draw, the first six unless given; `sequence`
    chooses from a batch; `layer` may count from the end. Lines are analog, circles digital. A difference of zero falls
    below the logarithmic axis.

    Raises `InvalidValueError` if the run is of another LSTM, if there is no such layer, unit or sequence, or if `units`
    are not 1 to 6.
    """
    number = pick("layer", layer, len(run.layers))
    chosen = chosen_units(units, run.layers[number].h.shape[-1])
    which = pick_sequence(run, sequence)
    numeric = digital(run, lstm)[number]
    names = ["h", "c"] if numeric.c.size else ["h"]
    figure, (*for_states, for_both) = panels([*[_STATE] * len(names), _DIFFERENCE])
    differences = []
    for axes, name in zip(for_states, names, strict=True):
        ours, theirs = (states(run, getattr(trace, name), which)[:, chosen] for trace in (run.layers[number], numeric))
        _draw_states(axes, ours, theirs, chosen)
        axes.set_ylabel(f"{name} (dimensionless)")
        differences.append((f"|Δ{name}|", np.abs(ours - theirs).max(axis=-1)))
    _draw_differences(for_both, differences)
    steps = steps_of(run, which)
    for_both.set_xlim(-0.02 * steps - 0.1, 1.01 * (steps - 1) + 0.1)
    whole_numbers(for_both.xaxis)
    for_both.set_xlabel("step")
    figure.align_ylabels()
    every = _counted(len(chosen), run.layers[number].h.shape[-1], numeric.c.shape[-1])
    title = chain_name(lstm.chains[number]).capitalize()
    figure.suptitle(f"{title}, {every}: {literal(origin(run))}\nlines: analog; circles: digital")
    return figure


def _counted(drawn: int, outputs: int, cells: int) -> str:
    """Return how many are `drawn` of the units; of a projection `outputs` h and of so many `cells` c, which differ."""
    if cells in (0, outputs):
        return f"{drawn} of its {outputs} units"
    return f"{drawn} of its {outputs} outputs h and of its {cells} cells c"


def _draw_states(axes: Axes, ours: Floats, theirs: Floats, units: Sequence[int]) -> None:
    steps = np.arange(len(ours), dtype=float)
    size = 5.0 if steps.size <= 60 else 3.0
    drawn = []
    for place, unit in enumerate(units):
        drawn.append(line(axes, steps, ours[:, place], place, f"unit {unit}"))
        (circles,) = axes.plot(steps, theirs[:, place], "o", color=COLOURS[place], fillstyle="none", markersize=size)
        circles.set_markeredgewidth(0.9)
    roomy(axes, ours, theirs)
    label_ends(axes, drawn, _STATE)


def _draw_differences(axes: Axes, differences: Sequence[tuple[str, Floats]]) -> None:
    drawn = []
    for place, (label, values) in enumerate(differences):
        drawn.append(line(axes, np.arange(values.size, dtype=float), values, place, label))
        drawn[-1].set(marker="os"[place], markersize=3.0)
    logarithmic(axes, np.concatenate([values for _, values in differences]))
    axes.set_ylabel("largest |analog - digital|\n(dimensionless)", color=INK)
    axes.legend(handles=drawn, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0, handlelength=2.6)
