"""How far a signal is from what it should be, over all, by unit and by step, and where it is farthest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked_record

LEVELS = (0.5, 0.9, 0.99)
"""The shares of all values that the quantiles of an error cover."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an error is: sequence, time step and unit, counted from 0; `batch` is 0 where x has no batch axis."""

    batch: int
    step: int
    unit: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """Absolute errors of each unit, or of each step: `max` (n,), `rms` (n,) and `quantiles` (n, 3) at `LEVELS`."""

    max: Floats
    rms: Floats
    quantiles: Floats


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Errors:
    """How far a signal of a layer is from the numeric LSTM, in units of the signal.

    Attributes
    ----------
    max, rms : float
        Over sequences, steps and units; for z over the four gates too.
    quantiles : float array, (3,)
        What 50, 90 and 99 % of the absolute errors stay below.
    by_unit, by_step : Spread
        The same of each unit and of each step.
    where : Place
        Of the largest.
    """

    max: float
    rms: float
    quantiles: Floats
    by_unit: Spread
    by_step: Spread
    where: Place


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class LayerErrors:
    """The errors of the `chain` of that label, a direction of a layer.

    `signals` has them by name: pre-activations `z`, each gate by its letter, cells `c` but of a GRU, outputs `h`.
    """

    chain: str
    signals: Mapping[str, Errors]

    def __getitem__(self, name: str) -> Errors:
        """Return the errors of the signal `name`."""
        return self.signals[name]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadErrors:
    """The errors of the outputs `y` of the head; its `gain` is what an error of 1 in every h can make of them, or 1."""

    y: Errors
    gain: float


def errors(analog: Floats, digital: Floats) -> Errors:
    """Return the errors of `analog` against `digital`, both of shape (batch, time, gates, units)."""
    size = np.abs(analog - digital)
    by_place = size.max(axis=2)
    batch, step, unit = (int(n) for n in np.unravel_index(by_place.argmax(), by_place.shape))
    return Errors(
        max=float(size.max()),
        rms=float(np.sqrt(np.mean(size**2))),
        quantiles=floats(np.quantile(size, LEVELS), "quantiles"),
        by_unit=_spread(size, (0, 1, 2)),
        by_step=_spread(size, (0, 2, 3)),
        where=Place(batch=batch, step=step, unit=unit),
    )


def _spread(size: Floats, axes: tuple[int, ...]) -> Spread:
    """Return the spread of the absolute errors `size` over `axes`, for each place on the axis that is left."""
    return Spread(
        max=floats(size.max(axis=axes), "largest errors"),
        rms=floats(np.sqrt(np.mean(size**2, axis=axes)), "rms errors"),
        quantiles=floats(np.quantile(size, LEVELS, axis=axes).T, "quantiles"),
    )
