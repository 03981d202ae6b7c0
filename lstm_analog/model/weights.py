"""The trained numbers of each kind of cell, with the gates on an axis of their own.

D, H and P are the numbers of inputs, units and outputs of a cell; P = H unless there is a projection.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.model.activations import SIGMOID, TANH, Activation
from lstm_analog.model.gates import CoupledGate, Gate, GateOrder, GRUGate, MGUGate, RNNGate
from lstm_analog.summaries import Summarised


class Recurrence(Summarised, ABC):
    """The properties that all cells share, from the weights `input` (gates, H, D)."""

    input: Floats

    @property
    @abstractmethod
    def gates(self) -> GateOrder:
        """The order of the gate axis."""

    @property
    def input_size(self) -> int:
        """The number of inputs, D."""
        return int(self.input.shape[2])

    @property
    def hidden_size(self) -> int:
        """The number of units, H."""
        return int(self.input.shape[1])

    @property
    def output_size(self) -> int:
        """The number of outputs h: H, unless they are projected."""
        return self.hidden_size

    @property
    def cell_size(self) -> int:
        """The number of states c, 0 if there are none."""
        return 0


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Cell(Recurrence):
    """One direction of one layer of an LSTM: `z = input x + recurrent h + bias + peephole c`, for each gate.

        i, f, o = gate(z_i, z_f, z_o)    g = candidate(z_g)    c <- f c + i g    h <- projection (o hidden(c))

    Parameters
    ----------
    input : (4, H, D)
        Weights of the D inputs; the first axis is in the order of `gates`. (3, H, D) if coupled.
    recurrent : (4, H, P)
        Weights of the cell's own `h` one step before. (3, H, P) if coupled.
    bias : (4, H) or None
        The bias of each row. PyTorch has two, of which only the sum matters; `load` adds them. (3, H) if coupled.
    peephole : (3, H) or None
        Weights of `c` for i, f and o of the same unit; i and f read it before the step, o after it. (2, H) if coupled.
        Gers, Schraudolph, Schmidhuber, J. Machine Learning Research 3 (2002) 115-143.
    projection : (P, H) or None
        Weights from `o hidden(c)` to h. Sak, Senior, Beaufays, Interspeech 2014, 338-342; without non-recurrent part.
    coupled : bool
        Whether the input gate is 1 - f, without weights of its own: CIFG, Greff et al., IEEE Trans. Neural Networks 28
        (2017) 2222-2232.
    gate, candidate, hidden : Activation
        The activations of i, f and o; of g; and of c for the output.
    """

    input: Floats
    recurrent: Floats
    bias: Floats | None = None
    peephole: Floats | None = None
    projection: Floats | None = None
    coupled: bool = False
    gate: Activation = SIGMOID
    candidate: Activation = TANH
    hidden: Activation = TANH

    def __post_init__(self) -> None:
        """Freeze the arrays, check their shapes and the activations."""
        _check_activations(self, "cell", ("gate", "candidate", "hidden"))
        gates = len(self.gates)
        freeze(self, "cell", {"input": (gates, "H", "D")})
        units = self.hidden_size
        freeze(self, "cell", {"projection": ("P", units)})
        freeze(self, "cell", {"recurrent": (gates, units, self.output_size)})
        freeze(self, "cell", {"bias": (gates, units), "peephole": (gates - 1, units)})
        if self.coupled:
            _ = self.gate.complement

    @property
    def gates(self) -> GateOrder:
        """The order of the gate axis."""
        return CoupledGate if self.coupled else Gate

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each gate, in order of `gates`."""
        return tuple(self.candidate if gate.letter == "g" else self.gate for gate in self.gates)

    @property
    def output_size(self) -> int:
        """The number of outputs, P."""
        return self.hidden_size if self.projection is None else int(self.projection.shape[0])

    @property
    def cell_size(self) -> int:
        """The number of states c, H."""
        return self.hidden_size


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GRUCell(Recurrence):
    """One direction of one layer of gated recurrent units: `h <- z h + (1 - z) n`, with r, z = gate(z_r, z_z).

        reset_after:   n = candidate(input x + bias + r (recurrent h + recurrent_bias))
        otherwise:     n = candidate(input x + bias + recurrent (r h))

    The first is PyTorch's, Keras' (`reset_after=True`) and ONNX's with `linear_before_reset=1`; the second that of
    Cho et al., EMNLP 2014, 1724-1734, and ONNX's default.

    Parameters
    ----------
    input, recurrent : (3, H, D), (3, H, H)
        From the inputs and from `h` one step before; the first axis is in order of `GRUGate`.
    bias : (3, H) or None
        The bias of each row: that of the inputs for n, the sum of both for r and z.
    recurrent_bias : (H,) or None
        The bias inside the reset; with `reset_after` only.
    reset_after : bool
        Whether r acts after the recurrent product or before.
    gate, candidate : Activation
        The activations of r and z, and of n.
    """

    input: Floats
    recurrent: Floats
    bias: Floats | None = None
    recurrent_bias: Floats | None = None
    reset_after: bool = True
    gate: Activation = SIGMOID
    candidate: Activation = TANH
    gates: ClassVar[GateOrder] = GRUGate

    def __post_init__(self) -> None:
        """Freeze the arrays, check their shapes and the activations."""
        _check_sibling(self, "GRU", ("gate", "candidate"))
        _ = self.gate.complement
        freeze(self, "GRU", {"recurrent_bias": (self.hidden_size,)})
        if self.recurrent_bias is not None and not self.reset_after:
            must, do = "be None where the reset comes first", "add it to the bias of n"
            raise InvalidValueError(explain("GRU recurrent_bias", must=must, got="an array", do=do))

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each gate, in order of `gates`."""
        return self.gate, self.gate, self.candidate


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MGUCell(Recurrence):
    """One direction of one layer of minimal gated units: `h <- (1 - f) h + f n`, with one gate f.

        f = gate(z_f)    n = candidate(input x + recurrent (f h) + bias)

    Zhou, Wu, Zhang, Zhou, Int. J. Automation and Computing 13 (2016) 226-234.

    Parameters
    ----------
    input, recurrent : (2, H, D), (2, H, H)
        From the inputs and from `h` one step before; the first axis is in order of `MGUGate`.
    bias : (2, H) or None
        One bias a row.
    gate, candidate : Activation
        The activations of f and of n.
    """

    input: Floats
    recurrent: Floats
    bias: Floats | None = None
    gate: Activation = SIGMOID
    candidate: Activation = TANH
    gates: ClassVar[GateOrder] = MGUGate

    def __post_init__(self) -> None:
        """Freeze the arrays, check their shapes and the activations."""
        _check_sibling(self, "MGU", ("gate", "candidate"))
        _ = self.gate.complement

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each gate, in order of `gates`."""
        return self.gate, self.candidate


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class RNNCell(Recurrence):
    """One direction of one layer of plain recurrent units, without gates: `h <- hidden(input x + recurrent h + bias)`.

    Elman, Cognitive Science 14 (1990) 179-211; PyTorch's `nn.RNN`, Keras' SimpleRNN, ONNX's RNN.

    Parameters
    ----------
    input, recurrent : (1, H, D), (1, H, H)
        From the inputs and from `h` one step before; the first axis is in order of `RNNGate`.
    bias : (1, H) or None
        One bias a row.
    hidden : Activation
        The activation, whose value is the new h.
    """

    input: Floats
    recurrent: Floats
    bias: Floats | None = None
    hidden: Activation = TANH
    gates: ClassVar[GateOrder] = RNNGate

    def __post_init__(self) -> None:
        """Freeze the arrays, check their shapes and the activation."""
        _check_sibling(self, "RNN", ("hidden",))

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of its row."""
        return (self.hidden,)


RecurrentCell = Cell | GRUCell | MGUCell | RNNCell
"""One direction of one layer, of any kind."""


def _check_activations(cell: RecurrentCell, what: str, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(cell, name)
        if not isinstance(value, Activation):
            do = "give e.g. model.TANH"
            raise InvalidTypeError(explain(f"{what} {name}", must="be an Activation", got=ascii(value)[:80], do=do))


def _check_sibling(cell: GRUCell | MGUCell | RNNCell, what: str, activations: tuple[str, ...]) -> None:
    _check_activations(cell, what, activations)
    gates = len(cell.gates)
    freeze(cell, what, {"input": (gates, "H", "D")})
    units = cell.hidden_size
    freeze(cell, what, {"recurrent": (gates, units, units), "bias": (gates, units)})


def freeze(record: Any, what: str, shapes: Mapping[str, tuple[int | str, ...]]) -> None:
    """Convert the fields of `record` with these `shapes`, by name, to read-only float64 arrays; None may stay a None.

    Raises as `arrays.floats` and `check_shape` do; the field is called `what` and its name.
    """
    for entry in fields(record):
        value = getattr(record, entry.name)
        if entry.name in shapes and not (value is None and entry.default is None):
            array = floats(value, f"{what} {entry.name}")
            check_shape(array, f"{what} {entry.name}", shapes[entry.name])
            object.__setattr__(record, entry.name, array)


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
