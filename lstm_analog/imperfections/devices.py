"""Errors of programmed conductances: memristors, phase-change cells, floating gates, as crossbars or transconductors.

A weight is one device of a pair, chosen by its sign: a signed transconductance keeps its sign, a crossbar has the
device in its positive or its negative bank. Zeros, where there is no device, stay zero. Gmax is the largest
conductance of a bank on a chip, errors that it has so far included. Records say which values are usual.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.banks import DeviceBank, device_banks, with_devices
from lstm_analog.imperfections.base import InRange, Streams, alter, check_range, strength
from lstm_analog.network.graph import Network

_MOST_ROUNDS = 1000
"""Most attempts to program a device; more take longer than any array is programmed for."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class ProgrammingError:
    """Each conductance is off by a normal error of the standard deviation `sigma` in units of Gmax; none below zero.

    0.01 to 0.04 for phase-change memory, 0.009 to 0.056 for resistive memory; 0.03 is usual.
    """

    sigma: Annotated[float, InRange("programming error", 0.0, 1.0, "give a share of Gmax, e.g. 0.03")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class VerifiedProgramming:
    """Each conductance is programmed, read, and programmed anew until it reads within `tolerance` of its target.

    Attributes
    ----------
    sigma : float
        Standard deviation of an attempt, as in `ProgrammingError`; all attempts are independent.
    tolerance : float
        Largest difference of a reading from the target that is accepted, as a share of Gmax.
    rounds : int
        Most attempts; the last is kept whatever it reads. 1 is a `ProgrammingError`.
    reading : float
        Standard deviation of a reading, as a share of Gmax.
    """

    sigma: Annotated[float, InRange("verified programming, sigma", 0.0, 1.0, "give a share of Gmax")]
    tolerance: Annotated[float, InRange("verified programming, tolerance", 0.0, 1.0, "give a share of Gmax")]
    rounds: Annotated[int, InRange("verified programming, rounds", 1, _MOST_ROUNDS, "count attempts")]
    reading: Annotated[float, InRange("verified programming, reading", 0.0, 1.0, "give a share of Gmax")] = 0.0


@checked_record
@dataclass(frozen=True, kw_only=True)
class DeviceSpread:
    """Each conductance is off by a normal `share` of its own value, as resistors are; none below zero."""

    share: Annotated[float, strength("device spread")]


@checked_record
@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """Round conductances to `levels` values, equally spaced from the least to Gmax; infinity means no quantisation.

    The least conductance is that of a crossbar's two banks, and zero where a weight has only one device.
    """

    levels: float

    def __post_init__(self) -> None:
        if not (self.levels >= 2 and (np.isinf(self.levels) or float(self.levels).is_integer())):
            must, do = "be a whole number >= 2 or infinite", "give e.g. 16"
            raise InvalidValueError(explain("quantisation levels", must=must, got=self.levels, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class StuckDevices:
    """The share `off` of all devices conducts nothing, the share `on` conducts Gmax; 0.001 together is usual."""

    off: Annotated[float, InRange("stuck devices, off", 0.0, 1.0, "give a share of the devices")]
    on: float

    def __post_init__(self) -> None:
        check_range("stuck devices, on", self.on, 0.0, 1.0 - self.off, "give a share of the others")


@alter.register
def _(imperfection: ProgrammingError, network: Network, streams: Streams) -> Network:
    def erring(bank: DeviceBank) -> Floats:
        device, error = bank.conductance, bank.normal(streams, "programming")
        return np.where(device > 0.0, np.maximum(device + imperfection.sigma * bank.largest * error, 0.0), 0.0)

    return change_devices(network, erring) if imperfection.sigma else network


@alter.register
def _(imperfection: VerifiedProgramming, network: Network, streams: Streams) -> Network:
    def verified(bank: DeviceBank) -> Floats:
        device, tolerance = bank.conductance, imperfection.tolerance * bank.largest
        sizes = imperfection.sigma * bank.largest, imperfection.reading * bank.largest
        attempts, readings = (bank.normals(streams, what) for what in ("programming", "reading"))
        written, left = device, np.ones(device.shape[-2:], dtype=bool)
        for _ in range(imperfection.rounds):
            written = np.where(left, np.maximum(device + sizes[0] * next(attempts), 0.0), written)
            left = left & (np.abs(written + sizes[1] * next(readings) - device) > tolerance)
        return np.where(device > 0.0, written, 0.0)

    return change_devices(network, verified) if imperfection.sigma else network


@alter.register
def _(imperfection: DeviceSpread, network: Network, streams: Streams) -> Network:
    def spread(bank: DeviceBank) -> Floats:
        return np.maximum(bank.conductance * (1.0 + imperfection.share * bank.normal(streams, "spread")), 0.0)

    return change_devices(network, spread) if imperfection.share else network


@alter.register
def _(imperfection: Quantisation, network: Network, streams: Streams) -> Network:
    def rounded(bank: DeviceBank) -> Floats:
        step = (bank.largest - bank.least) / (imperfection.levels - 1)
        return bank.least + np.rint((bank.conductance - bank.least) / np.where(step > 0.0, step, 1.0)) * step

    return change_devices(network, rounded) if np.isfinite(imperfection.levels) else network


@alter.register
def _(imperfection: StuckDevices, network: Network, streams: Streams) -> Network:
    def stuck(bank: DeviceBank) -> Floats:
        device, lot = bank.conductance, scipy.special.ndtr(bank.normal(streams, "stuck"))
        alive = np.where(lot < imperfection.off, 0.0, np.where(lot > 1.0 - imperfection.on, bank.largest, device))
        return np.where(device > 0.0, alive, 0.0)

    return change_devices(network, stuck) if imperfection.off or imperfection.on else network


def change_devices(network: Network, by: Callable[[DeviceBank], Floats]) -> Network:
    """Return `network` with the conductances (..., m, n) of its `device_banks` replaced `by` a function of the bank."""
    return with_devices(network, [by(bank) for bank in device_banks(network)])
