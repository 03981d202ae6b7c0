"""Chips of the tolerant airline forecasters against the clean ones: `python benchmarks/tolerant.py [chips]`, 400.

The tolerant ones were trained on by `train_airline_tolerant.py` over 1949-1957; chips are judged by the forecasts of
1958-1960, which no training or trimming has seen, from a seed that no training had. A chip works if it is within 5
thousand passengers RMSE of the digital forecasts of its own LSTM; beside it stands the median chip's RMSE to the
passengers themselves. `Settle`, 24 time constants.

What helps: devices verified are programmed up to ten times, until they read within a third of the error, by a reading
ten times as good. Chips are trimmed as in `trimming.py`, by h in 1949-1956 and by the same months with 1.5 times the
passengers, of which no outputs of later years are part; with the gains of the weighted sums or without.
"""

import sys
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from measure import conditions, table
from trimming import ENLARGED, LARGEST, RESOLUTION, TRIMMED
from yields import SETTLING, TECHNOLOGIES, WITHIN

import lstm_analog as la
from lstm_analog.demo.chips import ForecastError
from lstm_analog.imperfections import BoreTolerance, ProgrammingError, VerifiedProgramming
from lstm_analog.model.airline import TEST_START, UNITS, forecaster, series
from lstm_analog.model.sequences import Outputs
from lstm_analog.study import trimmer, yield_of

CHIPS = 400
SEED = 41
CAUSES = (
    *(("BEHAVIOURAL", ProgrammingError(sigma=sigma)) for sigma in (0.003, 0.01, 0.03, 0.05)),
    *(("OIL", BoreTolerance(sigma=sigma)) for sigma in (0.0025, 0.01)),
)

ROUNDS = 10
"""Most attempts to program a device."""
HELP = (("verified", ""), ("", "trimmed"), ("", "trimmed, gains too"), ("verified", "trimmed, gains too"))
"""What is done to chips: to their devices, then to their sums."""


@dataclass(frozen=True, kw_only=True)
class DataError:
    """RMSE of the forecasts of each chip to the passengers of the next month in 1958-1960 (thousand)."""

    units: int
    tolerant: bool

    def __call__(self, outputs: Outputs) -> np.ndarray:
        forecast = forecaster(self.units, tolerant=self.tolerant).decode(outputs.h)[..., TEST_START - 1 : -1, 0]
        return np.sqrt(np.mean((forecast - series()[1][TEST_START:]) ** 2, axis=-1))


@cache
def design(units: int, tolerant: bool, name: str, how: str) -> object:
    """Return the machine of a forecaster in the technology of that name, or what trims its chips as they are drawn."""
    made = forecaster(units, tolerant=tolerant)
    machine = la.compile(made.lstm, TECHNOLOGIES[name], settling=SETTLING)
    months = np.stack([made.encode(factor * series()[1][TRIMMED]) for factor in (1.0, ENLARGED)])
    options = {"resolution": RESOLUTION, "largest": LARGEST, "gains": "gains" in how}
    return trimmer(machine, months, **options).design if "trimmed" in how else machine


def judged(units: int, tolerant: bool, name: str, cause: object, chips: int, how: str) -> tuple[object, ...]:
    """Return the cells of a row: the yield by the digital forecasts and its quantiles."""
    made, what = forecaster(units, tolerant=tolerant), design(units, tolerant, name, how)
    x = made.encode(series()[1])
    near = ForecastError(forecaster=made, digital=made.decode(made.lstm(x).h)[:, 0])
    found = yield_of(what, cause, x, metric=near, spec=WITHIN, chips=chips, seed=SEED, engine="settle")
    low, high = found.interval.low, found.interval.high
    return f"{found.fraction:.1%}", f"{low:.1%} to {high:.1%}", *found.quantiles([0.5, 0.9])


def as_made(chips: int) -> list[tuple[object, ...]]:
    """Return the rows of the table of chips as made, which ends with the RMSE of the median chip to the data."""
    rows = []
    for units, (name, cause), tolerant in product(UNITS, CAUSES, (False, True)):
        x, metric = forecaster(units).encode(series()[1]), DataError(units=units, tolerant=tolerant)
        data = yield_of(
            *(design(units, tolerant, name, ""), cause, x),
            metric=metric,
            spec=WITHIN,
            chips=chips,
            seed=SEED,
            engine="settle",
        )
        told = judged(units, tolerant, name, cause, chips, "")
        rows.append((units, name, cause, _which(tolerant), *told, data.quantiles([0.5])[0]))
    return rows


def helped(chips: int) -> list[tuple[object, ...]]:
    """Return the rows of the table of what can be done to chips, 15 units."""
    rows = []
    for sigma, tolerant, (verified, how) in product((0.01, 0.03, 0.05), (False, True), HELP):
        tried = VerifiedProgramming(sigma=sigma, tolerance=sigma / 3.0, rounds=ROUNDS, reading=sigma / 10.0)
        cause = tried if verified else ProgrammingError(sigma=sigma)
        told = judged(15, tolerant, "BEHAVIOURAL", cause, chips, how)
        rows.append((f"{sigma:.0%} Gmax", _which(tolerant), ", ".join(filter(None, (verified, how))), *told))
    for tolerant, how in product((False, True), ("trimmed", "trimmed, gains too")):
        told = judged(15, tolerant, "OIL", CAUSES[-1][1], chips, how)
        rows.append(("OIL, bores 1 %", _which(tolerant), how, *told))
    return rows


def _which(tolerant: bool) -> str:
    return "tolerant" if tolerant else "clean"


def digital() -> list[tuple[object, ...]]:
    """Return the rows of the table of the digital forecasters."""
    made = []
    for units in UNITS:
        for tolerant in (False, True):
            each = forecaster(units, tolerant=tolerant)
            outputs = each.lstm(each.encode(series()[1]))
            error = DataError(units=units, tolerant=tolerant)(Outputs(h=outputs.h, state=outputs.state, y=None, c=None))
            weights = np.abs(each.lstm.layers[0].forward.recurrent)
            made.append((each.lstm.name, float(error), float(weights.max()), float(np.median(weights))))
    return made


def main(chips: int) -> None:
    """Print the tables."""
    print(conditions())
    print(table(("digital", "RMSE to the data, 1958-1960", "largest recurrent weight", "median"), digital()))
    print(f"{chips} chips as made:")
    found = ("yield", "interval", "median", "90 % below")
    print(table(("units", "technology", "cause", "forecaster", *found, "median to the data"), as_made(chips)))
    print(f"what helps, {chips} chips of 15 units:")
    print(table(("errors", "forecaster", "chips are", *found), helped(chips)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CHIPS)
