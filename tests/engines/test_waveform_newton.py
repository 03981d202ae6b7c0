"""Newton's method of a level, on equations made up so that a step leaves a known share of what it should remove."""

from types import SimpleNamespace

import numpy as np
import pytest

from lstm_analog.engines.waveform.newton import Unsolved, _iterate
from lstm_analog.network.laws import Order


class Stub:
    """Equations of one member at one point, whose step leaves a `share` of the distance from 0."""

    def __init__(self, share):
        self.share, self.filled, self.refreshed = share, np.array([True]), 0

    def step(self, residual):
        return -(1.0 - self.share) * residual

    def rounding(self, efforts):
        return np.zeros_like(efforts)

    def refresh(self, stale):
        self.share, self.refreshed = 0.0, self.refreshed + 1


def solved(share, start, *, dynamic=0, points=2):
    """Return where the iteration ends from `start`, and how often slopes were taken anew."""
    effort, stub = np.full((points, 1), start), Stub(share)

    def residual():
        return effort[None].copy()

    level = SimpleNamespace(dynamic=dynamic, order=Order.NONLINEAR)
    task = SimpleNamespace(level=level, frame=SimpleNamespace(count=points))
    _iterate(task, [effort], residual, stub, np.ones((1, points, 1)))
    return float(np.abs(effort).max()), stub.refreshed


@pytest.mark.parametrize("share", [0.0, 0.01, 0.04, 0.06, 0.3, 0.6])
@pytest.mark.parametrize("dynamic", [0, 1])
def test_what_is_left_is_below_one_whatever_the_slopes(share, dynamic):
    left, refreshed = solved(share, 2130.0, dynamic=dynamic)  # more than two steps of slopes that are trusted
    assert left <= 1.0
    assert (refreshed > 0) == (share > (0.4 if dynamic else 0.05))


def test_slopes_of_the_wrong_sign_are_not_believed():
    with pytest.raises(Unsolved):
        solved(3.0, 50.0)
