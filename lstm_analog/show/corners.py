"""Draw the errors of a chip over corners of its process, temperatures and supplies."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.show.style import WIDTH, styled
from lstm_analog.study import CornerTable

_MAP, _FAILED = "cividis", "#ffffff"
_FLOOR = 1e-6
"""Errors below this are drawn as this: less than a simulator resolves."""


@checked
@styled
def corners(found: CornerTable) -> Figure:
    """Return a map of the errors `found` for each setting: corners downward, temperatures and supplies to the right.

    Light is large, on a logarithmic scale that all maps share; each field has its error in thousandths, and is white
    with a cross where the simulator failed.
    """
    solved = np.maximum(found.errors[np.isfinite(found.errors)], _FLOOR)
    low, high = (float(solved.min()), float(solved.max())) if solved.size else (_FLOOR, 1.0)
    norm = LogNorm(vmin=low, vmax=max(high, 1.01 * low))
    figure = Figure(
        figsize=(WIDTH, 0.9 + len(found.settings) * (0.75 + 0.3 * len(found.corners))), layout="constrained"
    )
    axes = figure.subplots(len(found.settings), 1, squeeze=False)[:, 0]
    for place, setting, errors in zip(axes, found.settings, found.errors, strict=True):
        image = _draw(place, found, errors.reshape(len(found.corners), -1), norm)
        place.set_title(setting.value)
    axes[-1].set_xlabel("temperature (C), supply (V)")
    figure.colorbar(image, ax=axes, label="largest |analog - digital|", pad=0.01, aspect=24)
    figure.suptitle("Error over corners, in thousandths")
    return figure


def _draw(axes: Axes, found: CornerTable, errors: Floats, norm: LogNorm) -> AxesImage:
    """Draw `errors` (corners, temperatures times supplies) of `found` into `axes`, coloured by `norm`."""
    axes.set_facecolor(_FAILED)
    shown = np.ma.masked_invalid(np.maximum(errors, _FLOOR))
    image = axes.imshow(shown, cmap=_MAP, norm=norm, aspect="auto", interpolation="nearest")
    names = [f"{celsius:g}\n{volts:g}" for celsius in found.temperatures for volts in found.supplies]
    axes.set_xticks(range(len(names)), labels=names)
    axes.set_yticks(range(len(found.corners)), labels=found.corners)
    axes.tick_params(length=0)
    for (row, column), error in np.ndenumerate(errors):
        failed = bool(np.isnan(error))
        text = "x" if failed else f"{1e3 * error:.1f}"
        dark = failed or norm(max(error, _FLOOR)) > 0.5
        axes.text(column, row, text, ha="center", va="center", color="black" if dark else "white")
    return image
