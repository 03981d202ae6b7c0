"""The gates of each kind of cell, in their order on the gate axis of weights and traces."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

_LETTERS: Mapping[str, str] = MappingProxyType(
    {"INPUT": "i", "FORGET": "f", "CELL": "g", "OUTPUT": "o", "RESET": "r", "UPDATE": "z", "NEW": "n", "HIDDEN": "h"}
)


class AnyGate(IntEnum):
    """A gate of any kind of cell; its value is its place on the gate axis."""

    @property
    def letter(self) -> str:
        """The letter that the equations use, one of i, f, g, o, r, z, n and h."""
        return _LETTERS[self.name]


GateOrder = type[AnyGate]
"""The enumeration of the gates of one kind of cell."""


class Gate(AnyGate):
    """The gates of an LSTM: PyTorch's order i, f, g, o.

    >>> Gate.CELL.letter
    'g'
    """

    INPUT = 0
    FORGET = 1
    CELL = 2
    OUTPUT = 3


class CoupledGate(AnyGate):
    """The gates of an LSTM whose input gate is 1 - f, so that it has no row of its own: f, g, o."""

    FORGET = 0
    CELL = 1
    OUTPUT = 2


class GRUGate(AnyGate):
    """The gates of a GRU: PyTorch's order r, z, n; z is the fraction of h that is kept."""

    RESET = 0
    UPDATE = 1
    NEW = 2


class MGUGate(AnyGate):
    """The gates of a minimal gated unit: f, n; 1 - f is the fraction of h that is kept."""

    FORGET = 0
    NEW = 1


class RNNGate(AnyGate):
    """The one row of a plain recurrent unit, whose activation is its new h."""

    HIDDEN = 0
