from decimal import Decimal, getcontext, localcontext

import numpy as np
import pytest

from lstm_analog.expressions import Program, derivative, effort
from lstm_analog.network.shapes import CURVES, Shape, curve

CONTROLS = (-800.0, -745.0, -740.0, -710.0, -100.0, -36.8, -20.0, -1.0, -1e-9, 0.0, 1e-9, 0.5, 15.0, 36.8, 710.0, 800.0)


def exact(function, control):
    with localcontext() as context:
        context.prec = 420
        return float(function(Decimal(control)))


def slope(shape, control):
    u = effort("u")
    (value,) = Program([derivative(CURVES[shape](u), u)]).bound({})(lambda _: control)
    return value


REFERENCES = {
    Shape.LINEAR: lambda u: u,
    Shape.SIGMOID: lambda u: 1 / (1 + (-u).exp()),
    Shape.TANH: lambda u: ((2 * u).exp() - 1) / ((2 * u).exp() + 1),
    Shape.SOFTPLUS: lambda u: (1 + u.exp()).ln(),
    Shape.SOFTPLUS_RATIO: lambda u: (1 + (-u).exp()) * (1 + u.exp()).ln(),
    Shape.EXP: lambda u: max(min(u, Decimal(200)), Decimal(-200)).exp(),
    Shape.CLIP: lambda u: max(min(u, Decimal(1)), Decimal(0)),
    Shape.RELU: lambda u: max(u, Decimal(0)),
}
SLOPES = {
    Shape.LINEAR: lambda _: Decimal(1),
    Shape.SIGMOID: lambda u: 1 / (1 + (-u).exp()) / (1 + u.exp()),
    Shape.TANH: lambda u: 4 / (u.exp() + (-u).exp()) ** 2,
    Shape.SOFTPLUS: lambda u: 1 / (1 + (-u).exp()),
    Shape.SOFTPLUS_RATIO: lambda u: 1 - (-u).exp() * (1 + u.exp()).ln(),
    Shape.EXP: lambda u: u.exp() if abs(u) < 200 else Decimal(0),
    Shape.CLIP: lambda u: Decimal(0 < u < 1),
    Shape.RELU: lambda u: Decimal(u > 0),
}


def test_every_shape_has_a_reference():
    assert set(REFERENCES) == set(SLOPES) == set(Shape)
    assert getcontext().prec < 400  # the wide context was local


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("shape", Shape)
def test_curves_and_slopes_at_any_control(shape, control):
    u = np.array([control])
    np.testing.assert_allclose(curve(shape, u), exact(REFERENCES[shape], control), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(slope(shape, u), exact(SLOPES[shape], control), rtol=1e-13, atol=4e-16)


@pytest.mark.parametrize("shape", [Shape.SOFTPLUS_RATIO, Shape.SOFTPLUS])
def test_softplus_keeps_its_digits_at_both_ends(shape):
    got = curve(shape, np.array(CONTROLS))
    normal = np.abs([exact(REFERENCES[shape], u) for u in CONTROLS]) > 1e-300
    expected = [exact(REFERENCES[shape], u) for u in CONTROLS]
    np.testing.assert_allclose(got[normal], np.array(expected)[normal], rtol=1e-13)


def test_the_ratio_is_softplus_over_sigmoid():
    u = np.linspace(-30, 30, 201)
    product = curve(Shape.SOFTPLUS_RATIO, u) * curve(Shape.SIGMOID, u)
    np.testing.assert_allclose(product, curve(Shape.SOFTPLUS, u), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("control", [-36.5, -20.0, -10.0, -4.1, -4.0, -3.9])
def test_the_slope_of_the_ratio_keeps_its_digits_where_it_is_shut(control):
    """1 - softplus(u) sigmoid(-u)/sigmoid(u) has none left at u = -36."""
    exactly = exact(SLOPES[Shape.SOFTPLUS_RATIO], control)
    np.testing.assert_allclose(slope(Shape.SOFTPLUS_RATIO, np.array(control)), exactly, rtol=1e-13)
