"""Numeric steps of a model before and after its recurrent part: tables, matrices, curves and means.

Each is a record of numbers; `apply` computes it on a `Signal`, a batch of sequences or of vectors. They stay numbers:
no machine computes them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import singledispatch
from math import prod

import numpy as np
from numpy.typing import NDArray

from lstm_analog.arrays import Array, Floats, floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, UnsupportedPartError, explain
from lstm_analog.model.activations import Activation
from lstm_analog.model.weights import check_shape

Mask = NDArray[np.bool_]


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Signal:
    """What goes from step to step: `values (..., time, n)`, or `(..., n)` once time is gone.

    `mask (..., time)` says which steps of time count, all if it is None.
    """

    values: Array
    mask: Mask | None = None


class Pool(Enum):
    """How a sequence becomes one vector: the mean of the steps that count, or the largest value of all steps."""

    MEAN = "mean"
    MAX = "max"


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding:
    """A row of a `table (N, n)` for each whole number `(..., time)`; `masked` lets steps of number 0 not count."""

    table: Floats
    masked: bool = False

    def __post_init__(self) -> None:
        """Freeze the table."""
        object.__setattr__(self, "table", floats(self.table, "embedding table"))
        check_shape(self.table, "embedding table", ("N", "n"))


@checked_record
@dataclass(frozen=True, kw_only=True)
class Masking:
    """Lets steps of time not count where all values are `value`, compared in float32 as Keras does."""

    value: float

    def __post_init__(self) -> None:
        """Check that the value is a finite number."""
        object.__setattr__(self, "value", float(floats(self.value, "masked value")))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """`scale x + offset`, each of shape `(n,)` or `()`: the scaling of inputs, a batch normalisation once trained."""

    scale: Floats
    offset: Floats

    def __post_init__(self) -> None:
        """Freeze the numbers and check that they fit each other."""
        for name in ("scale", "offset"):
            array = floats(getattr(self, name), name)
            object.__setattr__(self, name, array)
            if array.ndim > 1 or array.shape != np.shape(self.scale):
                do = "give one number, or one a feature, for both"
                raise InvalidShapeError(explain(name, must="have the shape () or (n,)", got=array.shape, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Dense:
    """`weights x + bias` on the last axis: `weights (K, n)`, `bias (K,)` or None."""

    weights: Floats
    bias: Floats | None = None

    def __post_init__(self) -> None:
        """Freeze the arrays and check their shapes."""
        object.__setattr__(self, "weights", floats(self.weights, "dense weights"))
        check_shape(self.weights, "dense weights", ("K", "n"))
        if self.bias is not None:
            object.__setattr__(self, "bias", floats(self.bias, "dense bias"))
            check_shape(self.bias, "dense bias", (len(self.weights),))


@checked_record
@dataclass(frozen=True, kw_only=True)
class Softmax:
    """`exp(x) / sum(exp(x))` over the last axis."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Takes one vector of a sequence, in the way `pool` says."""

    pool: Pool


