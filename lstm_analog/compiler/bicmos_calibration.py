"""Gains of a transistor cell as corrected by circuit simulation: `study.calibrate` makes them, `compile` takes them."""

import csv
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain


@checked_record
@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Gains of a transistor cell, set so that it computes the LSTM's equations.

    Attributes
    ----------
    input_gain, forget_gain, candidate_gain, output_gain : float
        Total conductance of a column over its textbook value; they absorb base currents.
    emitter_resistance : float
        Resistor between the emitters of the pair that multiplies f and c; it sets the gain of c to itself (ohm).
    cell_volts : float
        Differential voltage (V) of 1 of c at the slave's follower.
    divider_ratio : float
        Fraction of the master's voltage at the input of tanh(c).
    hidden_load : float
        Load of o tanh(c), which sets the gain of h (ohm).
    cell_follower, hidden_follower : float
        Gain from a reset level to the node where c or h is read.
    residual : float
        Error of h and c after a single step that explains the errors of h over a sequence, full scale being 1. 0 if it
        was not measured.
    technology : str
        `Bicmos.digest` of the sizes it was made for.
    models : str
        `Bicmos.models_digest` of the device models it was made with.
    corner : str
        The corner of the process at which it was made; the typical one if empty.
    simulator : str
        Name and version of the simulator that made it.
    """

    input_gain: float
    forget_gain: float
    candidate_gain: float
    output_gain: float
    emitter_resistance: float
    cell_volts: float
    divider_ratio: float
    hidden_load: float
    cell_follower: float
    hidden_follower: float
    residual: float
    technology: str
    models: str
    corner: str
    simulator: str

    def __post_init__(self) -> None:
        """Check that every gain is positive, the residual not below zero, and that the divider divides."""
        for entry in fields(self):
            value, zero = getattr(self, entry.name), entry.name == "residual"
            if entry.type is float and not (0.0 < value < np.inf or (zero and value == 0.0)):
                do = "calibrate anew with study.calibrate"
                raise InvalidValueError(explain(f"calibration {entry.name}", must="be positive", got=value, do=do))
        if not self.divider_ratio < 1.0:
            do = "calibrate anew with study.calibrate"
            raise InvalidValueError(explain("divider_ratio", must="be below 1", got=self.divider_ratio, do=do))


@cache
def shipped() -> tuple[Calibration, ...]:
    """Return the calibrations shipped with the package, one a preset and state scale, of `data/calibrations.csv`.

    The first two are by `benchmarks/calibrate_bicmos.py`, the next four by `benchmarks/sky130.py calibrate`, that of
    SKY130_CHIP by `benchmarks/sky130_chip.py calibrate`.
    """
    kinds: dict[str, Any] = {entry.name: entry.type for entry in fields(Calibration)}
    with (files("lstm_analog") / "data" / "calibrations.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(Calibration(**{name: kinds[name](text) for name, text in row.items()}) for row in rows)
