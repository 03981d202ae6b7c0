import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.dates import date2num

import lstm_analog as la
from lstm_analog.errors import InvalidShapeError, InvalidValueError
from lstm_analog.model.airline import forecaster, series
from lstm_analog.show import forecast

MONTHS = 24


@pytest.fixture(scope="module")
def story():
    """Return forecaster, months, values and run of the first two years."""
    made = forecaster(4)
    months, values = (array[:MONTHS] for array in series())
    machine = la.compile(made.lstm, la.electrical.BEHAVIOURAL, settling=14.0)
    return made, months, values, machine.run(made.encode(values), engine=la.engines.Waveform(rtol=1e-7, atol=1e-9))


def test_lines_are_data_and_forecasts(story, drawn):
    made, months, values, run = story
    above, below = forecast(*story, test_start=12).axes
    digital, analog = made.decode(made.lstm(made.encode(values)).h)[:, 0], made.decode(run.h)[:, 0]
    ahead = date2num(months + np.timedelta64(1, "M"))
    expected = {
        "data": (date2num(months), values),
        "digital forecast": (ahead, digital),
        "analog forecast": (ahead, analog),
    }
    for label, (x, y) in expected.items():
        (line,) = drawn(above)[label]
        np.testing.assert_array_equal(line.get_xdata(), x)
        np.testing.assert_array_equal(line.get_ydata(), y)
    (line,) = drawn(below)["difference"]
    np.testing.assert_allclose(line.get_ydata(), 1000.0 * abs(analog - digital), rtol=1e-9)
    assert line.get_xdata()[0] == date2num(np.datetime64("1949-02"))


def test_labels_name_units(story):
    above, below = forecast(*story, test_start=12).axes
    assert above.get_ylabel() == "thousand passengers a month"
    assert below.get_ylabel() == "|analog - digital|\n(passengers a month)"
    assert below.get_xlabel() == "month"
    assert below.get_yscale() == "log"
    assert [text.get_text() for text in above.get_legend().get_texts()] == [
        "data",
        "digital forecast",
        "analog forecast",
    ]


def test_test_years_are_shaded_and_their_error_told(story):
    made, _, values, _ = story
    above, below = forecast(*story, test_start=12).axes
    for axes in (above, below):
        (shade,) = axes.patches
        assert shade.get_x() == date2num(np.datetime64("1950-01"))
    digital = made.decode(made.lstm(made.encode(values)).h)[:, 0]
    rmse = np.sqrt(np.mean([(digital[month - 1] - values[month]) ** 2 for month in range(12, MONTHS)]))
    assert f"{rmse:.2f} digital" in above.texts[0].get_text()


def test_the_note_on_the_difference_is_plain_and_below_the_data(story):
    """A transistor chip is a thousand passengers off, ideal sources a fraction of one."""
    made, months, values, run = story
    efforts = run.trajectory.efforts.copy()
    efforts[..., run.trajectory.network.unknowns["l0_h"]] += 0.01
    trajectory = replace(run.trajectory, efforts=efforts)
    off = replace(run, passes=(replace(run.passes[0], trajectory=trajectory),))
    for each, text in ((run, r"all months: 0\.\d+$"), (off, r"all months: \d,\d00$")):
        _, below = forecast(made, months, values, each, test_start=12).axes
        assert re.search(text, below.texts[0].get_text())
        (line,) = (line for line in below.lines if line.get_label() == "difference")
        low, high = np.log10(below.get_ylim())
        assert (np.log10(line.get_ydata()) >= low + 0.12 * (high - low)).all()


def test_a_series_in_other_units_keeps_them(story):
    made, months, values, run = story
    _, below = forecast(replace(made, unit="MW"), months, values, run, test_start=12).axes
    assert below.get_ylabel() == "|analog - digital|\n(MW)"


def test_bad_arguments_are_refused(story):
    made, months, values, run = story
    with pytest.raises(
        InvalidShapeError, match=r"^months must be 24 dates, got datetime64\[M\] of shape \(23,\): give"
    ):
        forecast(made, months[1:], values, run, test_start=12)
    with pytest.raises(InvalidShapeError, match=r"^months must be 24 dates, got int64 of shape \(24,\): give"):
        forecast(made, np.arange(MONTHS), values, run, test_start=12)
    with pytest.raises(InvalidValueError, match=r"^the run must be over the values, got other inputs: run it over"):
        forecast(made, months, values + 1, run, test_start=12)
    with pytest.raises(
        InvalidValueError, match=r"^the run must be over the values, got inputs of shape \(24, 1\): run"
    ):
        forecast(made, months[1:], values[1:], run, test_start=12)
    for start in (0, MONTHS):
        with pytest.raises(
            InvalidValueError, match=rf"^test_start must be from 1 to 23, got {start}: give the index of"
        ):
            forecast(made, months, values, run, test_start=start)
    with pytest.raises(InvalidValueError, match=r"^the run must be of the LSTM 'airline_15', got one of 'airline_4'"):
        forecast(forecaster(15), months, values, run, test_start=12)


def test_days_are_taken_as_months_and_months_follow_each_other(story, drawn):
    made, months, values, run = story
    days = months.astype("datetime64[D]")
    ((line,), (same,)) = (
        drawn(forecast(made, each, values, run, test_start=12).axes[0])["data"] for each in (days, months)
    )
    np.testing.assert_array_equal(line.get_xdata(), same.get_xdata())
    for wrong in (months[::-1], months + np.arange(months.size), np.append(months[:-1], np.datetime64("NaT"))):
        with pytest.raises(InvalidValueError, match="months must follow each other"):
            forecast(made, wrong, values, run, test_start=12)
