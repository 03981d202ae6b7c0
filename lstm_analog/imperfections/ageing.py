"""What programmed conductances do between programming and use, and a user's own statistics of them."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.imperfections.banks import DeviceBank
from lstm_analog.imperfections.base import InRange, Streams, alter, strength
from lstm_analog.imperfections.devices import change_devices
from lstm_analog.network.graph import Network

_MOST_SECONDS = 3.2e10
"""A thousand years."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Drift:
    """Conductances have fallen as (`seconds`/`since`)^-nu since they were programmed, nu of each device its own.

    nu is normal with the mean `exponent` and the standard deviation `spread`. `seconds` have passed; the conductances
    are those at `since` (s). Where it is `compensated` one gain a bank and chip restores the sum of its conductances,
    as a column of known inputs tells it. In plumbing: tubes that foul.
    """

    exponent: Annotated[float, InRange("drift exponent", -1.0, 1.0, "give nu, 0.05 for phase-change memory")]
    spread: Annotated[float, strength("drift spread", "give the standard deviation of nu")]
    seconds: float
    since: float = 1.0
    compensated: bool = False

    def __post_init__(self) -> None:
        check_elapsed("drift", self.since, self.seconds)


def check_elapsed(what: str, since: float, seconds: float) -> None:
    """Raise `InvalidValueError`, which says `what` is wrong, unless `seconds` are from `since` to a thousand years."""
    if not 0.0 < since <= seconds <= _MOST_SECONDS:
        must, got = "be positive, from since on, within a thousand years", f"{seconds:g} since {since:g}"
        raise InvalidValueError(explain(f"{what} seconds", must=must, got=got, do="give seconds since programming"))


@checked_record
@dataclass(frozen=True, kw_only=True)
class MeasuredDevices:
    """Conductances are what a table of measurements says that a target becomes: its `mean` and its `sigma`.

    Attributes
    ----------
    target : tuple of float
        Programmed conductances as shares of Gmax, increasing; between them, straight lines are drawn, beyond them the
        ends count.
    mean, sigma : tuple of float
        Mean and standard deviation of what was read, as shares of Gmax, one for each target. None falls below zero.
    """

    target: tuple[float, ...]
    mean: tuple[float, ...]
    sigma: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("target", "mean", "sigma"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        sizes = len(self.target), len(self.mean), len(self.sigma)
        if len(set(sizes)) > 1 or not self.target:
            must, do = "be as many, one a row of the table", "give target, mean and sigma of each row"
            raise InvalidShapeError(explain("target, mean and sigma", must=must, got=sizes, do=do))
        values = np.array((self.target, self.mean, self.sigma))
        if not (np.isfinite(values).all() and (values >= 0.0).all() and (np.diff(values[0]) > 0.0).all()):
            must, do = "be shares of Gmax, none below zero, targets increasing", "divide by Gmax and sort the rows"
            raise InvalidValueError(explain("measured devices", must=must, got=ascii(self)[:80], do=do))


@alter.register
def _(imperfection: Drift, network: Network, streams: Streams) -> Network:
    aged = np.log(imperfection.seconds / imperfection.since)

    def fallen(bank: DeviceBank) -> Floats:
        device, normal = bank.conductance, bank.normal(streams, "drift")
        old = device * np.exp(-aged * (imperfection.exponent + imperfection.spread * normal))
        return compensated(old, device) if imperfection.compensated else old

    return change_devices(network, fallen) if aged and (imperfection.exponent or imperfection.spread) else network


def compensated(old: Floats, device: Floats) -> Floats:
    """Return the conductances `old` (..., m, n) times the gain of each chip that restores the sum of `device`."""
    axes = (-2, -1)
    total = old.sum(axis=axes, keepdims=True)
    return old * np.where(total > 0.0, device.sum(axis=axes, keepdims=True) / np.where(total > 0.0, total, 1.0), 1.0)


@alter.register
def _(imperfection: MeasuredDevices, network: Network, streams: Streams) -> Network:
    def measured(bank: DeviceBank) -> Floats:
        wanted = bank.conductance / bank.largest
        mean, sigma = (
            np.interp(wanted, imperfection.target, column) for column in (imperfection.mean, imperfection.sigma)
        )
        found = bank.largest * (mean + sigma * bank.normal(streams, "measured"))
        return np.where(bank.conductance > 0.0, np.maximum(found, 0.0), 0.0)

    return change_devices(network, measured)
