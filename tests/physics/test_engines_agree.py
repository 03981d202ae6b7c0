"""The engines agree: Waveform against Integrate on networks made by hand, at points all over their intervals."""

import numpy as np
import pytest

from lstm_analog.engines import Integrate
from lstm_analog.engines.waveform import Waveform

POINTS = 40


def error(case, **settings):
    """Return the largest difference of `Waveform` from a tight `Integrate`, in units of signal or of the effort."""
    exact = Integrate(rtol=1e-11, atol=1e-13, points=POINTS).run(case.network, case.schedule)
    ours = Waveform(points=POINTS, **settings).run(case.network, case.schedule)
    assert "instead of" not in ours.engine
    np.testing.assert_array_equal(ours.time, exact.time)
    scale = np.maximum(case.network.unknowns.scales(), np.abs(exact.efforts))
    return float((np.abs(ours.efforts - exact.efforts) / scale).max()), ours.error


@pytest.mark.parametrize("rtol", [1e-5, 1e-7, 1e-9])
def test_ladder(ladder, rtol):
    wrong, estimate = error(ladder, rtol=rtol, atol=rtol / 100)
    assert estimate <= 1.0
    assert wrong <= 2 * rtol


@pytest.mark.parametrize("rtol", [1e-5, 1e-7, 1e-9])
def test_bridge(bridge, rtol):
    wrong, estimate = error(bridge, rtol=rtol, atol=rtol / 100)
    assert estimate <= 1.0
    assert wrong <= 2 * rtol


@pytest.mark.parametrize(
    ("levels", "durations", "changes"),
    [
        ([0.0, 1e-3], [1e-8, 4e-6], {}),
        ([0.0, 1.0], [1e-8, 1e-6], {"gain_bandwidth": 1e8}),
        ([0.0, 1.0, 0.0], [1e-8, 1e-6, 3e-6], {"gain_bandwidth": 2e6}),
        ([0.0, 1e-3], [1e-8, 1e-6], {"offset": -2e-3}),
    ],
)
def test_inverter(inverter, levels, durations, changes):
    """An op-amp with its summing junction: one nonlinear component of three unknowns, solved as a whole."""
    case = inverter(levels, durations, **changes)
    wrong, estimate = error(case)
    assert estimate <= 1.0
    assert wrong <= 1e-6
