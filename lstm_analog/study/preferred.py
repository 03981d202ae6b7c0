"""Find the inputs that drive a unit of the digital LSTM most: activation maximisation (Erhan 2009).

h of the unit after the last step of its direction is climbed by its slope, each step kept within the range of the
inputs, from several starts at once. The slopes are those of backpropagation through time (Werbos 1990), for stacks of
LSTM cells with sigmoid and tanh, of one direction or of both.
"""

from dataclasses import dataclass, replace
from typing import Annotated, cast

import numpy as np

from lstm_analog.arrays import Floats, Indices, floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections.base import InRange
from lstm_analog.model import LSTM
from lstm_analog.model.activations import Activation, Curve
from lstm_analog.model.gates import Gate
from lstm_analog.model.lstm import Trace
from lstm_analog.model.reference import LayerTrace
from lstm_analog.model.weights import Cell, RecurrentCell

_FIRST, _LONGER, _SHORTER = 0.2, 1.5, 0.5
"""First step as a share of the range, and its factor after one that climbed and one that did not."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class PreferredInputs:
    """The inputs that drive `units` of `layer` most, as `preferred_inputs` found them.

    Attributes
    ----------
    x : float array, (units, steps, inputs)
        The best of all starts.
    h : float array, (units, starts)
        What the unit answers to the best of each start: starts that end far apart are several maxima, or stopped early.
    """

    layer: int
    units: tuple[int, ...]
    x: Floats
    h: Floats


@checked
def preferred_inputs(
    lstm: LSTM,
    *,
    layer: int,
    steps: Annotated[int, InRange("steps", 1, np.inf, "give those of a sequence")],
    units: tuple[int, ...] | None = None,
    met: Floats | None = None,
    low: float = 0.0,
    high: float = 1.0,
    starts: Annotated[int, InRange("starts", 1, np.inf, "give e.g. 8")] = 8,
    iterations: Annotated[int, InRange("iterations", 1, np.inf, "give e.g. 200")] = 200,
    seed: Annotated[int, InRange("seed", 0, np.inf, "give e.g. 0")] = 0,
) -> PreferredInputs:
    """Return the sequences of `steps` with inputs from `low` to `high` that drive `units` of `layer` of `lstm` most.

    Units count through both directions of the layer, all unless given; a backward one is driven at its last step, the
    first of the sequence. `starts` sequences climb for so many `iterations`: random ones of `seed`, or if sequences
    `met` (n, steps, inputs) are given those of them that drive the unit most, so that none ends below what was met.
    What is found is a local maximum, and no statement about inputs that are met: `x` may look like none of them.

    Raises `InvalidValueError` or `InvalidShapeError` for a layer, a unit, a range or a count that there is not, or
    sequences `met` that do not fit; `UnsupportedError` for cells other than plain LSTM cells.
    """
    size = _checked_size(lstm, layer, low, high)
    chosen = tuple(range(size)) if units is None else units
    if not chosen or any(not 0 <= unit < size for unit in chosen):
        raise InvalidValueError(explain("units", must=f"be 0 to {size - 1}", got=chosen, do="choose among the units"))
    below = replace(lstm, layers=lstm.layers[: layer + 1], head=None)
    check_backpropagates(below)
    owner, shape = np.repeat(np.array(chosen), starts), (steps, lstm.input_size)
    if met is None:
        x = np.random.default_rng(seed).uniform(low, high, (owner.size, *shape))
    else:
        x = _strongest(below, _checked_met(met, (starts, *shape), low, high), chosen, starts)
    x, h = _climbed(below, x, owner, (low, high), iterations)
    best = h.reshape(-1, starts).argmax(axis=1)
    found = x.reshape(len(chosen), starts, *x.shape[1:])[np.arange(len(chosen)), best]
    return PreferredInputs(layer=layer, units=chosen, x=found, h=h.reshape(-1, starts))


def _checked_met(met: Floats, shape: tuple[int, ...], low: float, high: float) -> Floats:
    """Return `met` if it has the `shape` of starts or more of them, and values from `low` to `high`; else raise."""
    known = floats(met, "met")
    if known.ndim != 3 or known.shape[1:] != shape[1:] or len(known) < shape[0]:
        do = "give sequences of so many steps, as many as starts or more"
        raise InvalidShapeError(explain("met", must=f"have shape {shape} or more", got=known.shape, do=do))
    if known.min() < low or known.max() > high:
        got, do = f"{known.min():g} to {known.max():g}", "give their range"
        raise InvalidValueError(explain("met", must=f"be within low and high, {low:g} to {high:g}", got=got, do=do))
    return known


def _strongest(lstm: LSTM, met: Floats, units: tuple[int, ...], starts: int) -> Floats:
    """Return so many `starts` for each of `units`, those of `met` that drive it most, (units starts, steps, inputs)."""
    order = np.argsort(-_final(lstm.trace(met), lstm)[:, units], axis=0, kind="stable")[:starts]
    return met[order.T.reshape(-1)]


def _climbed(
    lstm: LSTM, x: Floats, units: Indices, bounds: tuple[float, float], iterations: int
) -> tuple[Floats, Floats]:
    """Return `x` (n, steps, inputs), each climbed to more h of one of the `units` (n,) within `bounds`, and h (n,).

    A start steps along its slope, its steepest input by the length of the step: longer after each step that climbed,
    shorter after one that did not, which is not taken.
    """
    low, high = bounds
    h, slope = _answers(lstm, x, units)
    length = np.full((len(x), 1, 1), _FIRST * (high - low))
    for _ in range(iterations):
        steepest = np.abs(slope).max(axis=(1, 2), keepdims=True)
        tried = np.clip(x + length * slope / np.where(steepest > 0.0, steepest, 1.0), low, high)
        there, along = _answers(lstm, tried, units)
        climbed = (there > h)[:, None, None]
        x, slope, h = np.where(climbed, tried, x), np.where(climbed, along, slope), np.maximum(there, h)
        length *= np.where(climbed, _LONGER, _SHORTER)
    return x, h


def _checked_size(lstm: LSTM, layer: int, low: float, high: float) -> int:
    """Return the number of outputs of `layer`; raise unless it is there, and `low` < `high`."""
    if not 0 <= layer < len(lstm.layers):
        must, do = f"be 0 to {len(lstm.layers) - 1}", "choose one of the LSTM"
        raise InvalidValueError(explain("layer", must=must, got=layer, do=do))
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidValueError(explain("low", must="be below high", got=f"{low} and {high}", do="give e.g. 0 and 1"))
    return lstm.layers[layer].output_size


def _answers(lstm: LSTM, x: Floats, units: Indices) -> tuple[Floats, Floats]:
    """Return the final h (n,) of one of the `units` (n,) of the top layer for each of `x`, and its slopes by `x`."""
    trace = lstm.trace(x)
    rows = np.arange(len(x))
    final = _final(trace, lstm)
    last = np.zeros_like(final)
    last[rows, units] = 1.0
    return final[rows, units], input_slopes(lstm, trace, last)


def _final(trace: Trace, lstm: LSTM) -> Floats:
    """Return the final h of the top layer of `lstm` in `trace`, forward before backward, (n, outputs)."""
    return np.concatenate(trace.outputs.state.h[-len(lstm.layers[-1].cells) :], axis=-1)


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
        by_h, ends = (np.split(slopes, len(mine), axis=-1) for slopes in (by_step, last))
        parts = zip(cells, mine, by_h, ends, strict=True)
        ways = [chain.backward for chain in lstm.chains[len(traces) : len(traces) + len(mine)]]
        by_step = np.sum([_of_chain(*part, way) for part, way in zip(parts, ways, strict=True)], axis=0)
        last = np.zeros((len(by_step), by_step.shape[-1]))
    return by_step


def _is_plain(cell: RecurrentCell) -> bool:
    if not isinstance(cell, Cell) or cell.coupled or cell.peephole is not None or cell.projection is not None:
        return False
    return all(each.curve in (Curve.SIGMOID, Curve.TANH) for each in (cell.gate, cell.candidate, cell.hidden))


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
    return activation.slope * rest
