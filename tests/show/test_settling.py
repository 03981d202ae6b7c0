from math import exp, factorial

import numpy as np
import pytest

from lstm_analog.errors import InvalidShapeError, InvalidValueError
from lstm_analog.show import settling_curve

RATIOS = np.arange(8.0, 25.0, 2.0)


def law(ratio, poles):
    return exp(-ratio) * sum(ratio**j / factorial(j) for j in range(poles))


def test_points_lie_on_a_quarter_of_the_law(drawn):
    errors = [0.25 * law(ratio, 3) for ratio in RATIOS]
    (axes,) = settling_curve(RATIOS, errors, 3).axes
    (points,), (curve,), (fit,) = (drawn(axes)[label] for label in ("measured", "law", "fit"))
    np.testing.assert_array_equal(points.get_xdata(), RATIOS)
    np.testing.assert_array_equal(points.get_ydata(), errors)
    n = np.asarray(curve.get_xdata())
    np.testing.assert_allclose(curve.get_ydata(), [law(ratio, 3) for ratio in n], rtol=1e-10)
    np.testing.assert_allclose(fit.get_ydata(), 0.25 * np.asarray(curve.get_ydata()), rtol=1e-10)
    assert [text.get_text() for text in axes.texts] == [r"$e^{-N}\sum_{j<3} N^j/j!$", "0.25 of the law"]


def test_labels_name_units():
    (axes,) = settling_curve([20.0], [1e-6], 2).axes
    assert axes.get_xlabel() == "phase length in time constants, N = T/τ (dimensionless)"
    assert axes.get_ylabel() == "largest |analog - digital| (dimensionless)"
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(("ratios", "errors"), [([8.0, 10.0], [1e-2, 1e-3]), ([16.0, 18.0], [0.0, 0.0])])
def test_without_points_in_the_window_nothing_is_fitted(drawn, ratios, errors):
    figure = settling_curve(ratios, errors, 3)
    assert "fit" not in drawn(figure.axes[0])
    figure.draw_without_rendering()


def test_a_single_point_can_be_drawn():
    settling_curve([20.0], [1e-6], 2).draw_without_rendering()


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            ([8.0], [1.0, 2.0], 1),
            InvalidShapeError,
            r"be vectors of one length, got shapes \(1,\) and \(2,\): give one",
        ),
        (([], [], 1), InvalidShapeError, r"be vectors of one length, got shapes \(0,\) and \(0,\): give one error a"),
        (([8.0], [-1.0], 1), InvalidValueError, r"^errors must be at least zero, got -1.0: give largest absolute"),
        (([-8.0], [1.0], 1), InvalidValueError, r"^ratio must be positive, got -8.0: give T/tau$"),
        (([8.0], [1.0], 0), InvalidValueError, r"^poles must be at least 1, got 0: count the poles in the chain$"),
    ],
)
def test_bad_points_are_refused(arguments, kind, message):
    with pytest.raises(kind, match=message):
        settling_curve(*arguments)
