"""The operations of a `Formula`: element-wise on one or two arrays, or over the features of a row."""

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import erf

from lstm_analog.arrays import Floats


class Operation(Enum):
    """An operation; `MEAN`, `SUM` and `LARGEST` reduce the features of a row to one, the others are element-wise."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    EXP = "exp"
    LOG = "log"
    SQRT = "sqrt"
    ERF = "erf"
    ABS = "abs"
    MEAN = "mean"
    SUM = "sum"
    LARGEST = "largest"

    @property
    def reads(self) -> int:
        """The number of its operands."""
        return 2 if self in _PAIRS else 1

    def width_after(self, widths: tuple[int | None, ...]) -> int | None:
        """Return the number of features of its result for operands of these `widths`; None for any number."""
        if self in _OVER_FEATURES:
            return 1
        return None if None in widths else max(width for width in widths if width)

    def __call__(self, *values: Floats) -> Floats:
        """Return its result for `values`, one or two arrays, whose last axis is that of features."""
        result: Floats = _FUNCTIONS[self](*values)
        return result


_PAIRS = frozenset([Operation.ADD, Operation.SUBTRACT, Operation.MULTIPLY, Operation.DIVIDE])
_OVER_FEATURES = frozenset([Operation.MEAN, Operation.SUM, Operation.LARGEST])
_FUNCTIONS: Mapping[Operation, Callable[..., Any]] = MappingProxyType(
    {Operation.ADD: np.add, Operation.SUBTRACT: np.subtract, Operation.MULTIPLY: np.multiply}
    | {Operation.DIVIDE: np.divide, Operation.EXP: np.exp, Operation.LOG: np.log, Operation.SQRT: np.sqrt}
    | {Operation.ERF: erf, Operation.ABS: np.abs}
    | {Operation.MEAN: lambda x: x.mean(axis=-1, keepdims=True), Operation.SUM: lambda x: x.sum(axis=-1, keepdims=True)}
    | {Operation.LARGEST: lambda x: x.max(axis=-1, keepdims=True)}
)
