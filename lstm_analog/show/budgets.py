"""Draw error budgets: where deviations come from, and how far the prediction holds."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lstm_analog.doors import checked
from lstm_analog.show.style import COLOURS, DASHES, FAINT, WIDTH, styled, whole_numbers
from lstm_analog.study import ErrorBudget

_BARS = 6
"""Names of a kind that have bars; all others are one more."""
_KINDS = ("imperfection", "part", "gate", "unit")
_ROW, _CURVES = 0.2, 2.3
"""Heights of a bar and of a curve (inch)."""


@checked
@styled
def error_budget(found: ErrorBudget) -> Figure:
    """Return a picture of the error budget `found`, as `study.budget` returned it.

    Bars are the shares of the mean square deviation by imperfection, part, gate and unit, the largest of each kind.
    Below are the shares of the steps in which parameters act, and the predicted and the sampled deviation by strength.
    """
    bars = [(kind, _largest(found, kind)) for kind in _KINDS if found.shares[kind]]
    heights = [0.45 + _ROW * len(shown) for _, shown in bars]
    figure = Figure(figsize=(WIDTH, sum(heights) + 2 * _CURVES + 1.0), layout="constrained")
    axes = figure.subplots(len(bars) + 2, 1, height_ratios=[*heights, _CURVES, _CURVES])
    for each, (kind, shown) in zip(axes, bars, strict=False):
        _draw_shares(each, kind, shown)
    _draw_steps(axes[-2], found)
    _draw_strengths(axes[-1], found)
    figure.suptitle(f"Error budget of {found.of}: {found.predicted:.3g} rms to first order")
    return figure


def _largest(found: ErrorBudget, kind: str) -> list[tuple[str, float]]:
    shares = list(found.shares[kind].items())
    rest = shares[_BARS:]
    more = [(f"{len(rest)} others", sum(share for _, share in rest))] if rest else []
    return shares[:_BARS] + more


def _draw_shares(axes: Axes, kind: str, shown: list[tuple[str, float]]) -> None:
    rows, shares = np.arange(len(shown)), [share for _, share in shown]
    axes.barh(rows, shares, height=0.75, color=COLOURS[0])
    for row, share in enumerate(shares):
        axes.text(max(share, 0.0) + 0.01, row, f"{share:.1%}", va="center", fontsize="small")
    axes.set_yticks(rows, labels=[name for name, _ in shown])
    axes.invert_yaxis()
    axes.set_xlim(min(0.0, 1.15 * min(shares)), 1.12 * max(1.0, *shares))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_title(f"by {kind}", loc="left", fontsize="medium")


def _draw_steps(axes: Axes, found: ErrorBudget) -> None:
    shares = list(found.shares["step"].values())
    axes.bar(np.arange(len(shares)), shares, width=0.9, color=COLOURS[1])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    whole_numbers(axes.xaxis)
    axes.set_xlabel("step in which parameters act")
    axes.set_ylabel("share")


def _draw_strengths(axes: Axes, found: ErrorBudget) -> None:
    rows = sorted(found.ladder, key=lambda row: row.strength)
    strengths = [row.strength for row in rows]
    axes.loglog(strengths, [row.predicted for row in rows], color=FAINT, linestyle=DASHES[1], label="predicted")
    sampled = f"sampled, {found.chips} chips"
    axes.loglog(strengths, [row.sampled for row in rows], color=COLOURS[0], marker="o", markersize=5, linestyle="",
                label=sampled)  # fmt: skip
    if found.first_order_until:
        axes.axvline(found.first_order_until, color=COLOURS[1], linewidth=1.0, label="first order within 10 %")
    axes.set_xlabel("strength of the imperfections, as given: 1")
    axes.set_ylabel("deviation, rms")
    axes.legend(loc="best")
