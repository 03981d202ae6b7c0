"""The gates of each kind of cell, in their order on the gate axis of weights and traces."""

from enum import IntEnum


class Gate(IntEnum):
    """The gates of an LSTM: PyTorch's order i, f, g, o.

    >>> Gate.CELL.letter
    'g'
    """

    INPUT = 0
    FORGET = 1
    CELL = 2
    OUTPUT = 3

    @property
    def letter(self) -> str:
        """The letter the equations use: i, f, g or o."""
        return "ifgo"[self]


class CoupledGate(IntEnum):
    """The gates of an LSTM whose input gate is 1 - f, so that it has no row of its own: f, g, o."""

    FORGET = 0
    CELL = 1
    OUTPUT = 2

    @property
    def letter(self) -> str:
        """The letter the equations use: f, g or o."""
        return "fgo"[self]


class GRUGate(IntEnum):
    """The gates of a GRU: PyTorch's order r, z, n; z is the fraction of h that is kept."""

    RESET = 0
    UPDATE = 1
    NEW = 2

    @property
    def letter(self) -> str:
        """The letter the equations use: r, z or n."""
        return "rzn"[self]


class MGUGate(IntEnum):
    """The gates of a minimal gated unit: f, n; 1 - f is the fraction of h that is kept."""

    FORGET = 0
    NEW = 1

    @property
    def letter(self) -> str:
        """The letter the equations use: f or n."""
        return "fn"[self]


class RNNGate(IntEnum):
    """The one row of a plain recurrent unit, whose activation is its new h."""

    HIDDEN = 0

    @property
    def letter(self) -> str:
        """The letter the equation uses: h."""
        return "h"


AnyGate = Gate | CoupledGate | GRUGate | MGUGate | RNNGate
GateOrder = type[Gate] | type[CoupledGate] | type[GRUGate] | type[MGUGate] | type[RNNGate]
"""The enumeration of the gates of one kind of cell."""
