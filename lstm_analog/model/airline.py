"""Monthly airline passengers, 1949-1960, and small LSTMs trained on them: the running example of this package.

Series G of G. E. P. Box, G. M. Jenkins, Time Series Analysis (1970). `benchmarks/train_airline.py` trained the LSTMs.
"""

import csv
from importlib.resources import as_file, files
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lstm_analog.arrays import Floats, floats
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.model.forecaster import Forecaster, load_forecaster

TEST_START = 108
"""Index of the first month that the LSTMs were not trained on, 1958-01. The last three years are the test."""

UNITS: tuple[Literal[4, 15], ...] = (4, 15)
"""Sizes of the LSTMs that are shipped."""

_DATA = files("lstm_analog") / "data"


def series() -> tuple[NDArray[np.datetime64], Floats]:
    """Return the months `(144,)` and the passengers in each `(144,)`, in thousands.

    >>> months, thousands = series()
    >>> str(months[TEST_START]), float(thousands[TEST_START])
    ('1958-01', 340.0)
    """
    with (_DATA / "airline_passengers.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))[1:]
    months = np.array([month for month, _ in rows], dtype="datetime64[M]")
    return months, floats([float(thousands) for _, thousands in rows], "passengers")


def forecaster(units: Literal[4, 15], *, tolerant: bool = False) -> Forecaster:
    """Return the trained forecaster with that many `units`.

    With `tolerant`, it is the one that was trained on with errors of 3 % of Gmax in its weights, by
    `benchmarks/train_airline_tolerant.py`, so that bad chips of it work.

    >>> forecaster(4).lstm.name, forecaster(4).lstm.sizes
    ('airline_4', (4,))
    >>> forecaster(15, tolerant=True).lstm.name
    'airline_15_tolerant'
    """
    if units not in UNITS:
        raise InvalidValueError(explain("units", must=f"be one of {UNITS}", got=units, do="or train your own"))
    with as_file(_DATA / f"airline_{units}{'_tolerant' if tolerant else ''}.safetensors") as path:
        return load_forecaster(path)
