"""Parts that carry nothing between limits, as the stops of a tank: left out until an effort gets there."""

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Idle, idle


@dataclass(frozen=True, kw_only=True, eq=False)
class Within:
    """A `network` without the parts that carry nothing while all efforts stay within the `ranges`."""

    network: Network
    ranges: tuple[Idle, ...]


_KNOWN: WeakKeyDictionary[Network, tuple[Network | None, tuple[Idle, ...]]] = WeakKeyDictionary()
"""The free networks and the ranges of networks that are in use; no free network where all parts stay."""


def within(network: Network) -> Within:
    """Return `network` without the parts that are idle between limits; the same each time."""
    if network not in _KNOWN:
        ranges = tuple(found for part in network.parts if (found := idle(part)) is not None)
        free = replace(network, parts=tuple(part for part in network.parts if idle(part) is None)) if ranges else None
        _KNOWN[network] = (free, ranges)
    free, ranges = _KNOWN[network]
    return Within(network=network if free is None else free, ranges=ranges)
