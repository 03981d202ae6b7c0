import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.demo.chips import WITHIN, ForecastError
from lstm_analog.errors import InvalidValueError
from lstm_analog.imperfections import ProgrammingError
from lstm_analog.model.airline import TEST_START, UNITS, forecaster, series
from lstm_analog.study import yield_of


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


@pytest.mark.parametrize(
    ("units", "tolerant", "most"), [(4, False, 8.0), (15, False, 8.0), (4, True, 12.0), (15, True, 16.0)]
)
def test_the_state_stays_within_what_a_circuit_can_hold(units, tolerant, most):
    made = forecaster(units, tolerant=tolerant)
    _, thousands = series()
    trace, cell = made.lstm.trace(made.encode(thousands)).layers[0], made.lstm.layers[0].forward
    assert cell.hidden_size == units
    assert np.abs(trace.c).max() < 2.0
    assert (np.abs(cell.input).sum(axis=-1) + np.abs(cell.recurrent).sum(axis=-1)).max() < most


@pytest.mark.parametrize("tolerant", [False, True])
@pytest.mark.parametrize("units", UNITS)
def test_forecasts_beat_last_month_and_last_year_where_never_trained(units, tolerant):
    made = forecaster(units, tolerant=tolerant)
    _, thousands = series()
    forecast = made.decode(made.lstm(made.encode(thousands)).h)[:, 0]
    last_month, last_year = thousands, np.roll(thousands, 11)
    assert rmse(forecast) < 0.8 * min(rmse(last_month), rmse(last_year))


def test_bad_chips_of_the_tolerant_forecaster_work():
    """Errors of 3 % of Gmax, a seed that no training had: in the test years the median chip is as the digital one."""
    found = {}
    for tolerant in (False, True):
        made = forecaster(15, tolerant=tolerant)
        x = made.encode(series()[1])
        metric = ForecastError(forecaster=made, digital=made.decode(made.lstm(x).h)[:, 0])
        machine = la.compile(made.lstm, la.electrical.BEHAVIOURAL, settling=24.0)
        cause = ProgrammingError(sigma=0.03)
        chips = yield_of(machine, cause, x, metric=metric, spec=WITHIN, chips=60, seed=8, engine="settle")
        found[tolerant] = float(chips.quantiles([0.5])[0])
    assert found[True] < 5.0
    assert found[False] > 20.0


def test_other_sizes_are_refused():
    with pytest.raises(InvalidValueError, match=r"units must be one of \(4, 15\), got 8: or train your own"):
        forecaster(8)
