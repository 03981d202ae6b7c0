"""Errors of programmed conductances: memristors, phase-change cells, floating gates, as crossbars or transconductors.

A weight is one device of a pair, chosen by its sign: a signed transconductance keeps its sign, a crossbar has the
device in its positive or its negative bank. Zeros, where there is no device, stay zero. Gmax is the largest
conductance of a bank. Each record gives the values of published arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.banks import device_banks, with_devices
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
        """Check that there are two whole levels, or infinitely many."""
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
        """Check that both are no more than all together."""
        check_range("stuck devices, on", self.on, 0.0, 1.0 - self.off, "give a share of the others")


@alter.register
def _(imperfection: ProgrammingError, network: Network, streams: Streams) -> Network:
    if not imperfection.sigma:
        return network

    def erring(device: Floats, least: Floats, largest: Floats, name: str) -> Floats:
        error = streams.normal(f"programming {name}", device.shape[-2:])
        return np.where(device > 0.0, np.maximum(device + imperfection.sigma * largest * error, 0.0), 0.0)

    return change_devices(network, erring)


@alter.register
def _(imperfection: VerifiedProgramming, network: Network, streams: Streams) -> Network:
    if not imperfection.sigma:
        return network

    def verified(device: Floats, least: Floats, largest: Floats, name: str) -> Floats:
        sizes = imperfection.sigma * largest, imperfection.reading * largest
        attempts, readings = (
            streams.normals(f"{what} {name}", device.shape[-2:]) for what in ("programming", "reading")
        )
        written, left = device, np.ones(device.shape[-2:], dtype=bool)
        for _ in range(imperfection.rounds):
            written = np.where(left, np.maximum(device + sizes[0] * next(attempts), 0.0), written)
            left = left & (np.abs(written + sizes[1] * next(readings) - device) > imperfection.tolerance * largest)
        return np.where(device > 0.0, written, 0.0)

    return change_devices(network, verified)


@alter.register
def _(imperfection: DeviceSpread, network: Network, streams: Streams) -> Network:
    if not imperfection.share:
        return network

    def spread(device: Floats, least: Floats, largest: Floats, name: str) -> Floats:
        normal = streams.normal(f"spread {name}", device.shape[-2:])
        return np.maximum(device * (1.0 + imperfection.share * normal), 0.0)

    return change_devices(network, spread)


@alter.register
def _(imperfection: Quantisation, network: Network, streams: Streams) -> Network:
    if np.isinf(imperfection.levels):
        return network

    def rounded(device: Floats, least: Floats, largest: Floats, name: str) -> Floats:
        step = (largest - least) / (imperfection.levels - 1)
        return least + np.rint((device - least) / np.where(step > 0.0, step, 1.0)) * step

    return change_devices(network, rounded)


@alter.register
def _(imperfection: StuckDevices, network: Network, streams: Streams) -> Network:
    if not imperfection.off and not imperfection.on:
        return network

    def stuck(device: Floats, least: Floats, largest: Floats, name: str) -> Floats:
        lot = scipy.special.ndtr(streams.normal(f"stuck {name}", device.shape[-2:]))
        alive = np.where(lot < imperfection.off, 0.0, np.where(lot > 1.0 - imperfection.on, largest, device))
        return np.where(device > 0.0, alive, 0.0)

    return change_devices(network, stuck)


def change_devices(network: Network, by: Callable[[Floats, Floats, Floats, str], Floats]) -> Network:
    """Return `network` with the conductances of its banks replaced.

    They are `by(size, least, largest, name)`: size (..., m, n), least and largest (..., 1, 1), and the bank's name.
    """
    banks = device_banks(network)
    return with_devices(network, [by(bank.conductance, bank.least, bank.largest, bank.name) for bank in banks])
