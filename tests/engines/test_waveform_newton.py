"""Newton's method of a level, on equations made up so that a step leaves a known share of what it should remove."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from lstm_analog.engines.native import Unsolved, compiled
from lstm_analog.engines.waveform.continuation import continue_to_rest
from lstm_analog.engines.waveform.iteration import Iteration
from lstm_analog.expressions import make
from lstm_analog.network.laws import Order


class Stub:
    """Equations of one member at some points, whose step leaves a `share` of the distance from 0."""

    def __init__(self, share):
        self.gain, self.refreshed = np.array([share - 1.0]), np.zeros(1)

    def refreshing(self, stale):
        return [partial(np.copyto, self.gain, -1.0), partial(np.add, self.refreshed, 1.0, self.refreshed)]


def solved(share, start, *, dynamic=0, points=2):
    """Return where the iteration ends from `start`, and how often slopes were taken anew."""
    efforts, change, stub = np.full((1, points, 1), start), np.empty((1, points, 1)), Stub(share)
    level = SimpleNamespace(dynamic=dynamic, order=Order.NONLINEAR)
    task = SimpleNamespace(level=level, frame=SimpleNamespace(count=points))
    flows, ones = np.empty_like(change), np.ones((1, 1))
    iteration = Iteration(task=task, efforts=efforts, equations=stub, change=change, flows=flows, tolerance=ones)
    make(compiled(iteration.calls([partial(np.multiply, efforts, stub.gain, change)])))
    return float(np.abs(efforts).max()), float(stub.refreshed[0])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.04, 0.06, 0.3, 0.6])
@pytest.mark.parametrize("dynamic", [0, 1])
def test_what_is_left_is_below_one_whatever_the_slopes(share, dynamic):
    left, refreshed = solved(share, 2130.0, dynamic=dynamic)  # more than two steps of slopes that are trusted
    assert left <= 1.0
    assert (refreshed > 0) == (share > (0.4 if dynamic else 0.05))


def test_slopes_of_the_wrong_sign_are_not_believed():
    with pytest.raises(Unsolved):
        solved(3.0, 50.0)


def continued(flow, slope, *storing):
    """Return where continuation ends from 0, for unknowns with the capacities `storing`, NaN for one that has none.

    Their `flow` (k,) and its `slope` (k, k) are functions of their efforts (k,).
    """
    count = max(1, len(storing))
    efforts, flows, slopes = np.empty((count, 1, 1)), np.empty((count, 1, 1)), np.empty((count, count, 1, 1))
    continue_to_rest(
        partial(np.copyto, efforts, 0.0),
        efforts,
        flows,
        (lambda: np.copyto(flows[:, 0, 0], flow(efforts[:, 0, 0])),),
        slopes,
        (lambda: np.copyto(slopes[..., 0, 0], slope(efforts[:, 0, 0])),),
        np.array(storing or (np.nan,)).reshape(flows.shape),
    )
    return efforts[:, 0, 0]


def test_a_state_of_rest_from_which_plain_steps_run_away_is_found_by_continuation():
    """arctan: a plain step from 2 away ends 3.5 away on the other side."""
    assert continued(lambda e: -np.arctan(e - 2.0), lambda e: -1.0 / (1.0 + (e - 2.0) ** 2)) == pytest.approx(
        2.0, abs=1e-12
    )
    with pytest.raises(Unsolved):  # there is none
        continued(lambda e: -1.0 - e**2, lambda e: -1.0 - np.abs(e))
    with pytest.raises(Unsolved):
        continued(lambda e: 1.0 - 0.0 * e, lambda e: 0.0 * e)


def test_a_loop_of_high_gain_is_found():
    """An op-amp of a gain of 1e6 that drives its own input: steps that its slopes do not foretell are taken back."""

    def flow(e):
        return np.array([e[1] - e[0], np.tanh(1e5 * (0.9 - e[0])) - 0.1 * e[1]])

    def slope(e):
        return np.array([[-1.0, 1.0], [-1e5 / np.cosh(min(1e5 * abs(0.9 - e[0]), 300.0)) ** 2, -0.1]])

    found = continued(flow, slope, 0.0, 1.0)
    np.testing.assert_allclose(found, 0.9, atol=1e-5)
    np.testing.assert_allclose(flow(found), 0.0, atol=1e-10)
