"""The signal network: what is computed from what, before any technology is chosen.

Weighted sums, products of static curves, and memories `m <- keep m + add`: no more is needed for an LSTM and its
siblings, and no more is what a technology has to know. `cells` writes each kind of cell in these words.
"""

from dataclasses import dataclass
from enum import Enum

from lstm_analog.arrays import Floats
from lstm_analog.model import Activation
from lstm_analog.model.gates import CoupledGate, Gate, GRUGate, MGUGate, RNNGate
from lstm_analog.network.shapes import Shape


class Quantity(Enum):
    """What sets a signal, hence what it physically is: the outside, a sum, a product, a memory."""

    INPUT = "x"
    SUM = "z"
    PRODUCT = "p"
    MEMORY = "m"


@dataclass(frozen=True, kw_only=True)
class Signal:
    """`size` like signals with one label."""

    label: str
    size: int
    quantity: Quantity


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A signal as something else reads it: the value `held` from the step before, or the one this step computes."""

    signal: Signal
    held: bool


@dataclass(frozen=True, kw_only=True)
class Tap:
    """A static curve s(slope v + offset) of a reading v: one factor of a product."""

    shape: Shape
    reading: Reading
    slope: float = 1.0
    offset: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether it is the reading itself."""
        return self.shape is Shape.LINEAR and (self.slope, self.offset) == (1.0, 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Diagonal:
    """One weight a unit, `weights` (size,), from a driver to a target of the same size: a peephole."""

    target: Signal
    driver: Reading
    weights: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum:
    """A weighted sum `targets = weights drivers + bias`, and what the `diagonals` add.

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
    """A static product `target = product(factors)`: it keeps nothing and follows at once."""

    target: Signal
    factors: tuple[Tap, ...]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A state `target <- keep target + product(add)`; without `keep` nothing of the old value stays."""

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
    """One chain of a stage: its operations in the order in which they follow from each other, and what they stand for.

    Attributes
    ----------
    layer, backward : int, bool
        Which chain of the LSTM it is; a backward one goes through time from the end of each sequence.
    operations : tuple of Operation
        What it computes.
    gates : tuple of enum members
        Which gates it has, in order.
    rows : tuple of Signal
        Their pre-activations.
    activations : tuple of Activation
        Their activations.
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

    @property
    def memories(self) -> dict[str, Memory]:
        """The memories by their label."""
        return {op.target.label: op for op in self.operations if isinstance(op, Memory)}


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadOut:
    """The head: a sum of what the top layer holds; `final` if it answers once a sequence."""

    sum: Sum
    final: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """What is computed together within a step: later stages read earlier ones when they have settled.

    The `blocks` of a layer, one a direction, or the head.
    """

    blocks: tuple[OperationChain, ...]
    head: ReadOut | None = None

    @property
    def operations(self) -> tuple[SignalOperation, ...]:
        """What is computed, in order."""
        own = () if self.head is None else (self.head.sum,)
        return (*(op for block in self.blocks for op in block.operations), *own)


@dataclass(frozen=True, kw_only=True)
class InputBank:
    """A bank of inputs: its label, and whether it takes the sequence from its end."""

    signal: Signal
    backward: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalNetwork:
    """One pass through time: the inputs and the stages, in the order in which they are computed."""

    feeds: tuple[InputBank, ...]
    stages: tuple[Stage, ...]

    @property
    def operations(self) -> tuple[SignalOperation, ...]:
        """All that is computed, in order."""
        return tuple(op for stage in self.stages for op in stage.operations)

    @property
    def single(self) -> frozenset[str]:
        """The labels of memories whose held value no sum or product reads: where they leak, one storage will do."""
        held: set[str] = set()
        for operation in self.operations:
            for reading in _readings(operation):
                held |= {reading.signal.label} if reading.held else set()
        memories = (op for op in self.operations if isinstance(op, Memory))
        return frozenset(memory.target.label for memory in memories) - held


def _readings(operation: SignalOperation) -> tuple[Reading, ...]:
    """Return what `operation` reads; a memory's reading of its own held value does not count."""
    if isinstance(operation, Sum):
        return (*operation.drivers, *(diagonal.driver for diagonal in operation.diagonals))
    taps = operation.factors if isinstance(operation, Product) else (operation.keep, *operation.add)
    return tuple(tap.reading for tap in taps if tap is not None)
