from dataclasses import replace

import numpy as np
import pytest

import lstm_analog as la
from lstm_analog.errors import InvalidValueError
from lstm_analog.imperfections import DeviceSpread
from lstm_analog.show import metric_distribution, yield_against_strength
from lstm_analog.study import Failure, LargestError, Spec, yield_curve, yield_of


@pytest.fixture(scope="module")
def curve():
    lstm = la.random_lstm(np.random.default_rng(2), 2, 3)
    x = np.random.default_rng(3).uniform(-1.0, 1.0, (3, 2))
    made = la.compile(lstm, la.electrical.BEHAVIOURAL)
    asked = {"metric": LargestError(expected=lstm(x).h), "spec": Spec(at_most=0.01), "chips": 60, "seed": 5}
    return yield_curve(lambda share: yield_of(made, DeviceSpread(share=share), x, **asked), [0.1, 0.02, 0.05])


def bars(axes):
    """Return the left and right edge and the height of each bar, those that pass and those that do not."""
    return [[(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in few] for few in axes.containers]


def test_each_chip_is_in_a_bar_on_its_side_of_the_limit(curve):
    found = curve.yields[2]
    (axes,) = metric_distribution(found, "error of h").axes
    good, bad = bars(axes)
    assert sum(height for *_, height in good) == found.passing
    assert sum(height for *_, height in bad) == 60 - found.passing
    assert max(right for _, right, height in good if height) <= 0.01 <= min(left for left, _, height in bad if height)
    assert axes.get_xlabel() == "error of h"
    assert axes.get_lines()[0].get_xdata() == [0.01, 0.01]
    assert axes.get_legend().get_texts()[0].get_text() == f"{found.passing} chips: at most 0.01"
    ends = found.interval
    told = f"Yield {found.fraction:.1%} of 60 chips (95% interval {ends.low:.1%} to {ends.high:.1%})"
    assert axes.figure.get_suptitle() == told


@pytest.mark.parametrize("factor", [0.0, 1.0, 1e-3])
def test_a_distribution_can_be_drawn_however_far_it_reaches(curve, factor):
    found = curve.yields[0]
    values = 0.3 + factor * found.values
    (axes,) = metric_distribution(replace(found, values=values, spec=Spec(at_least=9.0 if factor == 1.0 else 0.2))).axes
    assert axes.get_xscale() == ("log" if factor == 1.0 else "linear")
    axes.figure.draw_without_rendering()
    assert sum(height for few in bars(axes) for *_, height in few) == 60


def test_chips_without_a_metric_are_told(curve):
    values = curve.yields[0].values.copy()
    values[3] = np.nan
    found = replace(curve.yields[0], values=values, failures=(Failure(chip=3, reason="smoke"),))
    (axes,) = metric_distribution(found).axes
    assert axes.get_legend().get_title().get_text() == "without a metric: 1"
    with pytest.raises(InvalidValueError, match=r"^chips with a metric must be one at least, got none: see the"):
        metric_distribution(replace(found, values=np.full(3, np.nan)))


def test_yields_stand_over_their_strengths_with_their_intervals(curve):
    (axes,) = yield_against_strength(curve, "spread").axes
    (line,) = axes.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [0.02, 0.05, 0.1])
    np.testing.assert_array_equal(line.get_ydata(), curve.fractions[[1, 2, 0]])
    (ends,) = axes.collections
    np.testing.assert_array_equal([segment[:, 1] for segment in ends.get_segments()], curve.intervals)
    assert axes.get_xscale() == "linear"
    assert axes.figure.get_suptitle() == "Chips whose metric is at most 0.01, 60 each: bars are 95% intervals"
    wide = replace(curve, strengths=np.array([0.1, 0.001, 0.05]))
    (axes,) = yield_against_strength(wide).axes
    assert axes.get_xscale() == "log"
    axes.figure.draw_without_rendering()
