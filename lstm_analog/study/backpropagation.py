"""The slope of one final output of a digital LSTM by each of its inputs, by backpropagation through time (Werbos 1990).

Layers are stacks of LSTM cells with sigmoid and tanh, of one direction or of both.
"""

from typing import cast

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import LSTM
from lstm_analog.model.activations import Activation, Curve
from lstm_analog.model.gates import Gate
from lstm_analog.model.lstm import Trace
from lstm_analog.model.reference import LayerTrace
from lstm_analog.model.weights import Cell, RecurrentCell


def check_backpropagates(lstm: LSTM) -> None:
    """Raise `UnsupportedError` unless every cell of `lstm` is one that `input_slopes` knows."""
    for chain in lstm.chains:
        if not _is_plain(chain.cell):
            must, do = "be plain LSTM cells with sigmoid and tanh", "take an LSTM without peepholes or projection"
            raise UnsupportedError(explain(f"cells of {chain.label}", must=must, got="others", do=do))


def input_slopes(lstm: LSTM, trace: Trace, last: Floats) -> Floats:
    """Return the slopes (batch, time, inputs) by the inputs of the sum of `last` (batch, outputs) times the final h.

    The final h is that of the top layer of `lstm`, forward before backward; `trace` is what `lstm` computed. Its cells
    must pass `check_backpropagates`.
    """
    traces = list(trace.layers)
    by_step = np.zeros(trace.outputs.h.shape)
    for layer in reversed(lstm.layers):
        mine, traces = traces[-len(layer.cells) :], traces[: -len(layer.cells)]
        cells = cast(tuple[Cell, ...], layer.cells)  # as `check_backpropagates` found them
        parts = zip(cells, mine, _split(by_step, mine), _split(last, mine), strict=True)
        ways = [chain.backward for chain in lstm.chains[len(traces) : len(traces) + len(mine)]]
        by_step = np.sum([_of_chain(*part, way) for part, way in zip(parts, ways, strict=True)], axis=0)
        last = np.zeros((len(by_step), by_step.shape[-1]))
    return by_step


def _is_plain(cell: RecurrentCell) -> bool:
    if not isinstance(cell, Cell) or cell.coupled or cell.peephole is not None or cell.projection is not None:
        return False
    return all(each.curve in (Curve.SIGMOID, Curve.TANH) for each in (cell.gate, cell.candidate, cell.hidden))


def _split(signal: Floats, traces: list[LayerTrace]) -> list[Floats]:
    return np.split(signal, len(traces), axis=-1)


def _of_chain(cell: Cell, traced: LayerTrace, by_h: Floats, last: Floats, backward: bool) -> Floats:
    """Return the slopes (batch, time, inputs) by the inputs of a chain.

    `by_h` (batch, time, H) are those by its h of each step from above, `last` (batch, H) those by the final one.
    """
    order = slice(None, None, -1 if backward else 1)
    gates, c, by_h = traced.gates[:, order], traced.c[:, order], by_h[:, order]
    before = np.concatenate((np.zeros_like(c[:, :1]), c[:, :-1]), axis=1)
    by_x, by_c = np.empty((*by_h.shape[:2], cell.input_size)), np.zeros_like(last)
    for t in reversed(range(by_h.shape[1])):
        step, last = gates[:, t], last + by_h[:, t]
        out = cell.hidden(c[:, t])
        by_c = by_c + last * step[:, Gate.OUTPUT] * _slope(cell.hidden, out)
        by_gate = np.empty_like(step)
        by_gate[:, Gate.INPUT] = by_c * step[:, Gate.CELL]
        by_gate[:, Gate.FORGET] = by_c * before[:, t]
        by_gate[:, Gate.CELL] = by_c * step[:, Gate.INPUT]
        by_gate[:, Gate.OUTPUT] = last * out
        by_c = by_c * step[:, Gate.FORGET]
        for gate, activation in enumerate(cell.activations):
            by_gate[:, gate] *= _slope(activation, step[:, gate])
        last, by_x[:, t] = (np.tensordot(by_gate, weights, axes=2) for weights in (cell.recurrent, cell.input))
    return by_x[:, order]


def _slope(activation: Activation, value: Floats) -> Floats:
    """Return the slope of a sigmoid or tanh where it has the `value`."""
    rest = value * (1.0 - value) if activation.curve is Curve.SIGMOID else 1.0 - value**2
    result: Floats = activation.slope * rest
    return result
