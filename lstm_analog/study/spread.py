"""Compute the errors of a signal: over all, by unit and by step, with the place of the largest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, floats
from lstm_analog.doors import checked_record
from lstm_analog.model.gates import AnyGate

LEVELS = (0.5, 0.9, 0.99)
"""The levels of the quantiles of errors."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The place of an error: sequence, time step and unit, counted from 0; `batch` is 0 if x has no batch axis."""

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
    """The errors of a signal of a layer against the numeric LSTM, in units of the signal.

    Attributes
    ----------
    max, rms : float
        Largest and root mean square error over sequences, steps and units; for z also over the gates.
    quantiles : float array, (3,)
        The quantiles of the absolute errors at 50, 90 and 99 %.
    by_unit, by_step : Spread
        The same figures for each unit and for each step.
    where : Place
        The place of the largest error.
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
    """The errors of the chain with the label `chain`; a chain is one direction of a layer.

    `signals` has the errors by name: pre-activations `z`, each gate by its `gate_error` name, `c` if there is one, and
    `h`.
    """

    chain: str
    signals: Mapping[str, Errors]

    def __getitem__(self, name: str) -> Errors:
        """Return the errors of the signal `name`."""
        return self.signals[name]


def gate_error(gate: AnyGate) -> str:
    """Return the name of the errors of `gate`: its letter, or its word where the letter is that of another signal.

    >>> from lstm_analog.model.gates import Gate, GRUGate
    >>> gate_error(Gate.FORGET), gate_error(GRUGate.UPDATE)
    ('f', 'update')
    """
    return gate.name.lower() if gate.letter in "zch" else gate.letter


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadErrors:
    """The errors of the outputs `y` of the head; `gain` is the largest error of a y by an error of 1 in every h."""

    y: Errors
    gain: float


def errors(analog: Floats, digital: Floats, lengths: Indices | None = None) -> Errors:
    """Return the errors of `analog` against `digital`, of shape (batch, time, gates, units) or (time, gates, units).

    Of each sequence only the first `lengths` (batch,) steps count, all if None.
    """
    size = np.abs(analog - digital).reshape(-1, *digital.shape[-3:])
    by_place = size.max(axis=2)
    batch, step, unit = (int(n) for n in np.unravel_index(by_place.argmax(), by_place.shape))
    known, by_step = size, _spread(size, (0, 2, 3))
    if lengths is not None:
        valid = np.arange(size.shape[1]) < lengths[:, None]
        known, by_step = size[valid][None], _by_step(size, valid)
    return Errors(
        max=float(known.max()),
        rms=float(np.sqrt(np.mean(known**2))),
        quantiles=floats(np.quantile(known, LEVELS), "quantiles"),
        by_unit=_spread(known, (0, 1, 2)),
        by_step=by_step,
        where=Place(batch=batch, step=step, unit=unit),
    )


def _by_step(size: Floats, valid: Flags) -> Spread:
    """Return the spread of `size` in each step over the sequences `valid` there, (batch, time); 0 if there is none."""
    none = np.zeros((1, *size.shape[2:]))
    steps = [size[there, step] if there.any() else none for step, there in enumerate(valid.T)]
    each = [_spread(values[:, None], (0, 2, 3)) for values in steps]
    names = ("max", "rms", "quantiles")
    return Spread(**{name: floats(np.concatenate([getattr(one, name) for one in each]), name) for name in names})


def _spread(size: Floats, axes: tuple[int, ...]) -> Spread:
    """Return the spread of the absolute errors `size` over `axes`, for each place on the remaining axis."""
    return Spread(
        max=floats(size.max(axis=axes), "largest errors"),
        rms=floats(np.sqrt(np.mean(size**2, axis=axes)), "rms errors"),
        quantiles=floats(np.quantile(size, LEVELS, axis=axes).T, "quantiles"),
    )
