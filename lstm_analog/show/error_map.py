"""Draw the error of each signal in each step."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lstm_analog.doors import checked
from lstm_analog.show.reading import pick
from lstm_analog.show.style import WIDTH, panel, styled
from lstm_analog.study import Report

_MAP = "cividis"
_FLOOR = 1e-17
"""What stands for an error of zero on a logarithmic scale."""
_WORDS = {"z": "pre-activations z", "i": "input gate i", "f": "forget gate f", "g": "candidate g", "o": "output gate o"}
"""Plain words for signals; others have their letter."""


@checked
@styled
def error_map(report: Report, *, layer: int = -1, axes: Axes | None = None) -> Figure:
    """Return a map of the largest error of each gate, of c and of h in each step, from the `report` of `compare`.

    The largest is over sequences and units of `layer`, which counts directions of layers. Light is large, on a
    logarithmic scale; the picture goes into `axes` if given.

    Raises `InvalidValueError` if there is no such layer.
    """
    chain = report.layers[pick("layer", layer, len(report.layers))]
    names = list(chain.signals)
    values = np.maximum([chain[name].by_step.max for name in names], _FLOOR)
    figure, drawn_in = panel(axes, (WIDTH, 1.2 + 0.3 * len(names)))
    norm = LogNorm(vmin=float(values.min()), vmax=float(max(values.max(), 1.01 * values.min())))
    image = drawn_in.imshow(values, cmap=_MAP, norm=norm, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=drawn_in, label="largest |analog - digital|", pad=0.01, aspect=18)
    drawn_in.set_yticks(range(len(names)), labels=[_WORDS.get(name, name) for name in names])
    drawn_in.xaxis.set_major_locator(MaxNLocator(integer=True))
    drawn_in.set_xlabel("step")
    drawn_in.tick_params(length=0)
    drawn_in.set_title(f"Error by signal and step, {chain.chain}: {report.technology}")
    return figure
