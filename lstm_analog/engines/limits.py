"""Parts that carry nothing between limits, as the stops of a tank: left out until an effort gets there."""

from dataclasses import dataclass, replace
from functools import lru_cache

from lstm_analog.network.graph import Network
from lstm_analog.network.laws import Idle, idle

_REMEMBERED = 16


class BeyondError(ArithmeticError):
    """An effort left the range within which a part could be left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Within:
    """A `network` without the parts that carry nothing while all efforts stay within the `ranges`."""

    network: Network
    ranges: tuple[Idle, ...]


@lru_cache(maxsize=_REMEMBERED)
def within(network: Network) -> Within:
    """Return `network` without the parts that are idle between limits; the same each time."""
    ranges = {part.label: idle(part) for part in network.parts}
    parts = tuple(part for part in network.parts if ranges[part.label] is None)
    free = network if len(parts) == len(network.parts) else replace(network, parts=parts)
    return Within(network=free, ranges=tuple(found for found in ranges.values() if found is not None))
