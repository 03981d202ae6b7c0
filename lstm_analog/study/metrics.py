"""Metrics of a yield: each computes a number for each chip from the outputs of the chips.

A metric is a callable that takes `Outputs` with a leading axis of chips and returns numbers (chips,): one of the
records below, your own function, or a record with a method `__call__`. To be sent to another process it must be defined
at the top of a module.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, TypeAlias

import numpy as np

from lstm_analog.arrays import Flags, Floats, Indices, floats, indices
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.model import Model
from lstm_analog.model.masks import Fed
from lstm_analog.model.sequences import Outputs

Metric: TypeAlias = Callable[[Outputs], Floats]
"""Function from outputs with a leading axis of chips to numbers (chips,)."""
Answer: TypeAlias = Callable[[Outputs], Floats]
"""Function from such outputs to the array (chips, ...) that a metric evaluates."""


def y_or_h(outputs: Outputs) -> Floats:
    """Return y of `outputs`, or h if there is no head."""
    return outputs.h if outputs.y is None else outputs.y


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class ModelAnswer:
    """The output of a whole `model` with chips as its recurrent part, for inputs `fed` that `model.encode` returned."""

    model: Model
    fed: Fed

    def __call__(self, outputs: Outputs) -> Floats:
        """Return the output of the model for the `outputs` of its recurrent part."""
        return self.model.decode(outputs, self.fed)


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerError(ABC):
    """A size of the differences between the `answer` of a chip and that `expected`, in units of the answer.

    `expected` has the shape of one chip's answer: `lstm(x).y`, or `lstm(x).h` if there is no head, unless `answer` is
    another function. Steps beyond the length of a sequence do not count (`of_valid_steps`).
    """

    expected: Floats
    answer: Answer = y_or_h

    def __post_init__(self) -> None:
        object.__setattr__(self, "expected", floats(self.expected, "expected"))

    def __call__(self, outputs: Outputs) -> Floats:
        """Return the error of each chip in `outputs`, (chips,)."""
        away, counts = self.deviations(outputs)
        return self._size_of(np.compress(counts, away, axis=1))

    def deviations(self, outputs: Outputs) -> tuple[Floats, Flags]:
        """Return how answers in `outputs` differ from that expected, (chips, n), and which of the n count, (n,)."""
        found = self.answer(outputs)
        if found.shape[1:] != self.expected.shape:
            must, do = f"have the shape of one chip's answer, {found.shape[1:]}", "give lstm(x).y, or lstm(x).h"
            raise InvalidShapeError(explain("expected", must=must, got=self.expected.shape, do=do))
        return (found - self.expected).reshape(len(found), -1), of_valid_steps(self.answer, found, outputs)

    @abstractmethod
    def _size_of(self, away: Floats) -> Floats:
        """Return the error of each chip, (chips,), whose answer differs by `away` (chips, n)."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class LargestError(AnswerError):
    """The largest absolute difference between the `answer` of a chip and that `expected`, in units of the answer.

    `expected` has the shape of one chip's answer: `lstm(x).y`, or `lstm(x).h` if there is no head, unless `answer` is
    another function. Steps beyond the length of a sequence do not count: of y and h, of `ModelAnswer`, and of any
    answer of shape (chips, batch, time, ...). One that joins steps finds their numbers in `lengths` of the outputs.
    """

    def _size_of(self, away: Floats) -> Floats:
        """Return the largest of the absolute values of `away` (chips, n), (chips,)."""
        found: Floats = np.abs(away).max(axis=-1)
        return found


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class RootMeanSquareError(AnswerError):
    """The root mean square difference between the `answer` of a chip and that `expected`, as in `LargestError`."""

    def _size_of(self, away: Floats) -> Floats:
        """Return the root mean square of `away` (chips, n), (chips,)."""
        found: Floats = np.sqrt(np.mean(away**2, axis=-1))
        return found


METRICS = MappingProxyType({"largest": LargestError, "rms": RootMeanSquareError})
"""Kinds of error by name."""


