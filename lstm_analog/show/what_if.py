"""Draw what a change does to a machine: its states before it, as ghosts, and after it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.compiler import Compiled
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.imperfections import Clamp, recorded
from lstm_analog.network.labels import SIGNAL, signals_of
from lstm_analog.show.reading import MOST_UNITS, chosen_units, literal, origin, pick, pick_sequence, states
from lstm_analog.show.style import label_ends, line, panels, roomy, styled, whole_numbers
from lstm_analog.study import Run

_HEIGHT = 2.2
_GHOST, _PALE = 4.0, 0.3
"""The width (points) and the opacity of a line that shows the states before the change."""

_END = 1e-3
"""How far from 0 or 1 a gate counts as shut or open, in words."""


@checked
@styled
def what_if(
    before: Run, after: Run, *, layer: int = -1, units: Sequence[int] | None = None, sequence: int = 0
) -> Figure:
    """Return a picture of h and c of `layer` in the run `before` a change, wide and pale, and in that `after` it.

    The runs are of the same inputs and of machines of the same sizes, as `machine` and `machine.shut("forget")`.
    `units` are those to draw, unless given the six at most whose states the change moves most; `sequence` chooses from
    a batch; `layer` may count from the end.

    Raises `InvalidShapeError` if the runs have not as many steps, sequences and units; `InvalidValueError` if their
    inputs differ or there is no such layer, unit or sequence.
    """
    number = pick("layer", layer, len(before.layers))
    shapes = [[trace.h.shape for trace in run.layers] for run in (before, after)]
    if shapes[0] != shapes[1]:
        do = "run both machines over the same inputs"
        raise InvalidShapeError(explain("the states of both runs", must="be alike", got=shapes, do=do))
    fed = [(run.x, run.lengths, *run.initial_state.h, *run.initial_state.c) for run in (before, after)]
    if not all(np.array_equal(one, other) for one, other in zip(*fed, strict=True)):
        must, do = "be of the same inputs, lengths and states", "run both machines over the same inputs"
        raise InvalidValueError(explain("both runs", must=must, got="others", do=do))
    which = pick_sequence(before, sequence)
    pair = before.layers[number], after.layers[number]
    names = ["h", "c"] if pair[0].c.shape[-1] else ["h"]
    shown = {name: [states(before, getattr(trace, name), which) for trace in pair] for name in names}
    chosen = chosen_units(_moved(shown) if units is None else units, pair[0].h.shape[-1])
    figure, axes = panels([_HEIGHT] * len(names))
    for place, name in zip(axes, names, strict=True):
        _draw(place, shown[name], chosen)
        place.set_ylabel(f"{name} (dimensionless)")
    whole_numbers(axes[-1].xaxis)
    axes[-1].set_xlabel("step")
    figure.align_ylabels()
    figure.suptitle(f"{_said(before, after)}\n{literal(origin(before))}; pale: before, lines: after")
    return figure


def _moved(shown: dict[str, list[Floats]]) -> list[int]:
    """Return the units whose states `shown` differ most, before and after, in order of their number."""
    moved = np.max([np.abs(after - before).max(axis=0) for before, after in shown.values()], axis=0)
    return sorted(np.argsort(-moved, kind="stable")[:MOST_UNITS].tolist())


def _draw(axes: Axes, pair: list[Floats], units: Sequence[int]) -> None:
    before, after = (each[:, units] for each in pair)
    steps = np.arange(len(before), dtype=float)
    drawn = []
    for place, unit in enumerate(units):
        drawn.append(line(axes, steps, after[:, place], place, f"unit {unit}"))
        (ghost,) = axes.plot(steps, before[:, place], linewidth=_GHOST, alpha=_PALE, label=f"unit {unit} before")
        ghost.set(color=drawn[-1].get_color(), zorder=1)
    roomy(axes, before, after)
    label_ends(axes, drawn, _HEIGHT)


def _said(before: Run, after: Run) -> str:
    """Return what the machine of the run `after` has that the one `before` has not, in words."""
    known = [str(each) for part in before.passes for each in recorded(part.compiled.network)]
    added = [
        _words(part.compiled, each.imperfection)
        for part in after.passes
        for each in recorded(part.compiled.network)
        if str(each) not in known
    ]
    return "What if: " + ("; ".join(dict.fromkeys(added)) or "another machine")


def _words(compiled: Compiled, imperfection: object) -> str:
    """Return the name of an `imperfection`; of a clamp which gate it opens or shuts, as far as."""
    if not isinstance(imperfection, Clamp):
        return str(imperfection)
    signals, units = signals_of(compiled.network.said(SIGNAL)), imperfection.units
    whose = imperfection.signal + (f" of unit {', '.join(map(str, units))}" if units else " of all units")
    for place in compiled.layout.layers:
        for spot, activation in zip(place.z, place.activations, strict=True):
            if signals[spot.group] == imperfection.signal:
                gain = spot.gain[units[0] if units else 0] if spot.gain else 1.0
                return f"{whose} {_opening(float(activation(np.array(imperfection.value * gain))))}"
    return f"{whose} held at {imperfection.value:.3g}"


def _opening(value: float) -> str:
    """Return in words how far a gate of that `value` is open.

    >>> _opening(1e-7), _opening(0.3)
    ('shut', 'held at 0.3')
    """
    return "shut" if abs(value) < _END else "open" if abs(value - 1.0) < _END else f"held at {value:.3g}"
