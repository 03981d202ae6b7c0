"""What an error budget is of: a number or many, read from the outputs of chips, and their derivatives by these."""

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.model.sequences import Outputs
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lots import AnyDesign, beside
from lstm_analog.study.metric_slopes import answer_slopes, metric_slopes
from lstm_analog.study.metrics import Answer, Metric, check_answer, measured, y_or_h
from lstm_analog.study.run import Run
from lstm_analog.study.run_slopes import OutputSlopes

_MOST_ANSWERS = 4096
"""Numbers of an answer up to which each has a derivative by every parameter; larger: memory, numbers x parameters."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Deviation(ABC):  # noqa: B024 - what it is of has a default
    """The deviation of the `answer` of a chip from that of the machine as compiled: y, or h without a head."""

    answer: Answer = y_or_h

    def __post_init__(self) -> None:
        """Check that the answer is a function."""
        check_answer(self.answer)


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
        made = machine.run(run.x, state=run.state, lengths=run.lengths, engine=engine, keep=Keep.OUTPUTS)
        return self.read(made.outputs) - self.nominal


def budget_subject(machine: AnyDesign, run: Run, of: Subject) -> tuple[BudgetSubject[AnyDesign], OutputSlopes]:
    """Return what is budgeted, deviations `of` a `machine`, and the derivatives of its numbers by outputs of `run`."""
    outputs = run.outputs
    if not isinstance(of, _Deviation):
        read = _metric_reader(of)
        nominal, slopes = read(beside(outputs))[0], metric_slopes(of, outputs)
    else:
        read = _answer_reader(of.answer)
        nominal = read(beside(outputs))[0]
        if nominal.size > _MOST_ANSWERS:
            do = "give answer= a function that returns those of interest"
            must = f"be at most {_MOST_ANSWERS}"
            raise UnsupportedError(explain("numbers in an answer", must=must, got=nominal.size, do=do))
        slopes = answer_slopes(of.answer, outputs, np.eye(nominal.size))
    weights = np.full(nominal.size, 1.0 / nominal.size)
    return BudgetSubject(machine=machine, run=run, read=read, nominal=nominal, weights=weights), slopes


def _metric_reader(metric: Metric) -> Callable[[Outputs], Floats]:
    return lambda outputs: measured(metric, outputs, len(outputs.h))[:, None]


def _answer_reader(answer: Answer) -> Callable[[Outputs], Floats]:
    return lambda outputs: np.asarray(answer(outputs)).reshape(len(outputs.h), -1)


def root_mean_square(deviations: Floats, weights: Floats) -> float:
    """Return the root mean square of `deviations` (chips, n) whose squares count `weights` (n,)."""
    return float(np.sqrt(np.mean(deviations**2 @ weights)))
