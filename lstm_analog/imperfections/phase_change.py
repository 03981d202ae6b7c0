"""Phase-change memory as IBM measured it: how it is programmed, drifts and is read, by conductance.

The laws are those of a doped-GST mushroom cell in 90 nm, of a million devices with Gmax = 25 uS (Nandakumar 2019), as
aihwkit 1.1.0 has them (`PCMLikeNoiseModel`); g is a conductance as a share of Gmax, at most 1 here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.imperfections.ageing import check_elapsed, compensated
from lstm_analog.imperfections.banks import DeviceBank
from lstm_analog.imperfections.base import Streams, alter, strength
from lstm_analog.imperfections.devices import change_devices
from lstm_analog.imperfections.in_time import fluctuate, varying
from lstm_analog.imperfections.reading import scaled_errors
from lstm_analog.network.graph import Network

PROGRAMMED = 20.0
"""Seconds after programming at which the conductances are what was programmed."""
_READ = 250e-9
"""Length of a reading pulse (s)."""
_PROGRAMMING = (0.26348 / 25.0, 1.9650 / 25.0, -1.1731 / 25.0)
"""Standard deviation of programming, as a share of Gmax, by powers of g."""
_SMALLEST = 1e-7
"""Smallest g that the laws are asked for."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class PhaseChangeProgramming:
    """Conductances are programmed with a normal error of (0.26348 + 1.9650 g - 1.1731 g^2)/25 Gmax times `scale`."""

    scale: Annotated[float, strength("phase-change programming scale", "give 1 for what was measured")] = 1.0


@checked_record
@dataclass(frozen=True, kw_only=True)
class PhaseChangeDrift:
    """Conductances have fallen as (t/20 s)^-nu, t being 20 s and the `seconds` since: nu by device, times `scale`.

    nu = |normal| of the mean -0.0155 ln g + 0.0244, within 0.049 to 0.1, and the standard deviation
    -0.0125 ln g - 0.0059, within 0.008 to 0.045. `compensated` as in `Drift`.
    """

    seconds: float
    scale: Annotated[float, strength("phase-change drift scale", "give 1 for what was measured")] = 1.0
    compensated: bool = False

    def __post_init__(self) -> None:
        check_elapsed("phase-change drift", PROGRAMMED, PROGRAMMED + self.seconds)


@checked_record
@dataclass(frozen=True, kw_only=True)
class PhaseChangeReadNoise:
    """Each step reads each conductance anew, with an error of G q sqrt(ln((t + tr)/(2 tr))) times `scale`.

    q = 0.0088 / g^0.65, at most 0.2, tr = 250 ns, t = 20 s and the `seconds` since: 1/f noise accumulated from a
    reading pulse to the time since programming. Its slow part stays in a run of a real array; here all is drawn anew.
    """

    seconds: float
    scale: Annotated[float, strength("phase-change read noise scale", "give 1 for what was measured")] = 1.0

    def __post_init__(self) -> None:
        check_elapsed("phase-change read noise", PROGRAMMED, PROGRAMMED + self.seconds)


@alter.register
def _(imperfection: PhaseChangeProgramming, network: Network, streams: Streams) -> Network:
    def programmed(bank: DeviceBank) -> Floats:
        device, error = bank.conductance, bank.normal(streams, "phase-change programming")
        sigma = imperfection.scale * np.polynomial.polynomial.polyval(device / bank.largest, _PROGRAMMING)
        return np.where(device > 0.0, np.maximum(device + bank.largest * sigma * error, 0.0), 0.0)

    return change_devices(network, programmed) if imperfection.scale else network


@alter.register
def _(imperfection: PhaseChangeDrift, network: Network, streams: Streams) -> Network:
    aged = imperfection.scale * np.log(1.0 + imperfection.seconds / PROGRAMMED)

    def fallen(bank: DeviceBank) -> Floats:
        device = bank.conductance
        log_g = np.log(np.maximum(device / bank.largest, _SMALLEST))
        mean = np.clip(0.0244 - 0.0155 * log_g, 0.049, 0.1)
        spread = np.clip(-0.0059 - 0.0125 * log_g, 0.008, 0.045)
        nu = np.abs(mean + spread * bank.normal(streams, "phase-change drift"))
        old = device * np.exp(-aged * nu)
        return compensated(old, device) if imperfection.compensated else old

    return change_devices(network, fallen) if aged else network


@alter.register
def _(imperfection: PhaseChangeReadNoise, network: Network, streams: Streams) -> Network:
    return varying(network, imperfection, streams) if imperfection.scale else network


@fluctuate.register
def _(
    imperfection: PhaseChangeReadNoise, banks: tuple[DeviceBank, ...], streams: Streams, step_time: float
) -> Iterator[Sequence[Floats]]:
    elapsed = PROGRAMMED + imperfection.seconds
    accumulated = imperfection.scale * np.sqrt(np.log((elapsed + _READ) / (2.0 * _READ)))
    sizes = [accumulated * bank.conductance * _quotient(bank) for bank in banks]
    return scaled_errors(sizes, "phase-change reading", banks, streams)


def _quotient(bank: DeviceBank) -> Floats:
    """Return q of the devices of a `bank`, (..., m, n)."""
    power = np.maximum(bank.conductance / bank.largest, _SMALLEST) ** 0.65
    return np.minimum(0.0088 / np.maximum(power, 1e-3), 0.2)
