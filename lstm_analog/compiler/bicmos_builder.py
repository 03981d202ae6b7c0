"""The banks of a chip of transistor cells, added to a network under construction."""

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.compiled import Drive
from lstm_analog.compiler.network_builder import NetworkBuilder
from lstm_analog.network.domain import ELECTRICAL

Wires = tuple[Indices, Indices]
"""The unknowns of both sides of a signal, (n,) each."""

SIDES = {"_p": 0.5, "_n": -0.5}
"""The suffixes of the two wires of a signal, and the fraction of its differential voltage on each."""


VCC = "vcc"
"""The node of the supply behind its shunt."""


class TransistorBuilder(NetworkBuilder):
    """A chip of `technology` under construction.

    `drives` are the sources that signals drive, `bias_rows` the labels of rows at 1 that are driven on the chip.

    Throughout, `label` names a signal or a bank, `size` is its number of nodes, `scale` and `volts` are the volts of
    one unit of the signal, `a` and `b` are unknowns.
    """

    domain = ELECTRICAL

    def __init__(self, technology: Bicmos) -> None:
        """Start a chip of `technology` without parts."""
        NetworkBuilder.__init__(self, 1.0)
        self.technology = technology
        self.drives: list[Drive] = []
        self.bias_rows: list[str] = []

    def differential(self, label: str, size: int, level: float, volts: float, rest: float) -> Wires:
        """Add sources in pairs around `level` (V) that the signal `label` drives, at `rest` units unless driven."""
        for side, share in SIDES.items():
            self.sources(label + side, np.full(size, level + share * volts * rest), volts)
            self.drives.append(Drive(label=label + side, signal=label, gain=share * volts, offset=level))
        return self.pair(label, size, volts)

    def pair(self, label: str, size: int, scale: float) -> Wires:
        """Return the nodes of both sides of the signal `label`."""
        plus, minus = (self.nodes(label + side, size, scale) for side in SIDES)
        return plus, minus
