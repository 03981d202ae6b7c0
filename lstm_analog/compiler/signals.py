"""The signal network: the operations that compute an LSTM, before any technology is chosen.

It has three kinds of operation: weighted sums, products of static curves, and memories `m <- keep m + add`. A
technology implements only these. `cells` writes each kind of recurrent cell with them.
"""

from dataclasses import dataclass
from enum import Enum

from lstm_analog.arrays import Floats
from lstm_analog.model import Activation
from lstm_analog.model.gates import CoupledGate, Gate, GRUGate, MGUGate, RNNGate
from lstm_analog.network.shapes import Shape


class Quantity(Enum):
    """What computes a signal: it is an input, a weighted sum, a product, or a memory."""

    INPUT = "x"
    SUM = "z"
    PRODUCT = "p"
    MEMORY = "m"


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A labelled vector of `size` signals, all computed by the same kind of operation."""

    label: str
    size: int
    quantity: Quantity


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A signal as an operand: its value `held` from the step before, or the one computed in this step."""

    signal: Signal
    held: bool


@dataclass(frozen=True, kw_only=True)
class Tap:
    """One factor of a product: the static curve s(slope v + offset) of the signal v that `reading` names."""

    shape: Shape
    reading: Reading
    slope: float = 1.0
    offset: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether it is the signal itself: a linear curve of slope 1 without offset."""
        return self.shape is Shape.LINEAR and (self.slope, self.offset) == (1.0, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagonal:
    """One weight for each unit, `weights` (size,), from a driver to a target of the same size, as in a peephole."""

    target: Signal
    driver: Reading
    weights: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum:
    """A weighted sum `targets = weights drivers + bias`, plus the products of the `diagonals`.

    `weights` (m, n) with the targets stacked to m rows and the drivers to n columns; `bias` (m,) or None.
    """

    label: str
    targets: tuple[Signal, ...]
    drivers: tuple[Reading, ...]
    weights: Floats
    bias: Floats | None
    diagonals: tuple[Diagonal, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product without memory: `target = product(factors)`."""

    target: Signal
    factors: tuple[Tap, ...]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A state `target <- keep target + product(add)`; if `keep` is None, `target <- product(add)`."""

    target: Signal
    keep: Tap | None
    add: tuple[Tap, ...]


SignalOperation = Sum | Product | Memory

GateMembers = (
    tuple[Gate, ...] | tuple[CoupledGate, ...] | tuple[GRUGate, ...] | tuple[MGUGate, ...] | tuple[RNNGate, ...]
)
"""The gates of one kind of cell, in order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OperationChain:
    """One direction of a layer: its operations, each after those that it reads, and the LSTM signals among them.

    Attributes
    ----------
    layer, backward : int, bool
        The number of the layer, and whether the chain runs through each sequence from its end.
    operations : tuple of SignalOperation
        The operations, in the order in which they are computed.
    gates : tuple of enum members
        Its gates, in order.
    rows : tuple of Signal
        The pre-activations of the gates.
    activations : tuple of Activation
        The activations of the gates.
    cell, hidden : Signal or None, Signal
        The memories c, if it has one, and h.
    """

    layer: int
    backward: bool
    operations: tuple[SignalOperation, ...]
    gates: GateMembers
    rows: tuple[Signal, ...]
    activations: tuple[Activation, ...]
    cell: Signal | None
    hidden: Signal


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadOut:
    """The head: a weighted sum of the top layer's h; `final` if it has one output for each sequence, not each step."""

    sum: Sum
    final: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """The operations of one phase of a step; a later stage starts when the earlier ones have settled.

    The `chains` of a layer, one a direction, or the head.
    """

    chains: tuple[OperationChain, ...]
    head: ReadOut | None = None

    @property
    def operations(self) -> tuple[SignalOperation, ...]:
        """Its operations, in order."""
        own = () if self.head is None else (self.head.sum,)
        return (*(op for chain in self.chains for op in chain.operations), *own)


@dataclass(frozen=True, kw_only=True)
class InputBank:
    """The inputs of a pass, and whether they are given each sequence in reverse."""

    signal: Signal
    backward: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalNetwork:
    """One pass through time: the inputs and the stages, in the order in which they are computed."""

    feeds: tuple[InputBank, ...]
    stages: tuple[Stage, ...]

    @property
    def operations(self) -> tuple[SignalOperation, ...]:
        """The operations of all stages, in order."""
        return tuple(op for stage in self.stages for op in stage.operations)

    @property
    def single(self) -> frozenset[str]:
        """The labels of memories whose held value no sum or product reads; a gated leak needs no slave for them."""
        held: set[str] = set()
        for operation in self.operations:
            for reading in _readings(operation):
                held |= {reading.signal.label} if reading.held else set()
        memories = (op for op in self.operations if isinstance(op, Memory))
        return frozenset(memory.target.label for memory in memories) - held


def _readings(operation: SignalOperation) -> tuple[Reading, ...]:
    """Return the operands of `operation`, without a memory's own held value."""
    if isinstance(operation, Sum):
        return (*operation.drivers, *(diagonal.driver for diagonal in operation.diagonals))
    taps = operation.factors if isinstance(operation, Product) else (operation.keep, *operation.add)
    return tuple(tap.reading for tap in taps if tap is not None)
