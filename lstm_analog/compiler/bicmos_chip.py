"""A chip as it grows: groups get their unknowns in the order in which they are asked for, parts as they are added.

Throughout, `label` names a group or a bank, `size` is its number of nodes, `scale` and `volts` are volts a unit of its
signal, `a` and `b` are unknowns.
"""

from dataclasses import dataclass, field

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.compiled import Drive
from lstm_analog.network.graph import Group, Unknowns
from lstm_analog.network.parts import Conductors, Part, Sources

Wires = tuple[Indices, Indices]
"""The unknowns of both sides of a signal, (n,) each."""

SIDES = {"_p": 0.5, "_n": -0.5}
"""The two wires of a signal and their shares of it."""


@dataclass(frozen=True, kw_only=True)
class Chip:
    """The network as it grows: `groups` with the scale of their unit, `parts`, and how sources are driven."""

    technology: Bicmos
    groups: dict[str, Group] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    drives: list[Drive] = field(default_factory=list)

    def nodes(self, label: str, size: int, scale: float) -> Indices:
        """Return the unknowns of the group `label`, made with `size` of them, `scale` V a unit, if it is new."""
        self.groups.setdefault(label, Group(label=label, size=size, scale=scale))
        return Unknowns(groups=tuple(self.groups.values()))[label]

    def sources(self, label: str, effort: Floats, scale: float = 1.0) -> Indices:
        """Return the nodes of sources at `effort` (m,), in V."""
        nodes = self.nodes(label, effort.size, scale)
        self.parts.append(Sources(label=label, nodes=nodes, effort=effort))
        return nodes

    def differential(self, label: str, size: int, level: float, volts: float, rest: float) -> Wires:
        """Return both sides of sources around `level`, driven by the signal `label`, at `rest` units unless driven."""
        for side, share in SIDES.items():
            self.sources(label + side, np.full(size, level + share * volts * rest), volts)
            self.drives.append(Drive(label=label + side, signal=label, gain=share * volts, offset=level))
        return self.pair(label, size, volts)

    def pair(self, label: str, size: int, scale: float) -> Wires:
        """Return the nodes of both sides of the signal `label`."""
        plus, minus = (self.nodes(label + side, size, scale) for side in SIDES)
        return plus, minus

    def resistors(self, label: str, a: Indices, b: Indices, conductance: Floats) -> None:
        """Add resistors of `conductance` (S)."""
        self.parts.append(Conductors(label=label, a=a, b=b, conductance=conductance))
