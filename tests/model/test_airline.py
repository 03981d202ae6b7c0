import numpy as np
import pytest

from lstm_analog.errors import InvalidValueError
from lstm_analog.model.airline import TEST_START, UNITS, forecaster, series


def rmse(forecast):
    """Over the test years; forecast[t] is of month t + 1."""
    _, thousands = series()
    return np.sqrt(np.mean((forecast[TEST_START - 1 : -1] - thousands[TEST_START:]) ** 2))


def test_series_is_complete():
    months, thousands = series()
    np.testing.assert_array_equal(months, np.arange("1949-01", "1961-01", dtype="datetime64[M]"))
    assert thousands.shape == (144,)
    assert (thousands[0], thousands[-1], thousands.max()) == (112, 432, 622)
    assert thousands.sum() == 40363
    assert str(months[TEST_START]) == "1958-01"


@pytest.mark.parametrize("units", UNITS)
def test_the_state_stays_within_what_a_circuit_can_hold(units):
    made = forecaster(units)
    _, thousands = series()
    trace, cell = made.lstm.trace(made.encode(thousands)).layers[0], made.lstm.layers[0].forward
    assert cell.hidden_size == units
    assert np.abs(trace.c).max() < 2.0
    assert (np.abs(cell.input).sum(axis=-1) + np.abs(cell.recurrent).sum(axis=-1)).max() < 12.0


@pytest.mark.parametrize("units", UNITS)
def test_forecasts_beat_last_month_and_last_year_where_never_trained(units):
    made = forecaster(units)
    _, thousands = series()
    forecast = made.decode(made.lstm(made.encode(thousands)).h)[:, 0]
    last_month, last_year = thousands, np.roll(thousands, 11)
    assert rmse(forecast) < 0.8 * min(rmse(last_month), rmse(last_year))


def test_other_sizes_are_refused():
    with pytest.raises(InvalidValueError, match=r"units must be one of \(4, 15\), got 8: or train your own"):
        forecaster(8)
