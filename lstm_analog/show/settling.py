"""Draw the settling law: the error against the length of the clock's phases."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.show.style import COLOURS, DASHES, INK, darker, logarithmic, panels, styled
from lstm_analog.study import settling_error

WINDOW = (14.0, 22.0)
"""Settling ratios for which the law is fitted: above, solvers are not exact enough; below, other terms count."""
_FINE = 200
"""Number of points of a drawn law."""


@checked
@styled
def settling_curve(ratios: ArrayLike, errors: ArrayLike, poles: int) -> Figure:
    """Return a picture of the largest `errors` at the settling `ratios` T/tau, with the law of `poles` equal poles.

    The law is `study.settling_error`. Its slope is given; a factor is fitted to the points from 14 to 22 time
    constants, if there are any. An error of zero falls below the logarithmic axis.

    Raises `InvalidShapeError` or `InvalidValueError` if the arrays are not two vectors of one length, ratios are not
    positive, errors negative, or poles below one.
    """
    n, measured = _checked(ratios, errors)
    fine = np.linspace(float(n.min()), float(n.max()), _FINE)
    law, expected = (np.array([settling_error(float(value), poles) for value in at]) for at in (fine, n))
    figure, (axes,) = panels([3.9])
    axes.plot(fine, law, color=COLOURS[0], linestyle=DASHES[1], label="law")
    logarithmic(axes, np.concatenate((law, measured)))
    _note(axes, fine, law, rf"$e^{{-N}}\sum_{{j<{poles}}} N^j/j!$", above=True)
    inside = (n >= WINDOW[0]) & (n <= WINDOW[1]) & (measured > 0)
    if inside.any():
        factor = float(np.exp(np.mean(np.log(measured[inside] / expected[inside]))))
        axes.plot(fine, factor * law, color=COLOURS[1], label="fit")
        _note(axes, fine, factor * law, f"{factor:.2g} of the law", above=False)
    axes.plot(n, measured, "o", color=INK, markersize=5, label="measured", zorder=3)
    axes.set_xlabel("phase length in time constants, N = T/τ (dimensionless)")
    axes.set_ylabel("largest |analog - digital| (dimensionless)")
    figure.suptitle(f"Error against settling: dots are measured, lines the law of {poles} equal poles")
    return figure


def _checked(ratios: ArrayLike, errors: ArrayLike) -> tuple[Floats, Floats]:
    n, measured = floats(ratios, "ratios"), floats(errors, "errors")
    if n.ndim != 1 or n.shape != measured.shape or not n.size:
        must, got = "be vectors of one length", f"shapes {n.shape} and {measured.shape}"
        raise InvalidShapeError(explain("ratios and errors", must=must, got=got, do="give one error a ratio"))
    if (measured < 0).any():
        do = "give largest absolute errors"
        raise InvalidValueError(explain("errors", must="be at least zero", got=float(measured.min()), do=do))
    return n, measured


def _note(axes: Axes, x: Floats, y: Floats, text: str, *, above: bool) -> None:
    """Write `text` beside the middle of the falling line `y` over `x`: to its right if `above`, else to its left."""
    middle = x.size // 2
    side = 1 if above else -1
    axes.annotate(
        text,
        xy=(float(x[middle]), float(y[middle])),
        xytext=(8 * side, 6 * side),
        textcoords="offset points",
        color=darker(COLOURS[0 if above else 1]),
        horizontalalignment="left" if above else "right",
        verticalalignment="bottom" if above else "top",
    )
