"""What the conductances of a crossbar do: spread, and levels instead of any value."""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.imperfections.base import Streams, apply, change, check_range, holding
from lstm_analog.network.graph import Network
from lstm_analog.network.parts import Crossbars


@dataclass(frozen=True, kw_only=True)
class DeviceSpread:
    """Conductances of crossbars, off by a normal `share`, none below zero."""

    share: float

    def __post_init__(self) -> None:
        """Check that the spread is not below zero."""
        check_range("device spread", self.share, 0.0, np.inf, "give a share, 0.01 for 1 %")


@dataclass(frozen=True, kw_only=True)
class DeviceLevels:
    """Conductances of crossbars that can be set to `count` even levels, from the least of the bank to the largest."""

    count: int

    def __post_init__(self) -> None:
        """Check that there are two levels."""
        if not (self.count >= 2 and float(self.count).is_integer()):
            must, do = "be a whole number >= 2", "give e.g. 32"
            raise InvalidValueError(explain("device levels", must=must, got=self.count, do=do))


@apply.register
def _(imperfection: DeviceSpread, network: Network, streams: Streams) -> Network:
    def spread(part: Crossbars) -> Crossbars:
        def drawn(side: str, values: Floats) -> Floats:
            normal = streams.normal(f"device {side} {part.label}", values.shape[-2:])
            return np.maximum(values * (1.0 + imperfection.share * normal), 0.0)

        return replace(part, positive=drawn("positive", part.positive), negative=drawn("negative", part.negative))

    return change(holding(network, Crossbars), Crossbars, spread)


@apply.register
def _(imperfection: DeviceLevels, network: Network, streams: Streams) -> Network:
    def stepped(part: Crossbars) -> Crossbars:
        least = min(float(part.positive.min()), float(part.negative.min()))
        largest = max(float(part.positive.max()), float(part.negative.max()))
        step = (largest - least) / (imperfection.count - 1) or 1.0

        def nearest(values: Floats) -> Floats:
            return least + step * np.round((values - least) / step)

        return replace(part, positive=nearest(part.positive), negative=nearest(part.negative))

    return change(holding(network, Crossbars), Crossbars, stepped)
