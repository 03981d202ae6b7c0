"""What conductances do from one reading to the next: white noise, and noise that grows towards low frequencies.

In a circuit it is the conductance of a cell that fluctuates, in plumbing the flow through a tube or an orifice: at high
Reynolds numbers it is turbulent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import scipy

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.banks import DeviceBank
from lstm_analog.imperfections.base import InRange, Streams, alter, strength
from lstm_analog.imperfections.in_time import fluctuate, varying
from lstm_analog.network.graph import Network


@checked_record
@dataclass(frozen=True, kw_only=True)
class ReadNoise:
    """Each step reads each conductance G anew, with a normal error of `sigma` Gmax (G/Gmax)^`exponent`; none below 0.

    With the exponent 1 it is a share of the conductance itself, with 0 one of Gmax, of 0.5 as shot noise goes.
    """

    sigma: Annotated[float, InRange("read noise", 0.0, 1.0, "give a share of the conductance, e.g. 0.01")]
    exponent: Annotated[
        float, InRange("read noise exponent", 0.0, 1.0, "give 1 for a share of the conductance itself")
    ] = 1.0


@checked_record
@dataclass(frozen=True, kw_only=True)
class Flicker:
    """Conductances fluctuate by a normal `share` of their own, with a spectrum 1/f over the devices of an array.

    Each device has one trap: its error relaxes with a time constant of its own, the logarithm of which is even between
    `shortest` and `longest` (s), and is a Lorentzian in frequency. Their mean is (McWhorter 1957), one-sided, with
    L = ln(longest/shortest) and w = 2 pi f::

        S(f) = share^2 2/(pi f L) (arctan(w longest) - arctan(w shortest))

    which is share^2/(L f) between the two. It is a share of the square of G per hertz. The errors are those at the
    beginnings of steps: noise faster than a step folds down.
    """

    share: Annotated[float, strength("flicker")]
    shortest: float
    longest: float

    def __post_init__(self) -> None:
        if not 0.0 < self.shortest < self.longest < np.inf:
            got = f"{self.shortest:g} to {self.longest:g}"
            raise InvalidValueError(explain("flicker times", must="be positive and increase", got=got, do="give s"))


@alter.register
def _(imperfection: ReadNoise, network: Network, streams: Streams) -> Network:
    return varying(network, imperfection, streams) if imperfection.sigma else network


@alter.register
def _(imperfection: Flicker, network: Network, streams: Streams) -> Network:
    return varying(network, imperfection, streams) if imperfection.share else network


@fluctuate.register
def _(
    imperfection: ReadNoise, banks: tuple[DeviceBank, ...], streams: Streams, step_time: float
) -> Iterator[Sequence[Floats]]:
    sizes = [imperfection.sigma * _power(bank, imperfection.exponent) for bank in banks]
    return scaled_errors(sizes, "read noise", banks, streams)


def scaled_errors(
    sizes: Sequence[Floats], cause: str, banks: tuple[DeviceBank, ...], streams: Streams
) -> Iterator[Sequence[Floats]]:
    """Yield for ever normal errors of the standard deviations `sizes` (..., m, n) of `banks`.

    They are drawn from the `streams` of a `cause`.
    """
    drawn = [bank.normals(streams, cause) for bank in banks]
    while True:
        yield [_times(next(normal), size) for normal, size in zip(drawn, sizes, strict=True)]


def _times(drawn: Floats, size: Floats) -> Floats:
    return np.multiply(drawn, size, out=drawn) if drawn.ndim >= size.ndim else drawn * size


def _power(bank: DeviceBank, exponent: float) -> Floats:
    """Return Gmax (G/Gmax)^exponent of a `bank`, zero where there is no device, (..., m, n)."""
    relative = bank.conductance / bank.largest
    return np.where(relative > 0.0, bank.largest * relative**exponent, 0.0)


@fluctuate.register
def _(
    imperfection: Flicker, banks: tuple[DeviceBank, ...], streams: Streams, step_time: float
) -> Iterator[Sequence[Floats]]:
    kept = [np.exp(-step_time / _times_of(imperfection, bank, streams)) for bank in banks]
    renewed = [np.sqrt(1.0 - each**2) for each in kept]
    sizes = [imperfection.share * bank.conductance for bank in banks]
    drawn = scaled_errors([np.ones(1)] * len(banks), "flicker", banks, streams)
    traps = next(drawn)
    while True:
        yield [trap * size for trap, size in zip(traps, sizes, strict=True)]
        traps = [old * a + new * b for old, new, a, b in zip(traps, next(drawn), kept, renewed, strict=True)]


def _times_of(imperfection: Flicker, bank: DeviceBank, streams: Streams) -> Floats:
    """Return the time constants of the devices of a `bank` (s), (..., m, n)."""
    even = scipy.special.ndtr(bank.normal(streams, "flicker times"))
    return imperfection.shortest * (imperfection.longest / imperfection.shortest) ** even
