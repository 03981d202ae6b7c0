"""How a weighted sum becomes two manifolds: capillaries of conductance G_u |w| and a dummy capillary, G_u S in all."""

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.signals import Sum

_ROUNDING = 1e-12
"""Share of a manifold's conductance below which a dummy capillary would be no more than rounding."""


def dense_weights(total: Sum) -> Floats:
    """Return the weights of `total` with its bias as a last column, (m, n) or (m, n + 1)."""
    return total.weights if total.bias is None else np.column_stack((total.weights, total.bias))


def signed_totals(total: Sum) -> tuple[Floats, Floats]:
    """Return what the positive and what the negative weights of each row of `total` add up to, (m,) each."""
    weights = dense_weights(total)
    positive, negative = np.maximum(weights, 0.0).sum(axis=1), np.maximum(-weights, 0.0).sum(axis=1)
    for diagonal in total.diagonals:
        start = sum(target.size for target in total.targets[: total.targets.index(diagonal.target)])
        rows = slice(start, start + diagonal.target.size)
        positive[rows] += np.maximum(diagonal.weights, 0.0)
        negative[rows] += np.maximum(-diagonal.weights, 0.0)
    return positive, negative


def totals(total: Sum, least: float) -> Floats:
    """Return S of each row of `total`, (m,): the larger sum of its weights of one sign, `least` at least."""
    result: Floats = np.maximum(np.maximum(*signed_totals(total)), least)
    return result


def split_rows(total: Sum, rows: Floats) -> list[Floats]:
    """Return `rows` (m,), one number for each row of `total`, target by target."""
    return np.split(rows, np.cumsum([target.size for target in total.targets])[:-1])


def dummies(whole: Floats, used: Floats) -> Floats:
    """Return what dummy capillaries add to those `used` (m,) up to the `whole` (m,); none where it is rounding."""
    missing = whole - used
    return np.where(missing > _ROUNDING * whole, missing, 0.0)


def plus(label: str) -> str:
    """Return the group of the manifold of positive weights of the sum `label`."""
    return f"{label}_pos"


def minus(label: str) -> str:
    """Return the group of the manifold of negative weights of the sum `label`."""
    return f"{label}_neg"
