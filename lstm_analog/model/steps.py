"""The numeric steps of a model before and after its recurrent part: tables, matrices, curves and means.

Each is a record of numbers; `whole.apply` computes it on a `StepValue`, a batch of sequences or of vectors. Machines
do not compute these steps.
"""

from dataclasses import dataclass
from enum import Enum
from math import prod

import numpy as np

from lstm_analog.arrays import Array, Flags, Floats, floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, explain
from lstm_analog.model.activations import Activation
from lstm_analog.model.operations import Operation
from lstm_analog.model.weights import freeze


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class StepValue:
    """The signal between two steps: `values (..., time, n)`, or `(..., n)` after the axis of time was removed.

    `mask (..., time)` is whether each step of time is valid; None for all.
    """

    values: Array
    mask: Flags | None = None


class Pool(Enum):
    """How a sequence becomes one vector: the mean of the valid steps, the largest value, or the last of all steps.

    For a backward chain the last step is not the final h, which is that of the first step.
    """

    MEAN = "mean"
    MAX = "max"
    LAST = "last"


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding:
    """The row of a `table (N, n)` for each index `(..., time)`; if `masked`, steps with index 0 are masked."""

    table: Floats
    masked: bool = False

    def __post_init__(self) -> None:
        """Freeze the table."""
        freeze(self, "embedding", {"table": ("N", "n")})


@checked_record
@dataclass(frozen=True, kw_only=True)
class Masking:
    """Masks steps of time at which all values are `value`, compared in float32 as in Keras."""

    value: float

    def __post_init__(self) -> None:
        """Check that the value is a finite number."""
        object.__setattr__(self, "value", float(floats(self.value, "masked value")))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """`scale x + offset`, each of shape `(n,)` or `()`: a scaling of inputs, or a trained batch normalisation."""

    scale: Floats
    offset: Floats

    def __post_init__(self) -> None:
        """Freeze the arrays and check that their shapes fit."""
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
        freeze(self, "dense", {"weights": ("K", "n")})
        freeze(self, "dense", {"bias": (len(self.weights),)})


@checked_record
@dataclass(frozen=True, kw_only=True)
class Softmax:
    """`exp(x) / sum(exp(x))` over the last axis."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Pooling:
    """One vector for each sequence, computed by `pool`."""

    pool: Pool


@checked_record
@dataclass(frozen=True, kw_only=True)
class Reshape:
    """The numbers of each sequence or vector of the shape `taken`, in the shape `made`, in the same order.

    Both are sizes of (time, features), of (features,), or of more axes: `taken=(6, 3), made=(18,)` removes the axis of
    time. All steps of time are valid after it.
    """

    taken: tuple[int, ...]
    made: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check that both shapes have the same number of elements."""
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


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Formula:
    """A function of a row of features, as a list of lines: a curve, a layer normalisation, a residual connection.

    Parameters
    ----------
    name : str
        Its name in summaries.
    steps : tuple of Operation, Affine, Dense, Activation, Softmax or Formula
        The operation of each line; the result of the last line is that of the formula.
    reads : tuple of tuple of int
        The operands of each line: 0 is the row, n > 0 the result of the n-th line, which must be an earlier one.
    """

    name: str
    steps: tuple["RowStep", ...]
    reads: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        """Check that each line reads earlier lines only."""
        object.__setattr__(self, "steps", tuple(self.steps))
        object.__setattr__(self, "reads", tuple(tuple(map(int, places)) for places in self.reads))
        if not self.steps or len(self.steps) != len(self.reads):
            do, got = "give one entry of reads a step", f"{len(self.steps)} and {len(self.reads)}"
            raise InvalidShapeError(explain("steps and reads", must="be as many, one at least", got=got, do=do))
        given: tuple[object, ...] = self.steps
        for number, (step, places) in enumerate(zip(given, self.reads, strict=True), start=1):
            count = step.reads if isinstance(step, Operation) else 1
            if not isinstance(step, RowStep) or len(places) != count or not all(0 <= n < number for n in places):
                must, do = "act on rows of features and read lines before it", "give one of RowStep, and 0 for the row"
                got = f"{type(step).__name__} of {places}"
                raise InvalidValueError(explain(f"line {number} of a formula", must=must, got=got, do=do))


RowStep = Operation | Affine | Dense | Activation | Softmax | Formula
"""The kinds of operation of a line of a formula."""

ModelStep = Embedding | Masking | Affine | Dense | Softmax | Pooling | Reshape | Activation | Formula
"""The kinds of numeric step; an `Activation` acts on each number."""


def named(step: ModelStep) -> str:
    """Return the name of `step` with its sizes.

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
            return "last step" if step.pool is Pool.LAST else f"{step.pool.value} over time"
        case Reshape():
            return f"Reshape({step.taken} to {step.made})"
        case Formula():
            return step.name
        case _:
            return type(step).__name__


def width_after(step: ModelStep, width: int | None) -> int | None:
    """Return the number of features after `step` if there are `width` before it; None for any number.

    Raises `InvalidShapeError` if it takes another number.
    """
    taken, made = width, width
    match step:
        case Formula():
            made = _widths(step, width)[-1]
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


def _widths(formula: Formula, width: int | None) -> list[int | None]:
    """Return the number of features of the row and of each line."""
    found = [width]
    for step, places in zip(formula.steps, formula.reads, strict=True):
        read = tuple(found[place] for place in places)
        found.append(step.width_after(read) if isinstance(step, Operation) else width_after(step, read[0]))
    return found
