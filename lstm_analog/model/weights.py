"""The trained numbers of an LSTM, with the gates on an axis of their own."""

from dataclasses import dataclass

from lstm_analog.arrays import Floats, floats
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.model.gates import Gate


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """Weights of one direction of one layer: `z = input x + recurrent h + bias`, for each gate.

    Parameters
    ----------
    input : (4, H, D)
        From the D inputs; the first axis is in order of `Gate`.
    recurrent : (4, H, H)
        From the layer's own `h` one step before.
    bias : (4, H) or None
        One bias a row. PyTorch keeps two, which only ever act as their sum; `load` adds them.
    """

    input: Floats
    recurrent: Floats
    bias: Floats | None = None

    def __post_init__(self) -> None:
        """Freeze the arrays and check their shapes."""
        for name in ("input", "recurrent") if self.bias is None else ("input", "recurrent", "bias"):
            object.__setattr__(self, name, floats(getattr(self, name), f"cell {name}"))
        gates = len(Gate)
        check_shape(self.input, "cell input", (gates, "H", "D"))
        check_shape(self.recurrent, "cell recurrent", (gates, self.hidden_size, self.hidden_size))
        if self.bias is not None:
            check_shape(self.bias, "cell bias", (gates, self.hidden_size))

    @property
    def input_size(self) -> int:
        """Number of inputs, D."""
        return int(self.input.shape[2])

    @property
    def hidden_size(self) -> int:
        """Number of units, H."""
        return int(self.input.shape[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One layer of the stack: its cell, run forward in time."""

    forward: Cell

    @property
    def input_size(self) -> int:
        """Number of inputs, D."""
        return self.forward.input_size

    @property
    def hidden_size(self) -> int:
        """Number of outputs a step, H."""
        return self.forward.hidden_size


def check_shape(array: Floats, what: str, expected: tuple[int | str, ...]) -> None:
    """Raise `InvalidShapeError`, naming `what`, unless `array` has the `expected` shape; a letter is any size above 0.

    >>> import numpy as np
    >>> check_shape(np.zeros((4, 3)), "cell bias", (4, "H"))
    """
    sizes = zip(array.shape, expected, strict=False)
    if array.ndim != len(expected) or not all(got == size or (isinstance(size, str) and got) for got, size in sizes):
        must = f"have shape ({', '.join(map(str, expected))}{',' * (len(expected) == 1)})"
        do = "give that many elements an axis, none of them empty"
        raise InvalidShapeError(explain(what, must=must, got=f"shape {array.shape}", do=do))
