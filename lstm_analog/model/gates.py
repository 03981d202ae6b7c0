"""The four gates of an LSTM and their one order."""

from enum import IntEnum


class Gate(IntEnum):
    """Position of a gate on the gate axis: PyTorch's order i, f, g, o.

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
