"""The layers of a stack, with one or two directions, and its linear head."""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.model.weights import RecurrentCell, freeze
from lstm_analog.summaries import Summarised


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Layer(Summarised):
    """One layer of the stack: a cell that runs forward in time, one that runs backward, or both.

    With both, the outputs are the forward h followed by the backward h of the same step. A backward cell starts at the
    end of each sequence; its output at a step follows from the input of that step, as in PyTorch and ONNX.
    """

    forward: RecurrentCell | None = None
    backward: RecurrentCell | None = None

    def __post_init__(self) -> None:
        """Check that there is a cell, and that two cells have the same number of inputs."""
        if not self.cells:
            do = "give forward, backward or both"
            raise InvalidValueError(explain("layer", must="have a cell", got="none", do=do))
        cells: tuple[object, ...] = self.cells
        for cell in cells:
            if not isinstance(cell, RecurrentCell):
                do = f"give one of {', '.join(kind.__name__ for kind in get_args(RecurrentCell))}"
                raise InvalidTypeError(explain("layer", must="hold cells", got=type(cell).__name__, do=do))
        sizes = [cell.input_size for cell in self.cells]
        if len(set(sizes)) > 1:
            must, do = "be the same forward and backward", "give both directions the same inputs"
            raise InvalidShapeError(explain("inputs of a layer", must=must, got=sizes, do=do))

    @property
    def cells(self) -> tuple[RecurrentCell, ...]:
        """Its cells, forward first."""
        return tuple(cell for cell in (self.forward, self.backward) if cell is not None)

    @property
    def bidirectional(self) -> bool:
        """Whether it has two directions."""
        return len(self.cells) == 2

    @property
    def input_size(self) -> int:
        """The number of inputs, D."""
        return self.cells[0].input_size

    @property
    def hidden_size(self) -> int:
        """The number of units of one direction, H."""
        return self.cells[0].hidden_size

    @property
    def output_size(self) -> int:
        """The number of outputs, of all directions."""
        return sum(cell.output_size for cell in self.cells)


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Head(Summarised):
    """A linear read-out of the top layer, `y = weights h + bias`: PyTorch's `nn.Linear`.

    Parameters
    ----------
    weights : (K, H)
        Weights of the outputs of the top layer, of all directions.
    bias : (K,) or None
        The bias of each output.
    final : bool
        Whether it reads only the final h of each direction, which for a backward one is that of the first step, so that
        there is one output for each sequence; else it reads h at each step. The former is a Keras layer without
        `return_sequences`, or PyTorch's `h_n` of the top layer.
    """

    weights: Floats
    bias: Floats | None = None
    final: bool = False

    def __post_init__(self) -> None:
        """Freeze the arrays and check their shapes."""
        freeze(self, "head", {"weights": ("K", "H")})
        freeze(self, "head", {"bias": (self.output_size,)})

    @property
    def input_size(self) -> int:
        """The number of h that it reads."""
        return int(self.weights.shape[1])

    @property
    def output_size(self) -> int:
        """The number of its outputs, K."""
        return int(self.weights.shape[0])

    @property
    def gain(self) -> float:
        """The largest error of an output by an error of 1 in every h, at least 1."""
        return max(float(np.abs(self.weights).sum(axis=1).max()), 1.0)

    def __call__(self, h: Floats) -> Floats:
        """Return y (..., K) for `h` (..., H)."""
        y: Floats = h @ self.weights.T
        return y if self.bias is None else y + self.bias


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """One direction of one layer, which is a recurrence of its own. `layer` counts from the bottom, from 0."""

    layer: int
    backward: bool
    cell: RecurrentCell

    @property
    def label(self) -> str:
        """The beginning of the labels of its signals: l0, or l0r for a backward one."""
        return f"l{self.layer}{'r' if self.backward else ''}"


def chain_form(chain: Chain) -> str:
    """Return a text with the kind of cell, gates, units, outputs and direction of `chain`."""
    cell, way = chain.cell, "backward" if chain.backward else "forward"
    gates = " ".join(gate.letter for gate in cell.gates)
    return f"{type(cell).__name__}, gates {gates}, {cell.hidden_size} units, {cell.output_size} outputs h, {way}"


def head_form(head: Head) -> str:
    """Return a text with the number of outputs of `head`, and whether they are for each step or each sequence."""
    return f"{head.output_size} outputs y of {'the final state' if head.final else 'every step'}"