def _check_threshold(threshold: float) -> None:
    if not np.isfinite(threshold):
        do = "give 0.5 for a probability"
        raise InvalidValueError(explain("threshold", must="be finite", got=threshold, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class LabelAccuracy:
    """The fraction of the `labels` that a chip gets right, 0 to 1.

    `labels` (batch,) are whole numbers. The `answer` has scores (chips, batch, classes), and the class of the largest
    score is the chip's label. For a single score, (chips, batch, 1), the label is 1 above `threshold` (0.5 for a
    probability), else 0. A chip with a score that is NaN has the accuracy NaN, which a yield counts as a failure.
    `agreement` takes the labels from the digital model.
    """

    labels: Indices
    answer: Answer = y_or_h
    threshold: Annotated[float, _check_threshold] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", indices(self.labels, "labels"))
        if not self.labels.size:
            raise InvalidShapeError(explain("labels", must="be at least one", got="none", do="give one a sequence"))

    def __call__(self, outputs: Outputs) -> Floats:
        """Return the accuracy of each chip in `outputs`, (chips,)."""
        scores = self.answer(outputs)
        said = classes(scores, self.threshold)
        if said.ndim > 2:
            must, do = (
                "have the axes (chips, batch, classes)",
                "take one step: answer=lambda outputs: outputs.h[..., -1, :]",
            )
            raise InvalidShapeError(explain("scores", must=must, got=scores.shape, do=do))
        if said.shape[1:] != self.labels.shape:
            must, do = f"have shape {said.shape[1:]}", "give a label for each row of scores"
            raise InvalidShapeError(explain("labels", must=must, got=self.labels.shape, do=do))
        right: Floats = np.mean(said == self.labels, axis=-1)
        return np.where(np.isnan(scores).any(axis=(-2, -1)), np.nan, right)


@checked
def agreement(expected: Floats, *, answer: Answer = y_or_h, threshold: float | None = None) -> LabelAccuracy:
    """Return the metric that is the fraction of sequences for which a chip has the class of the digital model.

    `expected` are the scores of the digital model, (batch, classes); `answer` and `threshold` as in `LabelAccuracy`.
    """
    return LabelAccuracy(labels=classes(floats(expected, "expected"), threshold), answer=answer, threshold=threshold)


def classes(scores: Floats, threshold: float | None) -> Indices:
    """Return the class of the largest of `scores` (..., classes); for a single score, 1 if it is above `threshold`.

    Raises `InvalidValueError` for one score without a threshold, or several with one, `InvalidShapeError` for none.
    """
    if not scores.shape[-1:] or not scores.shape[-1]:
        do = "give a score for each class"
        raise InvalidShapeError(explain("scores", must="end in an axis of classes", got=scores.shape, do=do))
    alone = scores.shape[-1:] == (1,)
    if alone == (threshold is None):
        got = f"{threshold} for {scores.shape[-1:]} scores"
        do = "give 0.5 for a probability, 0.0 for a logit, None for several scores"
        raise InvalidValueError(explain("threshold", must="be given for a single score alone", got=got, do=do))
    chosen = np.argmax(scores, axis=-1) if threshold is None else scores[..., 0] > threshold
    return chosen.astype(np.int64)


def measured(metric: Metric, outputs: Outputs, chips: int) -> Floats:
    """Return the numbers (chips,) of `metric` for `outputs` of `chips` chips; they need not be finite.

    Raises `InvalidShapeError` or `InvalidTypeError` if it returns no number for each chip, `InvalidValueError` if it
    raises an error that is none of this package.
    """
    what, do = "the metric", "return one number a chip: reduce all axes but the first"
    values = numbers_of(what, metric, outputs, do)
    if values.shape != (chips,):
        raise InvalidShapeError(explain(what, must=f"have shape ({chips},)", got=values.shape, do=do))
    return values


def numbers_of(what: str, function: Callable[[Outputs], Floats], outputs: Outputs, do: str) -> Floats:
    """Return what a `function` of the user, called `what` in errors, makes of `outputs` of several chips.

    Raises `InvalidTypeError` if these are no real numbers, `InvalidValueError` if it raises an error that is none of
    this package; both say what to `do`.
    """
    try:
        values = np.asarray(function(outputs))
    except LstmAnalogError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        got = f"{type(error).__name__}: {ascii(str(error))[:200]}"
        raise InvalidValueError(explain(what, must="take the outputs of several chips", got=got, do=do)) from error
    if values.dtype.kind not in "fiub":
        raise InvalidTypeError(explain(what, must="make real numbers", got=values.dtype, do=do))
    return values.astype(np.float64)


def of_valid_steps(answer: Answer, found: Floats, outputs: Outputs) -> Flags:
    """Return which of the n numbers that an `answer` has `found` for each chip are not of padded steps, (n,).

    `found` (chips, ...) has a value a step if it has the axes (chips, batch, time, ...) of the `outputs`. Raises
    `InvalidShapeError` for (chips, batch, k) of sequences of several lengths and k steps, which may be either.
    """
    shape, steps = found.shape[1:], outputs.h.shape[-3:-1]
    if outputs.lengths is None or shape[:2] != steps:
        return np.ones(int(np.prod(shape)), dtype=bool)
    stepwise = len(shape) > 2
    if not stepwise and answer is not y_or_h and not isinstance(answer, ModelAnswer):
        got, do = f"{found.shape} of {steps[1]} steps", "keep the axis of outputs, or join all axes but that of chips"
        raise InvalidShapeError(explain("an answer", must="show whether it is one a step", got=got, do=do))
    inside = np.arange(steps[1]) < outputs.lengths[:, None]
    counts = inside.reshape(*steps, *(1 for _ in shape[2:])) if stepwise else True
    return np.broadcast_to(counts, shape).ravel()
