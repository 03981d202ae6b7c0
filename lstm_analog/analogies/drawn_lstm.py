"""An LSTM each curve of which is a number of channels, in numbers: drawn exactly, or to first order.

It shares nothing with the circuit of `electrical.CHANNELS` but the law that is drawn: a curve is open with probability
p, sigmoid(z) or, for tanh(z) = 2 p - 1, sigmoid(2 z).
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model import LSTM, Cell, Gate
from lstm_analog.model.activations import SIGMOID, TANH, sigmoid
from lstm_analog.model.layers import Chain
from lstm_analog.model.reference import input_rows

OpenShares: TypeAlias = Callable[[Floats], Floats]
"""Function from the probabilities that channels are open, (batch, ..., H), to the shares that are."""
_NUDGE = 1e-4
"""Change of a curve by which slopes are found, in its own deviations for N = 1. Larger: curvature counts; smaller:
rounding does."""

_CURVES = (SIGMOID, SIGMOID, TANH, SIGMOID, TANH)
"""The curves of i, f, g, o and of c."""


def binomial(number: int, generator: np.random.Generator) -> OpenShares:
    """Return the function that draws the open share of `number` channels by the binomial law, from `generator`."""
    return lambda p: generator.binomial(number, p) / number


def answers(lstm: LSTM, x: Floats, shares: OpenShares) -> Floats:
    """Return y of the head of `lstm`, else h, for `x` (batch, time, inputs) from rest, its curves drawn by `shares`.

    Raises `UnsupportedError` for other cells than plain LSTM cells with sigmoid and tanh.
    """
    signal, ends = x, [x]
    for number in range(len(lstm.layers)):
        chains = [chain for chain in lstm.chains if chain.layer == number]
        runs = [_unrolled(chain, signal, shares) for chain in chains]
        ends = [run[:, 0 if chain.backward else -1] for chain, run in zip(chains, runs, strict=True)]
        signal = np.concatenate(runs, axis=-1)
    if lstm.head is None:
        return signal
    return lstm.head(np.concatenate(ends, axis=-1) if lstm.head.final else signal)


def _unrolled(chain: Chain, x: Floats, shares: OpenShares) -> Floats:
    """Return h (batch, time, H) of one `chain` for `x` (batch, time, D), in the order of `x`."""
    cell = _plain(chain.cell)
    way = slice(None, None, -1 if chain.backward else 1)
    h = c = np.zeros((x.shape[0], cell.hidden_size))
    recurrent = cell.recurrent.reshape(-1, cell.hidden_size).T
    steps = []
    for now in np.moveaxis(x[:, way], 1, 0):  # step by step: of all steps together they may fill the memory
        rows = input_rows(cell, now)
        z = rows + (h @ recurrent).reshape(rows.shape)
        z[:, Gate.CELL] *= 2.0
        gates = shares(sigmoid(z))
        c = gates[:, Gate.FORGET] * c + gates[:, Gate.INPUT] * (2.0 * gates[:, Gate.CELL] - 1.0)
        h = gates[:, Gate.OUTPUT] * (2.0 * shares(sigmoid(2.0 * c)) - 1.0)
        steps.append(h)
    return np.stack(steps, axis=1)[:, way]


def _plain(cell: object) -> Cell:
    extended = isinstance(cell, Cell) and (cell.peephole is not None or cell.projection is not None)
    if isinstance(cell, Cell) and not extended and (*cell.activations, cell.hidden) == _CURVES:
        return cell
    must, do = "be plain LSTM cells with sigmoid and tanh to be drawn", "run electrical.CHANNELS"
    raise UnsupportedError(explain("cells", must=must, got=type(cell).__name__, do=do))


def deviations(lstm: LSTM, x: Floats) -> Floats:
    """Return the deviation of each answer of `lstm` for `x` (time, inputs) by channels, times sqrt(N), to first order.

    Each curve of each unit in each step deviates by sqrt(p (1 - p)/N) of its own; the variance of an answer is the sum
    of their squares, each times the square of a slope, which is found by central differences.
    """
    steps, sites = x.shape[0], 5 * x.shape[0] * sum(chain.cell.hidden_size for chain in lstm.chains)
    y = answers(lstm, np.broadcast_to(x, (2 * sites, steps, x.shape[1])), _nudged(sites))
    slopes = (y[:sites] - y[sites:]) / (2.0 * _NUDGE)
    found: Floats = np.sqrt((slopes**2).sum(axis=0))
    return found


def _nudged(sites: int) -> OpenShares:
    """Return the function that moves curve k, of all `sites`, up in row k of a batch, and down in row `sites` + k."""
    done = 0

    def shares(p: Floats) -> Floats:
        nonlocal done
        moved = p.reshape(p.shape[0], -1) + 0.0
        unit = np.arange(moved.shape[1])
        up, down = done + unit, sites + done + unit
        size = _NUDGE * np.sqrt(moved * (1.0 - moved))
        moved[up, unit] += size[up, unit]
        moved[down, unit] -= size[down, unit]
        done += unit.size
        return moved.reshape(p.shape)

    return shares
