"""The gates of each kind of cell, in their order on the gate axis of weights and traces."""

from enum import IntEnum
from types import MappingProxyType

_LETTERS = MappingProxyType(
    {"INPUT": "i", "FORGET": "f", "CELL": "g", "OUTPUT": "o", "RESET": "r", "UPDATE": "z", "NEW": "n", "HIDDEN": "h"}
)


class GateEnum(IntEnum):
    """What the enumerations of the gates of a kind of cell have in common."""

    @property
    def letter(self) -> str:
        """The letter that the equations use for the gate."""
        return _LETTERS[self.name]


class Gate(GateEnum):
    """The gates of an LSTM: PyTorch's order i, f, g, o.

    >>> Gate.CELL.letter
    'g'
    """

    INPUT = 0
    FORGET = 1
    CELL = 2
    OUTPUT = 3


class CoupledGate(GateEnum):
    """The gates of an LSTM whose input gate is 1 - f, so that it has no row of its own: f, g, o."""

    FORGET = 0
    CELL = 1
    OUTPUT = 2


class GRUGate(GateEnum):
    """The gates of a GRU: PyTorch's order r, z, n; z is the fraction of h that is kept."""

    RESET = 0
    UPDATE = 1
    NEW = 2


class MGUGate(GateEnum):
    """The gates of a minimal gated unit: f, n; 1 - f is the fraction of h that is kept."""

    FORGET = 0
    NEW = 1


class RNNGate(GateEnum):
    """The one row of a plain recurrent unit, whose activation is its new h."""

    HIDDEN = 0


GateOrder = type[GateEnum]
"""The enumeration of the gates of one kind of cell."""
