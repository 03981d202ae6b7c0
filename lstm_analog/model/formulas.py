"""Formulas of curves and normalisations of the frameworks: gelu, silu, elu, layer normalisation and others.

Source of each, unless said: the ONNX operator schemas, https://onnx.ai/onnx/operators; PyTorch has the same.
"""

from math import inf, pi, sqrt

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.model.activations import RELU, SOFTPLUS, TANH, Activation, Curve
from lstm_analog.model.operations import Operation
from lstm_analog.model.steps import Affine, Formula, ModelStep, RowStep

_NEGATIVE = Activation(curve=Curve.RELU, slope=-1.0)
"""relu(-x)."""


def scaled(scale: float, offset: float = 0.0) -> Affine:
    """Return the step `scale x + offset`."""
    return Affine(scale=np.array(float(scale)), offset=np.array(float(offset)))


def formula(name: str, *lines: tuple[RowStep, tuple[int, ...]]) -> Formula:
    """Return the formula called `name` of these `lines`, each a step and the numbers of the lines that it reads."""
    return Formula(name=name, steps=tuple(step for step, _ in lines), reads=tuple(reads for _, reads in lines))


def leaky_relu(slope: float | Floats) -> Formula:
    """Return the formula of `x` above zero, `slope x` below; there may be a slope for each feature."""
    below = Affine(scale=-np.asarray(slope, dtype=float), offset=np.zeros(np.shape(slope)))
    lines = ((RELU, (0,)), (_NEGATIVE, (0,)), (below, (2,)), (Operation.ADD, (1, 3)))
    return formula("leaky relu", *lines)


def elu(alpha: float, gamma: float = 1.0, stretch: float = 1.0) -> Formula:
    """Return the formula of `gamma x` above zero, `gamma alpha (exp(x / stretch) - 1)` below: elu, selu, celu."""
    below = ((_NEGATIVE, (0,)), (scaled(-1.0 / stretch), (2,)), (Operation.EXP, (3,)), (scaled(alpha, -alpha), (4,)))
    return formula("elu", (RELU, (0,)), *below, (Operation.ADD, (1, 5)), (scaled(gamma), (6,)))


def gelu(rough: bool) -> Formula:
    """Return `x (1 + erf(x / sqrt(2))) / 2`, or if `rough` its approximation by tanh."""
    if not rough:
        lines = ((scaled(1 / sqrt(2)), (0,)), (Operation.ERF, (1,)), (scaled(0.5, 0.5), (2,)))
        return formula("gelu", *lines, (Operation.MULTIPLY, (0, 3)))
    cube = ((Operation.MULTIPLY, (0, 0)), (scaled(0.044715, 1.0), (1,)), (Operation.MULTIPLY, (0, 2)))
    curve = Activation(curve=Curve.TANH, slope=sqrt(2 / pi))
    return formula("gelu", *cube, (curve, (3,)), (scaled(0.5, 0.5), (4,)), (Operation.MULTIPLY, (0, 5)))


def gated(name: str, curve: Activation) -> Formula:
    """Return `x curve(x)`, called `name`: silu, and with a hard sigmoid the hard swish."""
    return formula(name, (curve, (0,)), (Operation.MULTIPLY, (0, 1)))


def silu(slope: float = 1.0) -> Formula:
    """Return `x sigmoid(slope x)`."""
    return gated("silu", Activation(curve=Curve.SIGMOID, slope=slope))


def mish() -> Formula:
    """Return `x tanh(softplus(x))`."""
    return formula("mish", (SOFTPLUS, (0,)), (TANH, (1,)), (Operation.MULTIPLY, (0, 2)))


def softsign() -> Formula:
    """Return `x / (1 + |x|)`."""
    lines = ((Operation.ABS, (0,)), (scaled(1.0, 1.0), (1,)), (Operation.DIVIDE, (0, 2)))
    return formula("softsign", *lines)


def log_sigmoid() -> Formula:
    """Return `log(sigmoid(x)) = -softplus(-x)`."""
    return formula("log sigmoid", (Activation(curve=Curve.SOFTPLUS, slope=-1.0), (0,)), (scaled(-1.0), (1,)))


def log_softmax() -> Formula:
    """Return `x - log(sum(exp(x)))` over the features."""
    lines = ((Operation.LARGEST, (0,)), (Operation.SUBTRACT, (0, 1)), (Operation.EXP, (2,)), (Operation.SUM, (3,)))
    return formula("log softmax", *lines, (Operation.LOG, (4,)), (Operation.SUBTRACT, (2, 5)))


def layer_normalization(scale: Floats, offset: Floats, epsilon: float) -> Formula:
    """Return `scale (x - mean) / sqrt(variance + epsilon) + offset`, mean and variance being those of the features.

    Ba, Kiros, Hinton, arXiv:1607.06450.
    """
    centred = ((Operation.MEAN, (0,)), (Operation.SUBTRACT, (0, 1)))
    spread = ((Operation.MULTIPLY, (2, 2)), (Operation.MEAN, (3,)), (scaled(1.0, epsilon), (4,)))
    quotient = ((Operation.SQRT, (5,)), (Operation.DIVIDE, (2, 6)))
    return formula("layer normalisation", *centred, *spread, *quotient, (Affine(scale=scale, offset=offset), (7,)))


def clipped(low: float, high: float) -> tuple[ModelStep, ...]:
    """Return the steps that limit each number to `low` and `high`, either of which may be infinite."""
    if low == -inf:
        return () if high == inf else (Activation(curve=Curve.RELU, slope=-1.0, offset=high), scaled(-1.0, high))
    if high == inf:
        return (RELU,) if low == 0 else (Activation(curve=Curve.RELU, offset=-low), scaled(1.0, low))
    curve = Activation(curve=Curve.CLIP, slope=1.0 / (high - low), offset=-low / (high - low))
    return (curve,) if (low, high) == (0.0, 1.0) else (curve, scaled(high - low, low))
