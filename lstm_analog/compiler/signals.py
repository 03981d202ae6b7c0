"""The signal network: what is computed from what, before any technology is chosen.

A weighted sum feeds pre-activations; a memory is `m <- keep m + add`, where keep and the factors of add are static
curves of other signals. An LSTM layer is one sum and two memories, c and h. Both technologies lower these same records.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.model import LSTM, Gate
from lstm_analog.network.shapes import Shape


class Quantity(Enum):
    """What a signal is, hence its physical unit."""

    INPUT = "x"
    PREACTIVATION = "z"
    CELL = "c"
    HIDDEN = "h"


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
    """A static curve of a reading: one factor of a product."""

    shape: Shape
    reading: Reading


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum:
    """A weighted sum `targets = weights drivers + bias`.

    `weights` (m, n) with the targets stacked to m rows and the drivers to n columns; `bias` (m,) or None.
    """

    label: str
    targets: tuple[Signal, ...]
    drivers: tuple[Reading, ...]
    weights: Floats
    bias: Floats | None


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A state `target <- keep target + product(add)`; without `keep` nothing of the old value stays."""

    target: Signal
    keep: Tap | None
    add: tuple[Tap, ...]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is computed together within a step, a layer: later stages read earlier ones when they have settled."""

    sum: Sum
    memories: tuple[Memory, ...]

    @property
    def memory(self) -> dict[Quantity, Memory]:
        """The memories by what they hold."""
        return {memory.target.quantity: memory for memory in self.memories}


@dataclass(frozen=True, kw_only=True)
class SignalNetwork:
    """The stages in the order in which they are computed, and the inputs."""

    inputs: Signal
    stages: tuple[Stage, ...]


def signal_network(lstm: LSTM) -> SignalNetwork:
    """Return the signal network of `lstm`: a stage a layer."""
    inputs = Signal(label="x", size=lstm.input_size, quantity=Quantity.INPUT)
    stages: list[Stage] = []
    below = Reading(signal=inputs, held=False)
    for number in range(len(lstm.layers)):
        stages.append(_layer(lstm, number, below))
        below = Reading(signal=stages[-1].memory[Quantity.HIDDEN].target, held=False)
    return SignalNetwork(inputs=inputs, stages=tuple(stages))


def _layer(lstm: LSTM, number: int, below: Reading) -> Stage:
    cell = lstm.layers[number].forward
    size, prefix = cell.hidden_size, f"l{number}_"
    z = {gate: Signal(label=f"{prefix}z{gate.letter}", size=size, quantity=Quantity.PREACTIVATION) for gate in Gate}
    c = Signal(label=f"{prefix}c", size=size, quantity=Quantity.CELL)
    h = Signal(label=f"{prefix}h", size=size, quantity=Quantity.HIDDEN)
    total = Sum(
        label=f"{prefix}rows",
        targets=tuple(z.values()),
        drivers=(below, Reading(signal=h, held=True)),
        weights=np.concatenate((cell.input, cell.recurrent), axis=2).reshape(len(Gate) * size, -1),
        bias=None if cell.bias is None else cell.bias.ravel(),
    )
    write = (_tap(Shape.SIGMOID, z[Gate.INPUT]), _tap(Shape.TANH, z[Gate.CELL]))
    read = (_tap(Shape.SIGMOID, z[Gate.OUTPUT]), _tap(Shape.TANH, c))
    keep = Memory(target=c, keep=_tap(Shape.SIGMOID, z[Gate.FORGET]), add=write)
    return Stage(sum=total, memories=(keep, Memory(target=h, keep=None, add=read)))


def _tap(shape: Shape, signal: Signal) -> Tap:
    return Tap(shape=shape, reading=Reading(signal=signal, held=False))
