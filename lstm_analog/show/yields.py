"""Draw the distribution of a metric over chips, the yield by the strength of an imperfection, errors over corners."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.show.style import COLOURS, DASHES, FAINT, INK, WIDTH, panels, styled, whole_numbers
from lstm_analog.study import CornerTable
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.yield_result import Yield
from lstm_analog.study.yields import YieldCurve

_BINS = 60
"""Number of bars of a distribution. More: finer, but with few chips only noise."""
_DECADE = 10.0
"""Ratio of the largest to the least value from which on an axis is logarithmic."""


@checked
@styled
def metric_distribution(found: Yield[AnyDesign], metric: str = "metric") -> Figure:
    """Return a histogram of the metric over the chips of a yield `found`; `metric` is its name, with its unit.

    Chips that meet the specification and those that do not have different colours; a line marks the limit. Raises
    `InvalidValueError` if no chip has a metric.
    """
    known = ~np.isnan(found.values)
    if not known.any():
        got, do = "none", "see the reasons in failures"
        raise InvalidValueError(explain("chips with a metric", must="be one at least", got=got, do=do))
    values, good, limit = found.values[known], found.passes[known], found.spec.limit
    figure, (axes,) = panels([3.4])
    edges, split = _edges(axes, values, limit), (values[good], values[~good])
    many = f"{found.passing} chips: {found.spec}", f"{int((~good).sum())} chips beyond"
    axes.hist(split, bins=edges.tolist(), stacked=True, color=COLOURS[:2], label=many, rwidth=0.92)
    axes.axvline(limit, color=INK, linestyle=DASHES[1], linewidth=1.2, label="limit")
    if edges[0] <= found.nominal <= edges[-1]:
        axes.axvline(found.nominal, color=FAINT, linewidth=1.2, label="without imperfections")
    axes.set_xlabel(metric)
    axes.set_ylabel("chips")
    whole_numbers(axes.yaxis)
    axes.legend(loc="best", title=f"without a metric: {len(found.failures)}" if found.failures else None)
    ends = found.interval
    interval = f"{100.0 * found.level:g}% interval {ends.low:.1%} to {ends.high:.1%}"
    figure.suptitle(f"Yield {found.fraction:.1%} of {found.chips} chips ({interval})")
    return figure


@checked
@styled
def yield_against_strength(curve: YieldCurve[AnyDesign], strength: str = "strength") -> Figure:
    """Return a picture of the yields of a `curve` with their intervals; `strength` is the name of its axis."""
    x, intervals = curve.strengths, curve.intervals
    figure, (axes,) = panels([3.4])
    order = np.argsort(x)
    axes.vlines(x, intervals[:, 0], intervals[:, 1], color=COLOURS[0], linewidth=2.2)
    axes.plot(x[order], curve.fractions[order], color=COLOURS[0], marker="o", markersize=5, linewidth=0.9)
    if _is_wide(x):
        _logarithmic(axes)
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axes.set_xlabel(strength)
    axes.set_ylabel("yield")
    first, many = curve.yields[0], sorted({each.chips for each in curve.yields})
    told = " to ".join(f"{chips}" for chips in dict.fromkeys((many[0], many[-1])))
    figure.suptitle(f"Chips whose metric is {first.spec}, {told} each: bars are {100.0 * first.level:g}% intervals")
    return figure


def _edges(axes: Axes, values: Floats, limit: float) -> Floats:
    """Return the edges of bars for `values` (n,), one of them at the `limit`.

    `axes` are made logarithmic if values and limit span more than `_DECADE`.
    """
    everything = np.append(values, limit)
    wide = _is_wide(everything)
    if wide:
        _logarithmic(axes)
        everything, limit = np.log(everything), np.log(limit)
    low, high = everything.min(), everything.max()
    step = (high - low) / _BINS or 0.1 * abs(high) or 1.0
    edges = limit + step * np.arange(np.floor((low - limit) / step), np.ceil((high - limit) / step) + 1.0)
    return np.exp(edges) if wide else edges


def _logarithmic(axes: Axes) -> None:
    """Make the horizontal axis of `axes` logarithmic, with plain numbers at 1, 2 and 5."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _is_wide(values: Floats) -> bool:
    return bool(values.min() > 0.0 and values.max() >= _DECADE * values.min())


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
