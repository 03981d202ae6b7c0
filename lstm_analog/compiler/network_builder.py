"""A network under construction: what the lowerings to transistors, op-amps and plumbing have in common."""

from abc import ABC

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.network.domain import Domain
from lstm_analog.network.fluids import Filling
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import Followers, Part, Sources, Term


class NetworkBuilder(ABC):
    """A network under construction; it changes as groups and banks are added.

    Groups are numbered in the order in which their nodes are first asked for. `label` names a group or a bank, `size`
    is its number of nodes, `scale` the effort of one unit of its signal. `parts` are the banks so far, in order.
    `domain`, which each kind of builder sets, has the names and units of efforts and flows.
    """

    domain: Domain

    def __init__(self, scale: float) -> None:
        """Start without groups; one that is given no scale of its own has `scale` (effort unit)."""
        self.parts: list[Part] = []
        self._scale = scale
        self._groups: dict[str, Group] = {}
        self._starts: dict[str, int] = {}

    def network(
        self, lines: tuple[str, ...], provenance: tuple[tuple[str, str], ...], filling: Filling | None = None
    ) -> Network:
        """Return the network of all groups and banks, with its clock `lines`, `provenance` and `filling`.

        Raises `NetworkError` if it is not well formed.
        """
        return Network(
            domain=self.domain,
            unknowns=Unknowns(groups=tuple(self._groups.values())),
            parts=tuple(self.parts),
            lines=lines,
            provenance=provenance,
            filling=filling,
        ).verify()

    def has_group(self, label: str) -> bool:
        """Return whether there is a group `label`."""
        return label in self._groups

    def nodes(self, label: str, size: int, scale: float | None = None) -> Indices:
        """Return the unknowns (size,) of the group `label`, which is made if it is new."""
        if label not in self._groups:
            self._starts[label] = 1 + sum(group.size for group in self._groups.values())
            self._groups[label] = Group(label=label, size=size, scale=self._scale if scale is None else scale)
        return np.arange(self._starts[label], self._starts[label] + size)

    def sources(self, label: str, effort: Floats, scale: float | None = None) -> Indices:
        """Add sources at `effort` (m,), in the effort unit, and return their nodes (m,)."""
        nodes = self.nodes(label, effort.size, scale)
        self.parts.append(Sources(label=label, nodes=nodes, effort=effort))
        return nodes


def adders(label: str, nodes: Indices, *inputs: Indices) -> Followers:
    """Return a bank `label` of followers at `nodes` (m,) of the plain sum of `inputs`, (m,) each, that never clip."""
    none, unbound = np.array(0.0), np.array(np.inf)
    terms = tuple(Term(inputs=each, gain=np.array(1.0)) for each in inputs)
    return Followers(label=label, nodes=nodes, terms=terms, offset=none, low=-unbound, high=unbound)
