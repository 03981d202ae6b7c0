"""Parameters that change while a network runs: stretches of intervals, each with a network of its own.

The networks of one run differ in numbers alone. What draws them stands in `imperfections`; engines take them from the
schedule, one after the other, and no network of another stretch is held.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lstm_analog.arrays import Indices, indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, UnsupportedError, explain
from lstm_analog.network.bank import put
from lstm_analog.network.chips import of_chips
from lstm_analog.network.graph import Network

IN_TIME = "in_time"
"""The key under which the provenance of a network names each cause that changes its parameters from step to step."""

CHANNELS = "channels"
"""The key under which the provenance says that curves are channels, and how many; a network may have no curve."""
CHANCE = "chance"
"""The key under which the provenance names each bank of sources that stand for chance: zero, the mean, unless drawn."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class VaryingParameters:
    """The networks of a run, one a stretch of intervals.

    Attributes
    ----------
    first : index array, (stretches,)
        The interval from which each holds, the first of them 0.
    draw : function
        Returns an iterator over at least as many networks, drawn from the beginning whenever it is called. They have
        the unknowns and the banks of the network that is run, capacities as they are there, other conductances.
    """

    first: Indices
    draw: Callable[[], Iterator[Network]]

    def __post_init__(self) -> None:
        """Check that the stretches follow each other from interval 0 on."""
        put(self, "first", indices(self.first, "first intervals"))
        if not self.first.size or self.first[0] or (np.diff(self.first) <= 0).any():
            must, do = "increase from interval 0 on", "give the interval each stretch begins with"
            raise InvalidShapeError(explain("first intervals", must=must, got=self.first[:8], do=do))

    def of_chips(self, chosen: int | Indices) -> "VaryingParameters":
        """Return the same of the chips `chosen` (k,), or of one of them, by its number, without a chip axis."""
        return replace(self, draw=partial(_of_chips, self.draw, chosen))

    def stretches(self, intervals: int) -> Iterator[tuple[Network, range]]:
        """Yield each network with the numbers of its intervals, of so many `intervals` in all."""
        ends, networks = [*self.first[1:].tolist(), intervals], self.draw()
        for first, end in zip(self.first.tolist(), ends, strict=True):
            network = next(networks, None)
            if network is None:
                must, do = f"give {self.first.size} networks", "draw one a stretch"
                raise InvalidShapeError(explain("draw", must=must, got="fewer", do=do))
            yield network, range(first, end)


def _of_chips(draw: Callable[[], Iterator[Network]], chosen: int | Indices) -> Iterator[Network]:
    return (of_chips(network, chosen) for network in draw())


def check_steady(network: Network) -> None:
    """Raise `UnsupportedError` if the parameters of `network` change from step to step."""
    causes = network.said(IN_TIME)
    if causes:
        must, got = "be the same in all steps", ", ".join(dict.fromkeys(causes))
        do = "take one step of it: Machine.at_step(number)"
        raise UnsupportedError(explain("the network", must=must, got=got, do=do))
