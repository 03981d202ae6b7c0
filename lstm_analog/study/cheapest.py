"""Find the cheapest point of a lattice that is good enough, with few judgements.

Along each axis of the lattice points become finer: a point is taken not to be worse than one that is coarser in some
axes and nowhere finer. So a point that fails rules out all coarser ones.
"""

from collections.abc import Callable
from itertools import product
from typing import TypeAlias

import numpy as np

from lstm_analog.arrays import Flags, Floats

Position: TypeAlias = tuple[int, ...]
"""The place of a point on each axis of a lattice, 0 for the coarsest."""
Excess: TypeAlias = Callable[[Position], float]
"""Function from a point to how far it is beyond the limit; at most 0 if it is good enough."""


def search(costs: Floats, screen: Excess, judge: Excess, ideal: float) -> Position | None:
    """Return the point of least cost that `judge` finds good enough, or None if there is none.

    First each axis is screened with all others at their finest, up to the first failure. From these the excess of every
    point is expected: with q the excess above `ideal`, that of a machine without errors, q_0 that of the finest point
    and q_k that of the screened point of axis k, q^2 = q_0^2 + sum(q_k^2 - q_0^2), as variances add. The cheapest
    point that is expected to be good enough is judged first. Then, of all cheaper points not ruled out yet, the one
    with the least expected excess, until none is left.

    `costs` are those of all points of the lattice. `judge` returns the excess of a point that decides, `screen` an
    estimate of it that is found faster; `ideal` is below 0.
    """
    left = np.ones(costs.shape, dtype=bool)
    expected = _expected(costs.shape, screen, ideal, left)
    best, first = None, left & (expected <= 0.0)
    while left.any():
        place = _lowest(costs, first) if first.any() else _lowest(expected, left)
        first = np.zeros_like(left)
        if judge(place) <= 0.0:
            best = place
            left &= costs < costs[best]
        else:
            left[coarser(place)] = False
    return best


def _expected(shape: Position, screen: Excess, ideal: float, left: Flags) -> Floats:
    """Return the expected excess of each point of a lattice of `shape`; points ruled out are no longer `left`.

    `ideal` and `screen` are as in `search`. Axis by axis, the finer points first, all other axes at their finest.
    """
    finest = tuple(size - 1 for size in shape)
    least = screen(finest)
    left[...] = least <= 0.0
    base = max(least - ideal, 0.0) ** 2
    total = np.full(shape, base)
    for axis, size in enumerate(shape):
        for number in reversed(range(size - 1)):
            place = (*finest[:axis], number, *finest[axis + 1 :])
            if left[place]:
                excess = screen(place)
                along = (slice(None),) * axis + (number,)
                total[along] += max(max(excess - ideal, 0.0) ** 2 - base, 0.0)
                if excess > 0.0:
                    left[coarser(place)] = False
    result: Floats = ideal + np.sqrt(total)
    return result


def coarser(place: Position) -> tuple[slice, ...]:
    """Return the slices of a lattice that hold all points nowhere finer than `place`, that itself included."""
    return tuple(slice(0, number + 1) for number in place)


def _lowest(values: Floats, among: Flags) -> Position:
    """Return the first point of least value `among` those flagged."""
    found = np.unravel_index(int(np.argmin(np.where(among, values, np.inf))), values.shape)
    return tuple(int(number) for number in found)


def next_cheaper(costs: Floats, place: Position) -> Position | None:
    """Return the dearest point whose `costs` are below those of `place`, the finest of several, or None."""
    cheaper = [point for point in product(*map(range, costs.shape)) if costs[point] < costs[place]]
    return max(cheaper, key=lambda point: (costs[point], sum(point)), default=None)
