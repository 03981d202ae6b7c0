"""Draw a forecast: the data, the forecast of the digital LSTM and that of the machine."""

from dataclasses import dataclass
from typing import Any

import matplotlib.dates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lstm_analog.arrays import Floats, floats, plain
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.model import Forecaster
from lstm_analog.model.airline import TEST_START
from lstm_analog.show.reading import digital, literal, origin
from lstm_analog.show.style import COLOURS, DASHES, FAINT, INK, logarithmic, panels, roomy, styled
from lstm_analog.study import Run

Months = NDArray[np.datetime64]
_DATES: Any = matplotlib.dates
"""The module has no types."""
_THOUSAND = "thousand "
_FOOT = 0.15
"""Fraction of the lower panel below the data, left for its note."""
_PLAIN = 100.0
"""Numbers of two digits from here on are written in full, not with a power of ten."""
_MARGIN = 20.0
"""Margin at both ends of the time axis (days)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Forecasts:
    """The data at `days` (months,) and the forecasts for the days `ahead`, a month later; the test starts at `test`."""

    days: Floats
    ahead: Floats
    data: Floats
    digital: Floats
    analog: Floats
    test: int
    unit: str

    def error(self, forecasts: Floats) -> float:
        """Return the RMSE of `forecasts` over the test."""
        return _rms(forecasts[self.test - 1 : -1] - self.data[self.test :])


@checked
@styled
def forecast(
    forecaster: Forecaster, months: Months, values: ArrayLike, run: Run, *, test_start: int = TEST_START
) -> Figure:
    """Return the series `values` of `months` with its one-step forecasts by `forecaster`, digital and by `run`.

    `run` is over `forecaster.encode(values)`; the lower panel has the difference of the two forecasts. `test_start` is
    the index of the first month that was not trained on, from which the panels are shaded; by default the airline's.

    Raises `InvalidShapeError` or `InvalidValueError` if the run is not over `values`, they do not fit `months`, months
    do not follow each other, or `test_start` lies outside.
    """
    data = floats(values, "values")
    _check(forecaster, months, data, run, test_start)
    months = months.astype("datetime64[M]")
    shown = _Forecasts(
        days=_DATES.date2num(months),
        ahead=_DATES.date2num(months + np.timedelta64(1, "M")),
        data=data,
        digital=forecaster.decode(digital(run, forecaster.lstm)[-1].h)[:, 0],
        analog=forecaster.decode(run.h)[:, 0],
        test=test_start,
        unit=forecaster.unit,
    )
    figure, (above, below) = panels([3.6, 1.7])
    _draw_forecasts(above, shown)
    _draw_difference(below, shown)
    begin, end = float(shown.days[0]) - _MARGIN, float(shown.ahead[-1]) + _MARGIN
    for axes in (above, below):
        axes.axvspan(float(shown.days[test_start]), end, color="#eef2f5", linewidth=0, zorder=0)
        axes.axvline(float(shown.days[test_start]), color=FAINT, linewidth=0.6, zorder=0)
    below.xaxis_date()
    below.set_xlim(begin, end)
    below.set_xlabel("month")
    figure.align_ylabels()
    figure.suptitle(f"Forecast one month ahead: {literal(origin(run))}")
    return figure


def _check(forecaster: Forecaster, months: Months, data: Floats, run: Run, test_start: int) -> None:
    dates = plain(months, "months")
    if dates.shape != data.shape or not np.issubdtype(dates.dtype, np.datetime64):
        must, got = f"be {data.size} dates", f"{dates.dtype} of shape {dates.shape}"
        raise InvalidShapeError(explain("months", must=must, got=got, do="give a datetime64[M] for each value"))
    if not (np.diff(dates.astype("datetime64[M]")) == np.timedelta64(1, "M")).all():
        must, do = "follow each other", "give each month once, in order"
        raise InvalidValueError(explain("months", must=must, got="others", do=do))
    x = forecaster.encode(data)
    if run.x.shape != x.shape or not np.array_equal(run.x, x):
        got = f"inputs of shape {run.x.shape}" if run.x.shape != x.shape else "other inputs"
        do = "run it over forecaster.encode(values)"
        raise InvalidValueError(explain("the run", must="be over the values", got=got, do=do))
    if not 0 < test_start < data.size:
        must, do = f"be from 1 to {data.size - 1}", "give the index of a month"
        raise InvalidValueError(explain("test_start", must=must, got=test_start, do=do))


def _draw_forecasts(axes: Axes, shown: _Forecasts) -> None:
    axes.plot(shown.days, shown.data, color=INK, linewidth=1.0, marker=".", markersize=4, label="data")
    axes.plot(
        shown.ahead, shown.digital, "o", color=COLOURS[0], markersize=5, fillstyle="none", label="digital forecast"
    )
    axes.plot(shown.ahead, shown.analog, color=COLOURS[1], linestyle=DASHES[1], label="analog forecast")
    roomy(axes, shown.data, shown.digital, shown.analog)
    axes.set_ylabel(shown.unit)
    axes.legend(loc="upper left")
    errors = f"{shown.error(shown.digital):.2f} digital, {shown.error(shown.analog):.2f} analog"
    _note(axes, float(shown.days[shown.test]), f"never trained on\nRMSE to the data:\n{errors}")


def _draw_difference(axes: Axes, shown: _Forecasts) -> None:
    difference = shown.analog - shown.digital
    scale = 1000.0 if shown.unit.startswith(_THOUSAND) else 1.0
    size = scale * np.abs(difference)
    axes.plot(shown.ahead, size, color=COLOURS[1], marker=".", markersize=4, linewidth=0.9, label="difference")
    logarithmic(axes, size)
    low, high = axes.get_ylim()
    axes.set_ylim(low * (low / high) ** _FOOT, high)
    axes.set_ylabel(f"|analog - digital|\n({shown.unit.removeprefix(_THOUSAND)})")
    rms = float(f"{_rms(size):.2g}")
    _note(axes, float(shown.days[shown.test]), f"RMS over all months: {f'{rms:,.0f}' if rms >= _PLAIN else f'{rms:g}'}")


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _note(axes: Axes, day: float, text: str) -> None:
    """Write `text` into `axes` at the bottom, to the right of `day`."""
    axes.annotate(
        text,
        xy=(day, 0.0),
        xytext=(6, 6),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        verticalalignment="bottom",
    )
