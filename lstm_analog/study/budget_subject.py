"""What an error budget is of: a number or many, read from the outputs of chips, and their derivatives by these.

`metric_slopes` tells how a metric, or the answers that it evaluates, depends on the outputs of a machine.
"""

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Generic

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.model import State
from lstm_analog.model.sequences import Outputs
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lots import AnyDesign, as_one_chip
from lstm_analog.study.metrics import (
    Answer,
    LabelAccuracy,
    LargestError,
    Metric,
    RootMeanSquareError,
    measured,
    numbers_of,
    of_valid_steps,
    y_or_h,
)
from lstm_analog.study.run import Run
from lstm_analog.study.run_slopes import OutputSlopes

_STEP = 1e-5
"""Change of an output by which a function is differentiated, as a share of the largest of its array. Larger: curvature,
smaller: rounding; both leave about 1e-10."""
_NUMBERS = 2**22
"""Numbers of outputs that are handed to a function at a time; larger: more memory, fewer calls."""
_LEAST = 1e-9
"""RMSE, as a share of the largest answer, below which it has a kink, not a slope."""


@singledispatch
def metric_slopes(metric: Metric, outputs: Outputs) -> OutputSlopes:
    """Return the derivatives of a `metric` by the `outputs` of a machine, which have no axis of chips; r is 1.

    By central differences, except for the records of this package.

    Raises `InvalidValueError` if the metric has a kink there: the RMSE of answers that equal those expected;
    `UnsupportedError` for an accuracy, which has steps and no slope.
    """
    return _by_differences(_metric_reader(metric), outputs, np.ones((1, 1)))


@metric_slopes.register
def _(metric: RootMeanSquareError, outputs: Outputs) -> OutputSlopes:
    away, counts = metric.deviations(as_one_chip(outputs))
    error = float(metric(as_one_chip(outputs))[0])
    if error <= _LEAST * float(np.abs(away + metric.expected.ravel()).max(initial=0.0)):
        do = "ask for the RootMeanSquareDeviation from the machine as compiled"
        raise InvalidValueError(explain("the RMSE", must="be above zero to have a slope", got=error, do=do))
    return answer_slopes(metric.answer, outputs, away * counts / (error * counts.sum()))


@metric_slopes.register
def _(metric: LargestError, outputs: Outputs) -> OutputSlopes:
    away, counts = metric.deviations(as_one_chip(outputs))
    place = int(np.where(counts, np.abs(away[0]), -1.0).argmax())
    return answer_slopes(metric.answer, outputs, np.sign(away) * np.eye(1, away.size, place))


@metric_slopes.register
def _(metric: LabelAccuracy, outputs: Outputs) -> OutputSlopes:
    do = "take a smooth metric, as the mean margin of the right score"
    raise UnsupportedError(explain("a metric with slopes", must="be smooth", got=type(metric).__name__, do=do))


def answer_slopes(answer: Answer, outputs: Outputs, weights: Floats) -> OutputSlopes:
    """Return the derivatives by the `outputs` of r sums of an `answer` of n numbers, of `weights` (r, n)."""
    if answer is not y_or_h:
        return _by_differences(_answer_reader(answer), outputs, weights)
    shaped = weights.reshape(len(weights), *y_or_h(outputs).shape)
    return OutputSlopes(h=shaped) if outputs.y is None else OutputSlopes(y=shaped)


