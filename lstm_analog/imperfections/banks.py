"""The programmed devices of a network as arrays of conductances, whatever bank they stand in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.imperfections.base import Streams
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars, Part, Transconductors


@dataclass(frozen=True, kw_only=True, eq=False)
class DeviceBank:
    """Some devices of a network: those of a bank of transconductors, or the positive or negative ones of a crossbar.

    Attributes
    ----------
    name : str
        What their random numbers are named by.
    conductance : float array, (..., m, n)
        Their sizes, >= 0, in the conductance unit of the domain; 0 where there is no device.
    least, largest : float array, (..., 1, 1)
        Of each chip as it is so far, both banks of a crossbar together. The largest, Gmax, is 1 if there is no device.
    """

    name: str
    conductance: Floats
    least: Floats
    largest: Floats

    def normal(self, streams: Streams, cause: str) -> Floats:
        """Return a standard normal number of `streams` for each device and the `cause`, (..., m, n)."""
        return streams.normal(f"{cause} {self.name}", self.conductance.shape[-2:])

    def normals(self, streams: Streams, cause: str) -> Iterator[Floats]:
        """Yield for ever what `normal` returns of `streams` and `cause`: the first the same, all independent."""
        return streams.normals(f"{cause} {self.name}", self.conductance.shape[-2:])


def device_banks(network: Network) -> tuple[DeviceBank, ...]:
    """Return the devices of `network`, in the order of its parts."""
    return tuple(bank for part in network.parts for bank in _banks(part))


def device_parts(network: Network) -> tuple[str, ...]:
    """Return the labels of the parts of `network` that have programmed devices."""
    return tuple(part.label for part in network.parts if isinstance(part, Transconductors | Crossbars))


def _banks(part: object) -> Iterator[DeviceBank]:
    if isinstance(part, Transconductors):
        size = np.abs(part.transconductance)
        largest = _largest(size)
        yield DeviceBank(name=part.label, conductance=size, least=np.zeros_like(largest), largest=largest)
    elif isinstance(part, Crossbars):
        largest = np.maximum(_largest(part.positive), _largest(part.negative))
        least = np.minimum(_least(part.positive), _least(part.negative))
        for name, size in (("positive", part.positive), ("negative", part.negative)):
            yield DeviceBank(name=f"{part.label} {name}", conductance=size, least=least, largest=largest)


def with_devices(network: Network, conductances: Sequence[Floats]) -> Network:
    """Return `network` with these `conductances` (..., m, n) of its `device_banks`, signs as they were."""
    rest = iter(conductances)
    parts: list[Part] = []
    for part in network.parts:
        if isinstance(part, Transconductors):
            signed = np.copysign(next(rest), part.transconductance)
            parts.append(replace(part, transconductance=_given(signed)))
        elif isinstance(part, Crossbars):
            parts.append(replace(part, positive=_given(next(rest)), negative=_given(next(rest))))
        else:
            parts.append(part)
    return replace(network, parts=tuple(parts))


def tiled(network: Network, streams: Streams) -> Network:
    """Return `network` with as many chips side by side as `streams` draw, all alike so far."""
    if streams.chips is None or network.chips:
        return network
    return with_devices(
        network,
        [np.broadcast_to(bank.conductance, (streams.chips, *bank.conductance.shape)) for bank in device_banks(network)],
    )


def _given(array: Floats) -> Floats:
    """Return `array` read-only, so that a record takes it without a copy."""
    array.flags.writeable = False
    return array


def _largest(size: Floats) -> Floats:
    most = size.max(axis=(-2, -1), keepdims=True, initial=0.0)
    return np.where(most > 0.0, most, 1.0)


def _least(size: Floats) -> Floats:
    least: Floats = size.min(axis=(-2, -1), keepdims=True, initial=np.inf)
    return least
