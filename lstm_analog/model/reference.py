"""The LSTM itself, in numbers: what every machine of this package is measured against.

    z = W x + U h + b          i, f, o = sigmoid(z_i, z_f, z_o)          g = tanh(z_g)
    c <- f c + i g             h <- o tanh(c)

F. A. Gers, J. Schmidhuber, F. Cummins, Learning to forget, Neural Computation 12 (2000) 2451-2471; no peepholes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.model.gates import Gate
from lstm_analog.model.weights import Cell, Layer


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerTrace:
    """All that one layer computed: `z, gates (batch, time, 4, H)` and `c, h (batch, time, H)`, after each step.

    Without the batch axis where the input had none.
    """

    z: Floats
    gates: Floats
    c: Floats
    h: Floats


def sigmoid(z: Floats) -> Floats:
    """Return `1 / (1 + exp(-z))`, by way of tanh, which cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def activate(z: Floats) -> Floats:
    """Return the gates for their pre-activations `z (..., 4, H)`."""
    gates = sigmoid(z)
    gates[..., Gate.CELL, :] = np.tanh(z[..., Gate.CELL, :])
    return gates


def unroll(cell: Cell, x: Floats, h: Floats, c: Floats) -> LayerTrace:
    """Run one `cell` over `x (batch, time, D)` from `h, c (batch, H)`."""
    batch, time, _ = x.shape
    rows = (len(Gate), cell.hidden_size)
    recurrent = cell.recurrent.reshape(-1, cell.hidden_size).T

    z = (x @ cell.input.reshape(-1, cell.input_size).T).reshape(batch, time, *rows)
    if cell.bias is not None:
        z += cell.bias
    gates = np.empty_like(z)
    cs, hs = np.empty((2, batch, time, cell.hidden_size))

    for t in range(time):
        z[:, t] += (h @ recurrent).reshape(batch, *rows)
        gates[:, t] = activate(z[:, t])
        i, f, g, o = (gates[:, t, gate] for gate in (Gate.INPUT, Gate.FORGET, Gate.CELL, Gate.OUTPUT))
        c = f * c + i * g
        h = o * np.tanh(c)
        cs[:, t], hs[:, t] = c, h

    return LayerTrace(z=z, gates=gates, c=cs, h=hs)


def stack(layers: Iterable[Layer], x: Floats, hs: Iterable[Floats], cs: Iterable[Floats]) -> tuple[LayerTrace, ...]:
    """Run each of `layers` over the `h` of the one below, the first over `x`; `hs, cs` have one `(batch, H_l)` each."""
    traces = []
    for layer, h, c in zip(layers, hs, cs, strict=True):
        traces.append(unroll(layer.forward, x, h, c))
        x = traces[-1].h
    return tuple(traces)
