"""Sizes of an op-amp circuit: op-amps, pairs, multipliers, sample-and-holds and crossbars of conductance pairs.

The presets stand in `electrical`.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.data_sheets import OpAmpData
from lstm_analog.network.quantities import BOLTZMANN, CHARGE, check_fields, check_number


def thermal_voltage(temperature: float) -> float:
    """Return V_T = kT/q (V) at `temperature` (K); a bipolar pair splits its tail current by sigmoid(v/V_T)."""
    return BOLTZMANN * temperature / CHARGE


@checked_record
@dataclass(frozen=True, kw_only=True)
class PairData:
    """A bipolar differential pair behind an attenuator, its current into a load.

    Attributes
    ----------
    temperature : float
        Temperature for which the attenuator, V_T over the volts of a unit of z, is made (K).
    divider_resistance : float
        The attenuator's resistor to ground (ohm); the other follows from the ratio.
    load_resistance, load_capacitance : float
        Load of its current (ohm, F), which is the pole of a gate.
    """

    temperature: float
    divider_resistance: float
    load_resistance: float
    load_capacitance: float

    def __post_init__(self) -> None:
        check_fields(self, "pair")


@checked_record
@dataclass(frozen=True, kw_only=True)
class MultiplierData:
    """A four-quadrant multiplier: a current into `load_resistance` (ohm) and `load_capacitance` (F), then a buffer."""

    load_resistance: float
    load_capacitance: float

    def __post_init__(self) -> None:
        check_fields(self, "multiplier")


@checked_record
@dataclass(frozen=True, kw_only=True)
class HoldData:
    """A sample-and-hold: switch, capacitor, op-amp as follower.

    Attributes
    ----------
    capacitance : float
        The hold capacitor (F).
    closed_resistance, opened_resistance : float
        The switch, closed and open (ohm).
    leak_resistance : float
        From the hold capacitor to ground (ohm).
    """

    capacitance: float
    closed_resistance: float
    opened_resistance: float
    leak_resistance: float

    def __post_init__(self) -> None:
        check_fields(self, "hold")


@checked_record
@dataclass(frozen=True, kw_only=True)
class CrossbarData:
    """Conductance pairs: G = least + (largest - least) |w|/max|w| on the side of the sign, `least` on the other.

    Attributes
    ----------
    least, largest : float
        Smallest and largest conductance of a device (S).
    series : int
        Number of resistor values in a decade, 96 for E96; 0 for any value.
    """

    least: float
    largest: float
    series: int = 0

    def __post_init__(self) -> None:
        """Check that there is a range of conductances, and that the series is one that 10^(k/n) gives."""
        for name in ("least", "largest"):
            check_number(f"crossbar {name}", getattr(self, name))
        if not self.least < self.largest:
            must, do = f"be above least, {self.least:g} S", "give a ratio of 2 at least"
            raise InvalidValueError(explain("crossbar largest", must=must, got=self.largest, do=do))
        if self.series not in (0, 48, 96, 192):
            must, do = "be 48, 96 or 192 (IEC 60063), or 0 for any value", "take 96 for 1 % resistors"
            raise InvalidValueError(explain("crossbar series", must=must, got=self.series, do=do))

    def conductances(self, share: Floats) -> Floats:
        """Return the conductances (S) of weights, `share` being each over the largest; `least` for those below zero."""
        exact = self.least + (self.largest - self.least) * np.maximum(share, 0.0)
        return 1.0 / preferred(1.0 / exact, self.series)


_COMPUTED, _LISTED = 9.19, 9.20
"""The one value of E192 that is not what its formula gives."""


def preferred(resistance: Floats, series: int) -> Floats:
    """Return the values (ohm) nearest to `resistance` in a `series` of n values a decade: 10^(k/n) to three digits.

    `series` is 48, 96 or 192 (IEC 60063, which has 9.20 where that would be 9.19), or 0 for no rounding. Nearest by
    ratio.
    """
    if not series:
        return resistance
    decade = np.floor(np.log10(resistance))
    ladder = np.append(np.round(10.0 ** (np.arange(series) / series), 2), 10.0)
    ladder[ladder == _COMPUTED] = _LISTED
    middles = np.sqrt(ladder[1:] * ladder[:-1])
    result: Floats = ladder[np.searchsorted(middles, resistance / 10.0**decade)] * 10.0**decade
    return result


def feedback(data: CrossbarData, gain: float) -> float:
    """Return the feedback resistance (ohm) at which the largest conductance of `data` makes `gain` (V/V).

    If `data` has a series, it is rounded up to the next value, so that no conductance exceeds the largest.
    """
    exact = gain / (data.largest - data.least)
    nearest = float(preferred(np.array(exact), data.series))
    if nearest < exact * (1.0 - 1e-12):
        nearest = float(preferred(np.array(nearest * 10.0 ** (1.0 / data.series)), data.series))
    return nearest


@checked_record
@dataclass(frozen=True, kw_only=True)
class OpAmpCircuit:
    """Sizes of a circuit of op-amps, pairs and multipliers around conductances and switches, all as macro-models.

    Attributes
    ----------
    name, provenance : str
        Its name, and where the sizes come from.
    input_volts, signal_volts, cell_volts, row_volts : float
        Voltages (V) of 1 of x, of h and the gates, of c, and of z.
    amplifier : OpAmpData
        The data of every op-amp.
    crossbar : CrossbarData
        The conductances of the weights.
    row_capacitance : float
        Capacitance at the summing node of a row (F); 0 for none.
    sum_resistance : float
        Resistors of the op-amp that adds two products (ohm).
    pair : PairData
        The pairs of sigmoids and tanhs.
    multiplier : MultiplierData
        The multipliers of products.
    hold : HoldData
        The sample-and-holds of memories.
    compute_phase, copy_phase, gap : float
        Length of the two clock phases at a settling of 20, and the pause between clock pulses (s).
    """

    name: str
    provenance: str
    input_volts: float
    signal_volts: float
    cell_volts: float
    row_volts: float
    amplifier: OpAmpData
    crossbar: CrossbarData
    row_capacitance: float
    sum_resistance: float
    pair: PairData
    multiplier: MultiplierData
    hold: HoldData
    compute_phase: float
    copy_phase: float
    gap: float

    def __post_init__(self) -> None:
        """Check that every size is positive, and the capacitance of a row not below zero."""
        check_fields(self, self.name, signed=("row_capacitance",))
        if not 0.0 <= self.row_capacitance < np.inf:
            what, got = f"{self.name} row_capacitance", self.row_capacitance
            raise InvalidValueError(explain(what, must="be zero or positive", got=got, do="give farads"))

    @property
    def time_constant(self) -> float:
        """The unit of `settling` (s): `compute_phase` is 20 of them."""
        return self.compute_phase / FULL_SETTLING


FULL_SETTLING = 20.0
"""The settling, in time constants, at which the phases of an op-amp circuit have the length that its preset gives."""
