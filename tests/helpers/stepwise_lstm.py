"""An LSTM of one layer in plain numpy whose weights and biases may be others in every step: a reference of its own."""

from collections.abc import Callable, Iterable

import numpy as np


def stacked(cell) -> np.ndarray:
    """Return the weights of a `cell` as a bank of rows has them, (4 units, inputs + units + 1): x, h, one."""
    return np.concatenate((cell.input, cell.recurrent, cell.bias[..., None]), axis=-1).reshape(
        -1, cell.input.shape[-1] + cell.recurrent.shape[-1] + 1
    )


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-value))


def run(
    weights: Iterable[np.ndarray],
    x: np.ndarray,
    *,
    one: Callable[[int], float] = lambda step: 1.0,
    steeper: float = 1.0,
) -> np.ndarray:
    """Return h after each step of `x` (time, inputs), (time, units).

    `weights` are those of each step, `one` what biases are multiplied by, `steeper` the factor at every curve.
    """
    h = c = None
    found = []
    for step, (matrix, inputs) in enumerate(zip(weights, x, strict=False)):
        units = len(matrix) // 4
        h, c = (np.zeros(units), np.zeros(units)) if h is None else (h, c)
        i, f, g, o = np.split(matrix @ np.concatenate((inputs, h, [one(step)])), 4)
        gates = [sigmoid(steeper * z) for z in (i, f, o)]
        c = gates[1] * c + gates[0] * np.tanh(steeper * g)
        h = gates[2] * np.tanh(steeper * c)
        found.append(h)
    return np.array(found)


def normals(seed: int, name: str, chip: int = 0, *, repeat: int = 0) -> np.random.Generator:
    """Return the generator of a stream, spelt out: numpy's seed sequence keyed by the chip, the name, the repeat."""
    again = (256 + repeat,) if repeat else ()
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(chip, *name.encode(), *again)))
