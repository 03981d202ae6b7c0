"""Lends workspaces to runs of a network and keeps them for the next run, which finds in them what was built before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from lstm_analog.network.graph import Network

_SPARE = 2
"""Idle workspaces of a network that are kept while another one is lent; larger: more memory, fewer built anew."""
_Space = TypeVar("_Space")


class Lender(Generic[_Space]):
    """The workspaces of networks that no run is using; two threads may run one network, each in a workspace of its own.

    They are kept as long as the network is; if one referred to the network, neither would ever be freed.
    """

    def __init__(self) -> None:
        self._idle: WeakKeyDictionary[Network, list[_Space]] = WeakKeyDictionary()
        self._lock = Lock()

    @contextmanager
    def lent(self, network: Network, fits: Callable[[_Space], bool], make: Callable[[], _Space]) -> Iterator[_Space]:
        """Lend an idle workspace of `network` that `fits`, or a new one that `make` returns."""
        with self._lock:
            idle = self._idle.setdefault(network, [])
            known = [other for other in idle if fits(other)][:1]
            idle[:] = [other for other in idle if other not in known][-_SPARE:]
        found = known[0] if known else make()
        try:
            yield found
        finally:
            with self._lock:
                idle.append(found)