@checked_record
@dataclass(frozen=True, kw_only=True)
class Reshape:
    """The numbers of each sequence or vector, of the shape `taken`, in the shape `made`, in the same order.

    Both are the sizes of (time, features), of (features,), or of more axes: `taken=(6, 3), made=(18,)` takes the axis
    of time away. All steps of time count after it.
    """

    taken: tuple[int, ...]
    made: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check that both shapes hold as many numbers."""
        for name in ("taken", "made"):
            sizes = tuple(getattr(self, name))
            object.__setattr__(self, name, sizes)
            if not sizes or not all(isinstance(size, int) and 0 < size <= _LARGEST_SIZE for size in sizes):
                do = "give the sizes of its axes without that of the batch"
                must = f"be whole numbers from 1 to {_LARGEST_SIZE}"
                raise InvalidValueError(explain(f"sizes {name}", must=must, got=ascii(sizes)[:80], do=do))
        if prod(self.taken) != prod(self.made):
            must, do = f"hold as many numbers as {self.taken}", "give sizes with the same product"
            raise InvalidShapeError(explain("sizes made", must=must, got=self.made, do=do))


_LARGEST_SIZE = 2**31 - 1

Step = Embedding | Masking | Affine | Dense | Softmax | Pooling | Reshape | Activation
"""A numeric step; an `Activation` acts on each number."""


def named(step: Step) -> str:
    """Return what `step` is, in a word and its sizes.

    >>> named(Dense(weights=np.zeros((2, 3))))
    'Dense(3 to 2)'
    """
    match step:
        case Embedding():
            return f"Embedding({step.table.shape[0]} words to {step.table.shape[1]})"
        case Dense():
            return f"Dense({step.weights.shape[1]} to {step.weights.shape[0]})"
        case Masking():
            return f"Masking({step.value})"
        case Activation():
            return step.curve.value
        case Pooling():
            return f"{step.pool.value} over time"
        case Reshape():
            return f"Reshape({step.taken} to {step.made})"
        case _:
            return type(step).__name__


def width_after(step: Step, width: int | None) -> int | None:
    """Return the number of features that `step` makes of `width` of them; None is any.

    Raises `InvalidShapeError` if it takes another number.
    """
    taken, made = width, width
    match step:
        case Embedding():
            made = step.table.shape[1]
        case Dense():
            made, taken = step.weights.shape
        case Reshape():
            made, taken = step.made[-1], step.taken[-1]
        case Affine() if step.scale.ndim:
            made = taken = step.scale.size
    if width not in (None, taken):
        what = f"features of a {type(step).__name__} step"
        raise InvalidShapeError(explain(what, must=f"be {taken}", got=width, do="give the steps in their order"))
    return made


@singledispatch
def apply(step: Step, signal: Signal) -> Signal:
    """Return what `step` makes of `signal`.

    Raises
    ------
    InvalidShapeError, InvalidValueError, InvalidTypeError
        If the signal is none that the step takes.
    UnsupportedPartError
        If there is no such step.
    """
    raise UnsupportedPartError(explain("step", must="be a numeric step", got=type(step).__name__, do="use one of Step"))


def apply_all(steps: Iterable[Step], signal: Signal) -> Signal:
    """Return what `steps`, one after the other, make of `signal`; raises as `apply` does."""
    for step in steps:
        signal = apply(step, signal)
    return signal


@apply.register
def _embed(step: Embedding, signal: Signal) -> Signal:
    numbers, rows = signal.values, len(step.table)
    if numbers.dtype.kind not in "iuf":
        do = "give the numbers of words"
        raise InvalidTypeError(explain("x", must="hold whole numbers", got=numbers.dtype, do=do))
    if numbers.ndim not in (1, 2) or not numbers.size:
        must, got = "have shape (batch, time) or (time,), not empty", f"shape {numbers.shape}"
        raise InvalidShapeError(explain("x", must=must, got=got, do="give one whole number a step"))
    wrong = (numbers < 0) | (numbers >= rows) | (numbers != np.floor(numbers))
    if wrong.any():
        must, do = f"hold whole numbers from 0 to {rows - 1}, the rows of the embedding", "encode the text as trained"
        raise InvalidValueError(explain("x", must=must, got=numbers[wrong][0], do=do))
    values = step.table[numbers.astype(np.int64)]
    return Signal(values=values, mask=numbers != 0 if step.masked else signal.mask)


@apply.register
def _mask(step: Masking, signal: Signal) -> Signal:
    with np.errstate(over="ignore"):
        mask = (signal.values.astype(np.float32) != np.float32(step.value)).any(axis=-1)
    return Signal(values=np.where(mask[..., None], signal.values, 0.0), mask=mask)


@apply.register
def _scale(step: Affine, signal: Signal) -> Signal:
    _check_width(step, signal)
    return replace(signal, values=step.scale * signal.values + step.offset)


@apply.register
def _multiply(step: Dense, signal: Signal) -> Signal:
    _check_width(step, signal)
    values = signal.values @ step.weights.T
    return replace(signal, values=values if step.bias is None else values + step.bias)


@apply.register
def _curve(step: Activation, signal: Signal) -> Signal:
    return replace(signal, values=step(signal.values))


@apply.register
def _softmax(step: Softmax, signal: Signal) -> Signal:
    powers = np.exp(signal.values - signal.values.max(axis=-1, keepdims=True))
    return replace(signal, values=powers / powers.sum(axis=-1, keepdims=True))


@apply.register
def _pool(step: Pooling, signal: Signal) -> Signal:
    if step.pool is Pool.MAX:
        return Signal(values=signal.values.max(axis=-2))
    if signal.mask is None:
        return Signal(values=signal.values.mean(axis=-2))
    inside = signal.mask[..., None]
    return Signal(values=(signal.values * inside).sum(axis=-2) / inside.sum(axis=-2))


@apply.register
def _reshape(step: Reshape, signal: Signal) -> Signal:
    shape = signal.values.shape
    if shape[-len(step.taken) :] != step.taken:
        must, do = f"have {step.taken} as its last axes, as the model was built for", "give sequences of that length"
        raise InvalidShapeError(explain("x", must=must, got=f"shape {shape}", do=do))
    return Signal(values=signal.values.reshape(*shape[: -len(step.taken)], *step.made))


def _check_width(step: Step, signal: Signal) -> None:
    """Refuse a signal of another number of features than `step` takes; numpy would stretch a single one."""
    if signal.values.ndim < 1:
        do = "give (batch, time, features)"
        raise InvalidShapeError(explain("x", must="have an axis of features", got="one number", do=do))
    width_after(step, signal.values.shape[-1])
