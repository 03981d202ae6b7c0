"""Compute the error of an LSTM whose signals lag behind, as with a clock that is too fast."""

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.model import LSTM, LayerTrace, State
from lstm_analog.model.reference import input_rows, step
from lstm_analog.model.sequences import in_time
from lstm_analog.model.weights import RecurrentCell


def travel(lstm: LSTM, layers: tuple[LayerTrace, ...], state: State, lengths: Indices | None) -> float:
    """Return the largest change of any z, c or h of `lstm` in a step, by its traces `layers` from `state`.

    z of the first step is left out, because it settles during the reset. Steps beyond the `lengths` do not count.
    """
    farthest = 0.0
    for chain, layer, h, c in zip(lstm.chains, layers, state.h, state.c, strict=True):
        paths = [(layer.h, h), (layer.c, c)] + [(z, None) for z in np.moveaxis(layer.z, -2, 0)]
        for path, start in paths:
            inside = in_time(np.ones_like(path), lengths, backward=False)
            ordered = in_time(path, lengths, backward=chain.backward)
            begin = ordered[..., :1, :] if start is None else start[..., None, :]
            moves = np.diff(ordered, axis=-2, prepend=begin) * inside
            farthest = max(farthest, float(np.abs(moves).max(initial=0.0)))
    return farthest


def lagging(lstm: LSTM, x: Floats, state: State, lengths: Indices | None, late: float) -> tuple[Floats, ...]:
    """Return h of each chain of `lstm` for `x` from `state` if its h and c lag by `late` in every step.

    `lengths` (batch,) are the numbers of valid steps of each sequence.
    """
    signal, number, result = x, 0, list[Floats]()
    for layer in lstm.layers:
        for cell in layer.cells:
            backward = lstm.chains[number].backward
            inputs = in_time(signal, lengths, backward=backward)
            h = _chain(cell, inputs, state.h[number], state.c[number], late)
            result.append(in_time(h, lengths, backward=backward))
            number += 1
        signal = np.concatenate(result[-len(layer.cells) :], axis=-1)
    return tuple(result)


def _chain(cell: RecurrentCell, x: Floats, h: Floats, c: Floats, late: float) -> Floats:
    rows, path = input_rows(cell, x), []
    for t in range(x.shape[-2]):
        z = rows[..., t, :, :].reshape(-1, *rows.shape[-2:])
        taken = step(cell, z, np.atleast_2d(h), np.atleast_2d(c))
        h, c = (_late(before, after.reshape(before.shape), late) for before, after in ((h, taken.h), (c, taken.c)))
        path.append(h)
    return np.stack(path, axis=-2)


def _late(before: Floats, after: Floats, late: float) -> Floats:
    return after + late * np.sign(before - after)
