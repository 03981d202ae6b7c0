"""Draw a sizing: the cost of each choice that was judged against what its chips reach."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked
from lstm_analog.show.style import COLOURS, DASHES, FAINT, INK, darker, panels, styled
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.sizing_result import Choice, Sizing

_WIDE = 10.0
"""Ratio of the largest to the least metric from which on its axis is logarithmic."""


@checked
@styled
def sizing(found: Sizing[AnyDesign], cost: str = "cost", metric: str = "metric") -> Figure:
    """Return a picture of the choices of a sizing `found`; `cost` and `metric` name the axes, with their units.

    The height of a choice is the metric that as many of its chips keep as the target needs; a line marks the limit.
    Choices that could not be run are left out.
    """
    spec = found.target.spec
    costs = floats([each.cost for each in found.tried], "costs")
    excess = np.array([each.excess for each in found.tried])
    known = np.isfinite(excess)
    reached, met = _metric(found, excess[known]), excess[known] <= 0.0
    figure, (axes,) = panels([3.6])
    for good, colour, text in ((True, COLOURS[0], "reach the target"), (False, COLOURS[1], "do not")):
        some = met == good
        label = f"{int(some.sum())} choices {text}"
        axes.plot(costs[known][some], reached[some], color=colour, marker="o", markersize=5, linestyle="", label=label)
    axes.axhline(spec.limit, color=INK, linestyle=DASHES[1], linewidth=1.2, label="limit")
    _mark(axes, found, found.chosen, "chosen", COLOURS[0])
    if found.cheaper is not None:
        _mark(axes, found, found.cheaper, "next cheaper", COLOURS[1])
    axes.set_xscale("log")
    if reached.size and reached.min() > 0.0 and reached.max() > _WIDE * reached.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axes.set_xlabel(cost)
    axes.set_ylabel(f"{metric}, {100.0 * found.target.share:g}% of the chips")
    axes.legend(loc="best")
    figure.suptitle(f"Cheapest: {found.chosen.offer}")
    return figure


def _metric(found: Sizing[AnyDesign], excess: Floats) -> Floats:
    """Return the metric at so much `excess` (n,) beyond the limit."""
    spec = found.target.spec
    return spec.limit + excess if spec.at_least is None else spec.limit - excess


def _mark(axes: Axes, found: Sizing[AnyDesign], choice: Choice[AnyDesign], text: str, colour: str) -> None:
    """Draw a ring around a `choice` of `found` in a `colour`, and its name and values beside it."""
    height = float(_metric(found, np.array([choice.excess]))[0])
    if not np.isfinite(height):
        return
    axes.plot(choice.cost, height, color=colour, marker="o", markersize=11, markerfacecolor="none", linestyle="")
    axes.annotate(
        text,
        xy=(choice.cost, height),
        xytext=(14, 8),
        textcoords="offset points",
        color=darker(colour),
        arrowprops={"arrowstyle": "-", "color": FAINT},
    )
