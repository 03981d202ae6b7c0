"""Chips with errors in their devices: how many forecast as the digital LSTM, of the clean and the tolerant one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.electrical import BEHAVIOURAL
from lstm_analog.imperfections import ProgrammingError
from lstm_analog.machine import Machine, compile
from lstm_analog.model import Forecaster, Outputs, airline
from lstm_analog.study import Spec, Yield, yield_of

SIGMAS = (0.003, 0.01, 0.03)
"""Standard deviations of the error of a conductance, as shares of the largest."""
CHIPS = 200
SEED = 5
WITHIN = Spec(at_most=5.0)
"""Thousand passengers RMSE from the digital forecasts, of a chip that works."""
SETTLING = 24.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastError:
    """RMSE of the forecasts that each chip makes in the test years to the digital ones, in the unit of the series."""

    forecaster: Forecaster
    digital: Floats

    def __call__(self, outputs: Outputs) -> Floats:
        """Return the error of each chip in `outputs`, (chips,)."""
        apart = self.forecaster.decode(outputs.h)[..., 0] - self.digital
        found: Floats = np.sqrt(np.mean(apart[:, airline.TEST_START :] ** 2, axis=-1))
        return found


def chip_lines() -> Iterator[str]:
    """Yield lines with the yield of the forecaster of 15 units and of the tolerant one, by the error of devices."""
    made = [airline.forecaster(15), airline.forecaster(15, tolerant=True)]
    yield ""
    yield f"chips of 15 units with errors in every weight: of {CHIPS}, how many forecast in 1958-1960 within"
    yield f"{WITHIN.at_most:g} thousand passengers RMSE of the digital LSTM, and the median chip, thousand passengers"
    yield f"  error of a weight     {made[0].lstm.name:<22}{made[1].lstm.name}, trained on with such errors"
    for sigma in SIGMAS:
        told = [f"{found.fraction:4.0%}, {float(found.quantiles([0.5])[0]):.2g}" for found in _yields(made, sigma)]
        yield f"  {sigma:>5.1%} of the largest  {told[0]:<22}{told[1]}"


def _yields(made: list[Forecaster], sigma: float) -> Iterator[Yield[Machine]]:
    """Yield the yield of chips of each forecaster with errors of `sigma`."""
    _, values = airline.series()
    for each in made:
        x = each.encode(values)
        metric = ForecastError(forecaster=each, digital=each.decode(each.lstm(x).h)[:, 0])
        machine, cause = compile(each.lstm, BEHAVIOURAL, settling=SETTLING), ProgrammingError(sigma=sigma)
        yield yield_of(machine, cause, x, metric=metric, spec=WITHIN, chips=CHIPS, seed=SEED, engine="settle")
