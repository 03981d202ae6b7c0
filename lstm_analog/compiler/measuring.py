"""Measure how large the signals of an LSTM become, with inputs like those in operation, by its operations in numbers.

A trace has pre-activations, c and h; what lies between, such as a product or the sum before a projection, follows from
them by the operations of the signal network.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.cells import operation_chain
from lstm_analog.compiler.scaling import Ranges
from lstm_analog.compiler.signals import Product, Quantity, Reading, Signal, SignalOperation, Sum
from lstm_analog.model import LSTM, Chain, Head, LayerTrace
from lstm_analog.model.sequences import state_after
from lstm_analog.network.shapes import curve


def measured(lstm: LSTM, x: Floats) -> Ranges:
    """Return the ranges of the signals of `lstm` for inputs `x` (..., time, inputs), from rest."""
    trace = lstm.trace(x)
    found, below = [Ranges(x=_most(x), z=0.0, c=0.0, h=0.0, rows=0.0)], x
    traces = dict(zip(lstm.chains, trace.layers, strict=True))
    for layer in dict.fromkeys(chain.layer for chain in lstm.chains):
        chains = [chain for chain in lstm.chains if chain.layer == layer]
        for chain in chains:
            seen, (rows, products) = traces[chain], sums_and_products(chain, below, traces[chain])
            h = max(_most(seen.h), _most(products))
            found.append(Ranges(x=0.0, z=_most(seen.z), c=_most(seen.c), h=h, rows=_most(rows)))
        below = np.concatenate([traces[chain].h for chain in chains], axis=-1)
    if lstm.head is not None:
        top = slice(-len(lstm.layers[-1].cells), None)
        rows = head_rows(lstm.head, trace.layers[top], [chain.backward for chain in lstm.chains[top]], None)
        found.append(Ranges(x=0.0, z=0.0, c=0.0, h=0.0, rows=_most(rows)))
    columns = {name: max(getattr(each, name) for each in found) for name in vars(found[0])}
    return Ranges(**columns)


def sums_and_products(chain: Chain, below: Floats, trace: LayerTrace) -> tuple[Floats, Floats]:
    """Return how large the rows of `chain` become, (..., time, rows), and its products without memory, (..., time, n).

    The inputs are `below` (..., time, inputs), its signals `trace`; the first step is taken from rest. A row of a gate
    is as large as the larger of its sums over positive and over negative weights, biases included; another row, which
    no z tells of, as its whole sum if that is larger.
    """
    feed = Signal(label="x", size=below.shape[-1], quantity=Quantity.INPUT)
    made = operation_chain(chain.cell, chain, Reading(signal=feed, held=False))
    values = {feed.label: below, made.hidden.label: trace.h} | ({} if made.cell is None else {made.cell.label: trace.c})
    rows, products = list[Floats](), [np.zeros_like(trace.h[..., :0])]
    for operation in made.operations:
        for target, size, value in _computed(operation, values, backward=chain.backward):
            values[target.label] = value
            if isinstance(operation, Sum):
                rows.append(size if target in made.rows else np.maximum(size, np.abs(value)))
            else:
                products.append(value)
    return np.concatenate(rows, axis=-1), np.concatenate(products, axis=-1)


def head_rows(head: Head, layers: Sequence[LayerTrace], backward: Sequence[bool], lengths: Indices | None) -> Floats:
    """Return how large the rows of `head` become, (..., time, K), over the top `layers`, as rows that are no gate's.

    `backward` says which of these chains run backward, `lengths` (batch,) are the numbers of valid steps. There is one
    step if the head reads the final state only.
    """
    h = [h[..., None, :] for h in state_after(layers, backward, lengths).h] if head.final else [e.h for e in layers]
    plus, minus = _of_one_sign(head.weights, head.bias, np.concatenate(h, axis=-1))
    return np.maximum(np.maximum(np.abs(plus), np.abs(minus)), np.abs(plus - minus))


def _computed(
    operation: SignalOperation, values: dict[str, Floats], *, backward: bool
) -> Iterator[tuple[Signal, Floats, Floats]]:
    """Yield what an `operation` computes from `values`: the target, how large its row is, the value; no memories."""

    def read(reading: Reading) -> Floats:
        now = values[reading.signal.label]
        return _one_step_late(now, backward=backward) if reading.held else now

    if isinstance(operation, Product):
        factors = [curve(tap.shape, tap.slope * read(tap.reading) + tap.offset) for tap in operation.factors]
        value = np.multiply.reduce(factors)
        yield operation.target, np.abs(value), value
    elif isinstance(operation, Sum):
        drivers = np.concatenate([read(reading) for reading in operation.drivers], axis=-1)
        plus, minus = _of_one_sign(operation.weights, operation.bias, drivers)
        start = 0
        for target in operation.targets:
            part, start = np.s_[..., start : start + target.size], start + target.size
            for each in (each for each in operation.diagonals if each.target == target):
                plus[part] += np.maximum(each.weights, 0.0) * read(each.driver)
                minus[part] += np.maximum(-each.weights, 0.0) * read(each.driver)
            yield target, np.maximum(np.abs(plus[part]), np.abs(minus[part])), plus[part] - minus[part]


def _of_one_sign(weights: Floats, bias: Floats | None, drivers: Floats) -> list[Floats]:
    """Return the sums over the positive `weights` (m, n) and over the negative ones of `drivers` (..., n), (..., m)."""
    given = np.zeros(len(weights)) if bias is None else bias
    return [drivers @ np.maximum(s * weights, 0.0).T + np.maximum(s * given, 0.0) for s in (1.0, -1.0)]


def _one_step_late(signal: Floats, *, backward: bool) -> Floats:
    """Return `signal` (..., time, n) one step later in the direction of the chain, from rest."""
    rest = np.zeros_like(signal[..., :1, :])
    late = (signal[..., 1:, :], rest) if backward else (rest, signal[..., :-1, :])
    return np.concatenate(late, axis=-2)


def _most(values: Floats) -> float:
    return float(np.abs(values).max(initial=0.0))
