"""Compute the LSTM in numbers, the reference for every machine of this package.

    z = W x + U h + b          i, f, o = sigmoid(z_i, z_f, z_o)          g = tanh(z_g)
    c <- f c + i g             h <- o tanh(c)

F. A. Gers, J. Schmidhuber, F. Cummins, Learning to forget, Neural Computation 12 (2000) 2451-2471. The variants and the
other cells are defined in `weights`; here each kind of cell computes one step.
"""

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidTypeError, explain
from lstm_analog.model.activations import Activation
from lstm_analog.model.gates import CoupledGate, Gate, GateOrder, GRUGate, MGUGate, RNNGate
from lstm_analog.model.sequences import in_time
from lstm_analog.model.weights import Cell, GRUCell, MGUCell, RecurrentCell, RNNCell


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class LayerTrace:
    """All signals of one chain, which is one direction of a layer, at each step.

    `z, gates (batch, time, gates, H)`, with the gates in the `order` of their kind of cell; `c (batch, time, H)`, with
    H = 0 if the cell has no c (a GRU); `h (batch, time, P)`. There is no batch axis if the input had none. Signals are
    zero beyond the length of a sequence.
    """

    order: GateOrder
    z: Floats
    gates: Floats
    c: Floats
    h: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """The result of one step: `z, gates (batch, gates, H)` and the new `c (batch, H or 0)`, `h (batch, P)`."""

    z: Floats
    gates: Floats
    c: Floats
    h: Floats


@singledispatch
def step(cell: object, z: Floats, h: Floats, c: Floats) -> Step:
    """Return the step of `cell` from `h, c`; `z` are the pre-activations by inputs and biases alone.

    `z (batch, gates, H)`, `h (batch, P)`, `c (batch, H or 0)`.
    """
    must, do = "be one that the reference knows", "give a Cell, GRUCell, MGUCell or RNNCell"
    raise InvalidTypeError(explain("cell", must=must, got=type(cell).__name__, do=do))


def activate(activations: tuple[Activation, ...], z: Floats) -> Floats:
    """Return the gates for their pre-activations `z (..., gates, H)`, with one of the `activations` for each gate."""
    gates = np.empty_like(z)
    for gate, activation in enumerate(activations):
        gates[..., gate, :] = activation(z[..., gate, :])
    return gates


@step.register
def _(cell: Cell, z: Floats, h: Floats, c: Floats) -> Step:
    z, output = z + _rows(cell.recurrent, h), cell.gates["OUTPUT"]
    if cell.peephole is not None:
        early = [gate for gate in cell.gates if gate.letter in "if"]
        z[:, early] += cell.peephole[:-1] * c[:, None]
    gates = activate(cell.activations, z)
    i, f, g = _write(cell, gates)
    c = f * c + i * g
    if cell.peephole is not None:
        z[:, output] += cell.peephole[-1] * c
        gates[:, output] = cell.gate(z[:, output])
    h = gates[:, output] * cell.hidden(c)
    return Step(z=z, gates=gates, c=c, h=h if cell.projection is None else h @ cell.projection.T)


def _write(cell: Cell, gates: Floats) -> tuple[Floats, Floats, Floats]:
    """Return i, f and g of `gates (batch, gates, H)`."""
    if cell.coupled:
        f = gates[:, CoupledGate.FORGET]
        return 1.0 - f, f, gates[:, CoupledGate.CELL]
    return gates[:, Gate.INPUT], gates[:, Gate.FORGET], gates[:, Gate.CELL]


@step.register
def _(cell: GRUCell, z: Floats, h: Floats, c: Floats) -> Step:
    z = z + 0.0
    z[:, : GRUGate.NEW] += _rows(cell.recurrent[: GRUGate.NEW], h)
    r = cell.gate(z[:, GRUGate.RESET])
    recurrent = cell.recurrent[GRUGate.NEW].T
    if cell.reset_after:
        z[:, GRUGate.NEW] += r * (h @ recurrent + (0.0 if cell.recurrent_bias is None else cell.recurrent_bias))
    else:
        z[:, GRUGate.NEW] += (r * h) @ recurrent
    gates = activate(cell.activations, z)
    keep = gates[:, GRUGate.UPDATE]
    return Step(z=z, gates=gates, c=c, h=keep * h + (1.0 - keep) * gates[:, GRUGate.NEW])


@step.register
def _(cell: MGUCell, z: Floats, h: Floats, c: Floats) -> Step:
    z = z + 0.0
    z[:, MGUGate.FORGET] += h @ cell.recurrent[MGUGate.FORGET].T
    f = cell.gate(z[:, MGUGate.FORGET])
    z[:, MGUGate.NEW] += (f * h) @ cell.recurrent[MGUGate.NEW].T
    gates = activate(cell.activations, z)
    return Step(z=z, gates=gates, c=c, h=(1.0 - f) * h + f * gates[:, MGUGate.NEW])


@step.register
def _(cell: RNNCell, z: Floats, h: Floats, c: Floats) -> Step:
    z = z + _rows(cell.recurrent, h)
    gates = activate(cell.activations, z)
    return Step(z=z, gates=gates, c=c, h=gates[:, RNNGate.HIDDEN])


def _rows(weights: Floats, signal: Floats) -> Floats:
    """Return the products (..., gates, H) of `weights (gates, H, n)` and `signal (..., n)`."""
    gates, units, inputs = weights.shape
    result: Floats = (signal @ weights.reshape(-1, inputs).T).reshape(*signal.shape[:-1], gates, units)
    return result


def input_rows(cell: RecurrentCell, x: Floats) -> Floats:
    """Return the pre-activations (..., gates, H) of `cell` by the inputs `x (..., D)` and the biases alone."""
    rows = _rows(cell.input, x)
    return rows if cell.bias is None else rows + cell.bias


def unroll(
    cell: RecurrentCell, x: Floats, h: Floats, c: Floats, lengths: Indices | None, *, backward: bool
) -> LayerTrace:
    """Return the trace of `cell` for `x (batch, time, D)`, each sequence up to its `lengths (batch,)`, from `h, c`.

    `backward` runs from the end of each sequence to its start; the trace is in the order of `x`.
    """
    rows = input_rows(cell, in_time(x, lengths, backward=backward))
    steps = []
    for t in range(x.shape[1]):
        steps.append(step(cell, rows[:, t], h, c))
        h, c = steps[-1].h, steps[-1].c

    def stood(name: str) -> Floats:  # what a sequence computes beyond its end is dropped
        signal = np.stack([getattr(taken, name) for taken in steps], axis=1)
        flat = signal.reshape(*signal.shape[:2], -1)
        return in_time(flat, lengths, backward=backward).reshape(signal.shape)

    return LayerTrace(order=cell.gates, z=stood("z"), gates=stood("gates"), c=stood("c"), h=stood("h"))
