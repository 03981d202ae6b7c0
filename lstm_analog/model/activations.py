"""Activations: the static curves of a cell, as frameworks define them."""

from dataclasses import dataclass, replace
from enum import Enum
from sys import float_info

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain


class Curve(Enum):
    """A curve s(u); CLIP is min(max(u, 0), 1), the hard sigmoid before its slope and offset."""

    SIGMOID = "sigmoid"
    TANH = "tanh"
    CLIP = "clip"
    RELU = "relu"
    LINEAR = "linear"
    SOFTPLUS = "softplus"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Activation:
    """s(slope z + offset): the `curve` s with the dimensionless `slope` and `offset` of the framework.

    >>> HARD_SIGMOID
    Activation(curve=<Curve.CLIP: 'clip'>, slope=0.16666666666666666, offset=0.5)
    """

    curve: Curve
    slope: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Check that the numbers are finite."""
        for name in ("slope", "offset"):
            value = getattr(self, name)
            if not abs(value) <= float_info.max:
                do = "give a finite number"
                raise InvalidValueError(explain(f"activation {name}", must="be finite", got=value, do=do))
            object.__setattr__(self, name, float(value))

    def __call__(self, z: Floats) -> Floats:
        """Return the values at `z`, an array of any shape."""
        return _value(self.curve, self.slope * np.asarray(z) + self.offset)

    @property
    def complement(self) -> "Activation":
        """The activation 1 - s(z), which is s of another slope and offset if s is symmetrical.

        Raises `UnsupportedError` for other curves.
        """
        if self.curve not in (Curve.SIGMOID, Curve.CLIP, Curve.LINEAR):
            must, do = "be a sigmoid, a hard sigmoid or linear where 1 - s is needed", "train it with a sigmoid"
            raise UnsupportedError(explain("activation", must=must, got=self.curve.value, do=do))
        rest = 0.0 if self.curve is Curve.SIGMOID else 1.0
        return replace(self, slope=-self.slope, offset=rest - self.offset)


SIGMOID = Activation(curve=Curve.SIGMOID)
TANH = Activation(curve=Curve.TANH)
RELU = Activation(curve=Curve.RELU)
LINEAR = Activation(curve=Curve.LINEAR)
SOFTPLUS = Activation(curve=Curve.SOFTPLUS)
HARD_SIGMOID = Activation(curve=Curve.CLIP, slope=1.0 / 6.0, offset=0.5)
"""clip(z/6 + 1/2, 0, 1): `hard_sigmoid` of Keras 3, `Hardsigmoid` of PyTorch."""
STEEP_HARD_SIGMOID = Activation(curve=Curve.CLIP, slope=0.2, offset=0.5)
"""clip(z/5 + 1/2, 0, 1): `HardSigmoid` of ONNX as preset, `hard_sigmoid` of Keras 1 and 2."""


def sigmoid(z: Floats) -> Floats:
    """Return `1 / (1 + exp(-z))`, computed by tanh, which cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def _value(curve: Curve, u: Floats) -> Floats:
    if curve is Curve.SIGMOID:
        return sigmoid(u)
    if curve is Curve.TANH:
        return np.tanh(u)
    if curve is Curve.CLIP:
        return np.clip(u, 0.0, 1.0)
    if curve is Curve.RELU:
        return np.maximum(u, 0.0)
    return u if curve is Curve.LINEAR else np.logaddexp(0.0, u)
