import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.show import transistor_noise
from lstm_analog.study import TransientNoise
from lstm_analog.study import transistor_noise as noise_of_transistors


@pytest.fixture(scope="module")
def found():
    lstm = la.random_lstm(np.random.default_rng(0), inputs=1, hidden=1)
    return noise_of_transistors(la.compile(lstm, la.electrical.BICMOS, settling=12.0), np.ones((2, 1)))


def test_curves_and_bars_are_what_was_found(found):
    draws = np.random.default_rng(0).standard_normal((50, 2, 1))
    transients = TransientNoise(c=1e-3 * draws, h=3e-4 * draws)
    for_h, for_c, bars = transistor_noise(found, transients).axes
    for axes, name in ((for_h, "h"), (for_c, "c")):
        simulated, by_hand, sampled = (drawn.get_ydata() for drawn in axes.get_lines())
        np.testing.assert_allclose(simulated, getattr(found, name)[:, 0])
        np.testing.assert_allclose(by_hand, getattr(found.estimated, name)[:, 0])
        np.testing.assert_allclose(sampled, transients.sigma[name][:, 0])
    for few, method in zip(bars.containers, (found.simulated, found.estimated), strict=True):
        assert sum(bar.get_width() for bar in few) == pytest.approx(method.h[-1, 0] ** 2, rel=1e-9, abs=0.0)
    assert [text.get_text() for text in bars.get_yticklabels()][-1] == "all others"


def test_without_transients_there_are_two_curves(found):
    figure = transistor_noise(found)
    assert [len(axes.get_lines()) for axes in figure.axes[:2]] == [2, 2]
    assert figure.get_suptitle() == "Noise that transistor cells hold, one unit"
