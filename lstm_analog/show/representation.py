"""Draw what each layer of a machine tells of labels, and the inputs that drive its units most."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.show.style import COLOURS, DASHES, WIDTH, styled
from lstm_analog.study import DigitalRun, LayerReading, PreferredInputs, Representation, Run
from lstm_analog.study.representation import layer_outputs

_HEIGHT = 3.0
_ASIDE = 0.06
"""How far machines stand beside each other at a layer, so that their bars do not hide each other."""
_MOST = 8
"""Most units in a picture; more are too small to see."""
_STRONGEST = 9
"""Number of sequences whose mean is drawn. Larger: smoother, and nearer to the mean of all sequences."""


@checked
@styled
def representation(found: Mapping[str, Representation]) -> Figure:
    """Return a picture of the representations `found` by layer, each a line with its name: mean over chips, +- a sigma.

    Three panels show separability in per cent, effective dimension, and the likeness to the layer of the reference, if
    one was given. Crosses beside the layers are the labels that the head tells.

    Raises `InvalidShapeError` if the layers differ, `InvalidValueError` if there is none.
    """
    several = list(found.values())
    if not several:
        raise InvalidValueError(explain("found", must="be at least one", got="none", do="give e.g. {'digital': ...}"))
    names = several[0].names
    if any(each.names != names for each in several):
        do = "draw machines of other layers apart"
        raise InvalidShapeError(explain("layers", must="be alike", got=[each.names for each in several], do=do))
    figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
    axes = figure.subplots(1, 3)
    for number, (name, each) in enumerate(found.items()):
        aside = _ASIDE * (number - (len(found) - 1) / 2)
        _draw(axes[0], 100.0 * each.separability, number, aside, name)
        if each.accuracy is not None:
            _draw(axes[0], 100.0 * each.accuracy[:, None], number, len(names) + aside, None)
        _draw(axes[1], each.dimension, number, aside, None)
        if each.likeness is not None:
            _draw(axes[2], each.likeness, number, aside, None)
    titles = ("labels told (%)", "effective dimension", "CKA with the reference")
    for place, title in zip(axes, titles, strict=True):
        place.set_ylabel(title)
        ticks = [*names, "head"] if place is axes[0] else names
        place.set_xticks(range(len(ticks)), labels=ticks)
        place.set_xlim(-0.4, len(ticks) - 0.6)
    figure.legend(loc="outside upper center", ncols=len(found))
    return figure


def _draw(axes: Axes, values: Floats, number: int, first: float, label: str | None) -> None:
    """Draw the mean of `values` (chips, layers) from place `first` on as line `number`, with bars if chips differ."""
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else None
    place = first + np.arange(values.shape[1])
    kind = number % len(COLOURS)
    axes.errorbar(
        place,
        values.mean(axis=0),
        yerr=spread,
        capsize=2.0,
        markersize=4.0,
        label=label,
        color=COLOURS[kind],
        linestyle=DASHES[kind],
        marker="o" if values.shape[1] > 1 else "x",
    )


@checked
@styled
def preferred_inputs(found: PreferredInputs, *, run: Run | DigitalRun | None = None) -> Figure:
    """Return a picture of the inputs `found` to drive units most: steps downward, inputs to the right, dark is most.

    Below them, if a `run` is given, is the mean of the nine of its sequences that drive the same unit most (on the
    first chip of several). Raises `InvalidValueError` for more than eight units.
    """
    if len(found.units) > _MOST:
        do = "give preferred_inputs(units=...) fewer"
        raise InvalidValueError(explain("units", must=f"be at most {_MOST}", got=len(found.units), do=do))
    rows = [found.x] if run is None else [found.x, _strongest(found, run)]
    figure = Figure(figsize=(WIDTH, 0.7 + 1.15 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(found.units), squeeze=False)
    low, high = (end([end(pictures) for pictures in rows]) for end in (np.min, np.max))
    for line, pictures, word in zip(axes, rows, ("climbed", "mean of the\nstrongest"), strict=False):
        for place, picture in zip(line, pictures, strict=True):
            place.imshow(picture, cmap="Greys", vmin=low, vmax=high, interpolation="nearest")
            place.set_xticks([])
            place.set_yticks([])
            place.spines[["top", "right"]].set_visible(True)
        line[0].set_ylabel(word)
    for place, unit, best in zip(axes[0], found.units, found.h.max(axis=1), strict=True):
        place.set_title(f"unit {unit}, h {best:.2f}")
    figure.suptitle(f"Inputs that drive units of layer {found.layer} most")
    return figure


def _strongest(found: PreferredInputs, run: Run | DigitalRun) -> Floats:
    """Return the mean of the sequences of `run` with the most h of each unit, (units, steps, inputs)."""
    h = layer_outputs(run, LayerReading.FINAL).values[1 + found.layer][0][:, found.units]
    x = run.x if run.x.ndim == 3 else run.x[0]
    mean: Floats = x[np.argsort(-h, axis=0)[:_STRONGEST]].mean(axis=0)
    return mean