def _by_differences(function: Callable[[Outputs], Floats], outputs: Outputs, weights: Floats) -> OutputSlopes:
    """Return the derivatives by `outputs` of r sums, of `weights` (r, n), of the n numbers of a `function` of chips."""
    plain = replace(outputs, c=None)
    numbers = np.concatenate([array.ravel() for array in _arrays(plain)])
    step = _STEP * (float(np.abs(numbers).max(initial=0.0)) or 1.0)
    read = _read(function, plain, numbers, step)
    found = np.zeros((len(weights), numbers.size))
    for places in np.array_split(read, -(-read.size * numbers.size // _NUMBERS)) if read.size else ():
        moved = np.zeros((places.size, numbers.size))
        moved[np.arange(places.size), places] = step
        above, below = (function(_shaped(plain, numbers + sign * moved)) for sign in (1.0, -1.0))
        found[:, places] = weights @ (above - below).T / (2.0 * step)
    made = _shaped(plain, found)
    return OutputSlopes(h=made.h, y=made.y, state=made.state)


def _read(function: Callable[[Outputs], Floats], outputs: Outputs, numbers: Floats, step: float) -> Indices:
    """Return which of the `numbers` of `outputs` are in arrays that `function` reads.

    It does not read an array if its result is the same to the last bit when all numbers of the array are moved, each
    by up to `step`.
    """
    arrays = np.repeat(np.arange(len(_arrays(outputs))), [array.size for array in _arrays(outputs)])
    moves = step * np.cos(np.arange(numbers.size))
    still = function(_shaped(outputs, numbers[None]))
    moved = function(_shaped(outputs, numbers + np.where(arrays == np.unique(arrays)[:, None], moves, 0.0)))
    return np.flatnonzero((moved != still).any(axis=1)[arrays])


def _arrays(outputs: Outputs) -> list[Floats]:
    """Return h, y if there is one, and the state of `outputs`, in that order."""
    return [outputs.h, *([] if outputs.y is None else [outputs.y]), *outputs.state.h, *outputs.state.c]


def _shaped(outputs: Outputs, numbers: Floats) -> Outputs:
    """Return `numbers` (k, n), which stand as in `_arrays`, in the shapes of `outputs`, with a leading axis of k."""
    shapes = [array.shape for array in _arrays(outputs)]
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    pieces = iter(np.split(numbers, cuts, axis=-1))
    made = [next(pieces).reshape(len(numbers), *shape) for shape in shapes]
    first = 1 if outputs.y is None else 2
    chains = len(outputs.state.h)
    state = State(h=tuple(made[first : first + chains]), c=tuple(made[first + chains :]))
    return replace(outputs, h=made[0], y=None if outputs.y is None else made[1], state=state, c=None)


_MOST_ANSWERS = 4096
"""Numbers of an answer up to which each has a derivative by every parameter; larger: memory, numbers x parameters."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Deviation(ABC):  # noqa: B024 - what it is of has a default
    """The deviation of the `answer` of a chip from that of the machine as compiled: y, or h without a head."""

    answer: Answer = y_or_h


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class RootMeanSquareDeviation(_Deviation):
    """The root mean square deviation of the `answer` of a chip from that of the machine as compiled.

    `answer` is y, or h without a head, unless given.
    """


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class LargestDeviation(_Deviation):
    """The deviation of that number of the `answer` which deviates most over the chips, root mean square.

    `answer` is y, or h without a head, unless given.
    """


Subject = Metric | RootMeanSquareDeviation | LargestDeviation
"""What deviates."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BudgetSubject(Generic[AnyDesign]):
    """What is budgeted: a `machine` fed as in its `run`, and the n numbers that are `read` of the outputs of chips.

    `nominal` (n,) are those of the machine, `weights` (n,) what the square of each counts.
    """

    machine: AnyDesign
    run: Run
    read: Callable[[Outputs], Floats]
    nominal: Floats
    weights: Floats

    def deviations(self, machine: AnyDesign) -> Floats:
        """Return the deviations (chips, n) of the chips that `machine` is."""
        run, engine = self.run, None if self.run.setup is None else self.run.setup.engine
        made = machine.run(run.x, state=run.initial_state, lengths=run.lengths, engine=engine, keep=Keep.OUTPUTS)
        return self.read(made.outputs) - self.nominal


def budget_subject(machine: AnyDesign, run: Run, of: Subject) -> tuple[BudgetSubject[AnyDesign], OutputSlopes]:
    """Return what is budgeted, deviations `of` a `machine`, and the derivatives of its numbers by outputs of `run`."""
    outputs = run.outputs
    read = _answer_reader(of.answer) if isinstance(of, _Deviation) else _metric_reader(of)
    nominal = read(as_one_chip(outputs))[0]
    if not np.isfinite(nominal).all():
        must, do = "be finite for the machine as compiled", "take another function of its outputs"
        raise InvalidValueError(explain("what deviates", must=must, got=str(nominal)[:80], do=do))
    if nominal.size > _MOST_ANSWERS:
        do = "give answer= a function that returns those of interest"
        must = f"be at most {_MOST_ANSWERS}"
        raise UnsupportedError(explain("numbers in an answer", must=must, got=nominal.size, do=do))
    counts = np.ones(nominal.size, dtype=bool)
    if isinstance(of, _Deviation):
        slopes = answer_slopes(of.answer, outputs, np.eye(nominal.size))
        alone = as_one_chip(outputs)
        counts = of_valid_steps(of.answer, of.answer(alone), alone)
    else:
        slopes = metric_slopes(of, outputs)
    weights = counts / counts.sum()
    return BudgetSubject(machine=machine, run=run, read=read, nominal=nominal, weights=weights), slopes


def _metric_reader(metric: Metric) -> Callable[[Outputs], Floats]:
    return lambda outputs: measured(metric, outputs, len(outputs.h))[:, None]


def _answer_reader(answer: Answer) -> Callable[[Outputs], Floats]:
    def read(outputs: Outputs) -> Floats:
        what, do = "the answer", "return an array (chips, ...) made of y, h or the state"
        found = numbers_of(what, answer, outputs, do)
        if found.shape[:1] != (len(outputs.h),) or not found.size:
            must = f"have shape ({len(outputs.h)}, ...) and numbers"
            raise InvalidShapeError(explain(what, must=must, got=found.shape, do=do))
        return found.reshape(len(found), -1)

    return read


def root_mean_square(deviations: Floats, weights: Floats) -> float:
    """Return the root mean square of `deviations` (chips, n) whose squares count `weights` (n,)."""
    return float(np.sqrt(np.mean(deviations**2 @ weights)))
