"""A weighted sum as two manifolds: capillaries of conductance G_u |w|, and a dummy that makes the total G_u S."""

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.signals import Sum

_ROUNDING = 1e-12
"""Relative conductance of a dummy capillary below which it is left out: rounding of the sum of weights."""


def dense_weights(total: Sum) -> Floats:
    """Return the weights of `total` with its bias as a last column, (m, n) or (m, n + 1)."""
    return total.weights if total.bias is None else np.column_stack((total.weights, total.bias))


def signed_totals(total: Sum) -> tuple[Floats, Floats]:
    """Return the sum of the positive weights and that of the negative ones of each row of `total`, (m,) each, >= 0."""
    weights = dense_weights(total)
    positive, negative = np.maximum(weights, 0.0).sum(axis=1), np.maximum(-weights, 0.0).sum(axis=1)
    for diagonal in total.diagonals:
        start = sum(target.size for target in total.targets[: total.targets.index(diagonal.target)])
        rows = slice(start, start + diagonal.target.size)
        positive[rows] += np.maximum(diagonal.weights, 0.0)
        negative[rows] += np.maximum(-diagonal.weights, 0.0)
    return positive, negative


def totals(total: Sum, least: float) -> Floats:
    """Return S (m,) of each row of `total`: the larger of its two sums of weights of one sign, but at least `least`."""
    result: Floats = np.maximum(np.maximum(*signed_totals(total)), least)
    return result


def split_rows(total: Sum, rows: Floats) -> list[Floats]:
    """Return `rows` (m,), one number for each row of `total`, target by target."""
    return np.split(rows, np.cumsum([target.size for target in total.targets])[:-1])


def dummies(whole: Floats, used: Floats) -> Floats:
    """Return the dummy conductances (m,) that fill `used` (m,) up to `whole` (m,); zero where they are rounding."""
    missing = whole - used
    return np.where(missing > _ROUNDING * whole, missing, 0.0)


def plus(label: str) -> str:
    """Return the group of the manifold of positive weights of the sum `label`."""
    return f"{label}_pos"


def minus(label: str) -> str:
    """Return the group of the manifold of negative weights of the sum `label`."""
    return f"{label}_neg"
