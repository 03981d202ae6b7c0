"""The static curves of controlled parts: each is one expression that gives values, slopes and texts.

None is fitted: a sigmoid is what two competing exponential conductances do (docs/physics.md#sigmoid), a softplus is a
conductance with a rounded threshold, and their ratio is the inflow that makes a gated leak exact
(docs/physics.md#gated-leak).
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import MappingProxyType

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.expressions import (
    BoundProgram,
    Expression,
    Program,
    effort,
    exp,
    maximum,
    minimum,
    sigmoid,
    softplus,
    softplus_ratio,
    tanh,
)

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


CURVES: Mapping[Shape, Callable[[Expression], Expression]] = MappingProxyType(
    {
        Shape.LINEAR: lambda u: u,
        Shape.SIGMOID: sigmoid,
        Shape.TANH: tanh,
        Shape.SOFTPLUS: softplus,
        Shape.SOFTPLUS_RATIO: softplus_ratio,
        Shape.EXP: lambda u: exp(minimum(maximum(u, -_EXPONENT), _EXPONENT)),
        Shape.CLIP: lambda u: minimum(maximum(u, 0.0), 1.0),
        Shape.RELU: lambda u: maximum(u, 0.0),
    }
)
"""s(u) of each shape. At a kink its slope is the one of the flat side."""

TWO_SIDED = frozenset({Shape.LINEAR, Shape.TANH})
"""Curves that are the difference of the flows on the two sides of a pair; the sum of both flows is the tail's I."""


def curve(shape: Shape, control: Floats) -> Floats:
    """Return s(u) of `shape` at the dimensionless `control` u, any array shape."""
    (value,) = _program(shape)(lambda name: control)
    return np.asarray(value)


@cache
def _program(shape: Shape) -> BoundProgram:
    return Program([CURVES[shape](effort("u"))]).bound({})
