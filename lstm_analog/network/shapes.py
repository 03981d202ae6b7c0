"""The static curves of controlled parts, each with its derivative.

None is fitted: a sigmoid is what two competing exponential conductances do, a softplus is
a conductance with a rounded threshold, and their ratio is the inflow that makes a gated leak exact (section 5).
"""

from collections.abc import Callable
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats

_EXPONENT = 200.0
"""Beyond this exponent an exponential conductance is taken as constant: no trim has a range of e^400."""


class Shape(Enum):
    """A curve s(u) of a dimensionless control u; CLIP is u between 0 and 1, RELU above 0."""

    LINEAR = "linear"
    SIGMOID = "sigmoid"
    TANH = "tanh"
    SOFTPLUS = "softplus"
    SOFTPLUS_RATIO = "softplus_ratio"
    EXP = "exp"
    CLIP = "clip"
    RELU = "relu"


def curve(shape: Shape, control: Floats) -> Floats:
    """Return s(u) of `shape` at the dimensionless `control` u, any array shape."""
    return _CURVES[shape](control)


def slope(shape: Shape, control: Floats) -> Floats:
    """Return ds/du of `shape` at the dimensionless `control` u, any array shape."""
    return _SLOPES[shape](control)


def sigmoid(control: Floats) -> Floats:
    """Return 1 / (1 + exp(-u)) of `control` u; by tanh, which never overflows and is three times faster."""
    return 0.5 + 0.5 * np.tanh(0.5 * control)


def softplus(control: Floats) -> Floats:
    """Return log(1 + exp(u)) of `control` u."""
    return np.maximum(control, 0.0) + np.log1p(np.exp(-np.abs(control)))


def softplus_ratio(control: Floats) -> Floats:
    """Return softplus(u) / sigmoid(u) = (1 + exp(-u)) log(1 + exp(u)) of `control` u, from 1 (shut) to u."""
    down = np.exp(-np.abs(control))
    opening = (1.0 + down) * (control + np.log1p(down))
    safe = np.where(down > 0.0, down, 1.0)
    closed = np.where(down > 0.0, (1.0 + down) * (np.log1p(safe) / safe), 1.0)
    return np.where(control > 0.0, opening, closed)


def _sigmoid_slope(control: Floats) -> Floats:
    half = np.tanh(0.5 * control)
    return 0.25 * (1.0 - half * half)


def _tanh_slope(control: Floats) -> Floats:
    value = np.tanh(control)
    return 1.0 - value * value


def _exp(control: Floats) -> Floats:
    return np.exp(np.clip(control, -_EXPONENT, _EXPONENT))


def _exp_slope(control: Floats) -> Floats:
    return np.where(np.abs(control) < _EXPONENT, _exp(control), 0.0)


def _softplus_ratio_slope(control: Floats) -> Floats:
    return 1.0 - softplus_ratio(control) * sigmoid(-control)


_CURVES: dict[Shape, Callable[[Floats], Floats]] = {
    Shape.LINEAR: lambda control: control,
    Shape.SIGMOID: sigmoid,
    Shape.TANH: np.tanh,
    Shape.SOFTPLUS: softplus,
    Shape.SOFTPLUS_RATIO: softplus_ratio,
    Shape.EXP: _exp,
    Shape.CLIP: lambda control: np.clip(control, 0.0, 1.0),
    Shape.RELU: lambda control: np.maximum(control, 0.0),
}
_SLOPES: dict[Shape, Callable[[Floats], Floats]] = {
    Shape.LINEAR: np.ones_like,
    Shape.SIGMOID: _sigmoid_slope,
    Shape.TANH: _tanh_slope,
    Shape.SOFTPLUS: sigmoid,
    Shape.SOFTPLUS_RATIO: _softplus_ratio_slope,
    Shape.EXP: _exp_slope,
    Shape.CLIP: lambda control: ((control > 0.0) & (control < 1.0)).astype(np.float64),
    Shape.RELU: lambda control: (control > 0.0).astype(np.float64),
}
