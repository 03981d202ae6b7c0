"""How deviations of a linear system go on, and how much white noise adds to them, over a time of constant rates."""

import numpy as np

from lstm_analog.arrays import Floats

_SHORT = 0.25
"""Largest rate x time of the Taylor series, which is doubled from there; larger: fewer doublings, less accurate."""
_TERMS = 12
"""Terms of the Taylor series: of the covariance they leave (2 `_SHORT`)^12/13! = 4e-14."""


def propagate(rates: Floats, intensity: Floats, duration: float) -> tuple[Floats, Floats]:
    """Return exp(A T) and the integral of exp(A s) B exp(A s)' over s from 0 to T, (..., n, n) each.

    `rates` A (..., n, n) per second; `intensity` B (..., n, n), effort squared per second, of the white noise in the
    rates: <w(t) w(t')'> = B delta(t - t'); `duration` T (s). That is the solution of the Lyapunov equation
    dP/dt = A P + P A' + B from P = 0: exact for stiff A and for one that has modes which do not decay.

    A Taylor series over a short time h, doubled: with D = exp(A h) - 1, D(2h) = 2 D + D D and
    Q(2h) = Q + (1 + D) Q (1 + D)'. D, not 1 + D, so that slow modes keep their digits.
    """
    size = float(np.abs(rates).sum(axis=-1).max(initial=0.0)) * duration
    doublings = max(int(np.ceil(np.log2(size / _SHORT))), 0) if size else 0
    step = rates * (duration / 2.0**doublings)
    moved, added = _taylor(step, intensity * (duration / 2.0**doublings))
    for _ in range(doublings):
        kept = added + moved @ added
        added = added + kept + kept @ _transposed(moved)
        moved = 2.0 * moved + moved @ moved
    return np.eye(rates.shape[-1]) + moved, 0.5 * (added + _transposed(added))


def _taylor(step: Floats, first: Floats) -> tuple[Floats, Floats]:
    """Return exp(A h) - 1 and the added covariance of a short time h, of `step` A h and `first` B h."""
    power, moved = step, step.copy()
    term, added = first, first.copy()
    for order in range(2, _TERMS + 1):
        power = power @ step / order
        moved += power
        half = step @ term
        term = (half + _transposed(half)) / order
        added += term
    return moved, added


def _transposed(matrix: Floats) -> Floats:
    return np.swapaxes(matrix, -1, -2)
