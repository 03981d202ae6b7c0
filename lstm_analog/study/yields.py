"""Yield: the share of chips with given imperfections that meet a specification."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.doors import checked
from lstm_analog.engines import Engine, EngineLike, Progress, Settle
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.model.sequences import StateLike
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lot_study import AHEAD, Handling, check_count, lots_of
from lstm_analog.study.lot_workers import ExecutorLike
from lstm_analog.study.lots import AnyDesign, Lot, Trial, beside, check_design
from lstm_analog.study.metrics import Metric, measured
from lstm_analog.study.yield_result import LEVEL, Failure, Spec, Yield, check_level, wilson_interval

_MOST_HALF_WIDTH = 0.5
"""Largest half-width of an interval within 0 to 1."""


@checked
def yield_of(
    machine: AnyDesign,
    imperfections: object,
    x: ArrayLike,
    *,
    metric: Metric,
    spec: Spec,
    chips: int,
    seed: int,
    state: StateLike | None = None,
    lengths: ArrayLike | None = None,
    engine: EngineLike = None,
    level: float = LEVEL,
    until: float | None = None,
    lot_size: int | None = None,
    executor: ExecutorLike = None,
    ahead: int = AHEAD,
    timeout: float | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Yield[AnyDesign]:
    """Return how many of `chips` copies of `machine` with `imperfections` have a `metric` that meets a `spec`.

    Chips are drawn and run in lots of `lot_size`. Chip k is drawn by `Streams(seed=seed, first=k)`. Its metric depends
    on nothing else except, by rounding (1e-14), on `lot_size`, because sums of numpy depend on the size of arrays. For
    the same lot size it is equal to the last bit in whatever order and place lots are computed, also after
    interruptions, on processors of one kind with one build of numpy. Warnings of a run concern a whole lot.

    Parameters
    ----------
    machine : Machine
        The machine before imperfections, without an axis of chips.
    imperfections : record or tuple of records
        As in `Machine.with_imperfection`.
    x : (batch, time, inputs) or (time, inputs)
        Input of every chip.
    metric : Metric
        Gives one number per chip: `LargestError`, `RootMeanSquareError`, `LabelAccuracy`, `agreement`, or a function of
        `Outputs` with a leading axis of chips.
    spec : Spec
        The condition on the metric.
    chips : int
        Largest number of chips.
    seed : int
        Seed of the random numbers.
    state : State or pair of arrays, optional
        Initial state of every chip, as in `Machine.run`.
    lengths : (batch,), optional
        Number of valid steps of each sequence.
    engine : Engine or name, optional
        Engine that runs the chips, `Settle()` by default. Some engines run one chip at a time.
    level : float
        Confidence level of the interval.
    until : float, optional
        Half-width of the interval at which the study may end: it ends with the first lot, in the order of their
        numbers, after which the interval is no wider. Because of this repeated look the interval contains the true
        yield a little less often than `level` says.
    lot_size : int, optional
        Number of chips drawn and run together; by default as many as take about half a gigabyte, at most 250.
    executor : Executor or function that makes one, optional
        Runs the lots: any of `concurrent.futures`, of dask or of MPI; by default this process does. If workers may die,
        give the function, such as `ProcessPoolExecutor`: the executor is then made again, and lost lots are repeated.
    ahead : int
        Number of lots submitted to the executor in advance; at least twice its workers.
    timeout : float, optional
        Seconds within which one of the submitted lots must be done.
    folder : path, optional
        Where each lot is saved. An interrupted study continues with the lots found there; a folder of another study
        is rejected. A change of spec, number of chips or executor does not make another study.
    progress : function, optional
        Called with the number of chips done and the number of all.

    Raises
    ------
    InvalidShapeError, InvalidTypeError, InvalidValueError
        If an argument is wrong, the machine has an axis of chips, or the metric does not give one number per chip.
    SimulationError, UnsupportedError
        If the machine cannot be run without imperfections, or an executor fails. Chips that cannot are `failures`.
    FileAccessError, FileFormatError
        If the folder cannot be used or has another study.
    """
    how = Handling(
        lot_size=lot_size,
        executor=executor,
        ahead=ahead,
        timeout=timeout,
        folder=None if folder is None else Path(folder),
    )
    check_count("chips", chips)
    _check_interval(level, until)
    trial, nominal = _trial(
        machine, imperfections, int(seed), (x, state, lengths), chosen_engine(engine, Settle()), metric
    )
    with closing(lots_of(trial, int(chips), how)) as lots:
        taken = list(_until(_telling(lots, progress, chips), spec, level, until))
    values = np.concatenate([lot.values for lot in taken])
    failures = tuple(
        Failure(chip=lot.first + n, reason=reason) for lot in taken for n, reason in enumerate(lot.reasons) if reason
    )
    return Yield(trial=trial, values=values, failures=failures, nominal=nominal, spec=spec, level=level)


def _trial(
    machine: AnyDesign,
    imperfections: object,
    seed: int,
    fed: tuple[ArrayLike, StateLike | None, ArrayLike | None],
    engine: Engine,
    metric: Metric,
) -> tuple[Trial[AnyDesign], float]:
    """Return the trial of all chips, and the metric of the `machine` without imperfections, whose run checks `fed`.

    `fed` are x, state and lengths.
    """
    check_design(machine)
    x, state, lengths = fed
    run = machine.run(x, state=state, lengths=lengths, engine=engine, keep=Keep.OUTPUTS)
    trial = Trial(
        machine=machine,
        imperfections=imperfections,
        seed=seed,
        x=run.x,
        state=run.state,
        lengths=run.lengths,
        engine=engine,
        metric=metric,
    )
    trial.chips(0, None)  # raises, before any chip runs, if an imperfection is invalid or the machine lacks its parts
    return trial, float(measured(metric, beside(run.outputs), 1)[0])


def _until(lots: Iterator[Lot], spec: Spec, level: float, until: float | None) -> Iterator[Lot]:
    """Yield `lots` up to the first after which the half-width of the interval of their yield is at most `until`.

    The yield is that of `spec`, the confidence `level`.
    """
    passing = count = 0
    for lot in lots:
        yield lot
        passing += int((spec.excess(lot.values) <= 0.0).sum())
        count += lot.values.size
        if until is not None and wilson_interval(passing, count, level=level).half_width <= until:
            return


def _telling(lots: Iterator[Lot], progress: Progress | None, chips: int) -> Iterator[Lot]:
    for lot in lots:
        if progress is not None:
            progress(lot.first + lot.values.size, chips)
        yield lot


def _check_interval(level: float, until: float | None) -> None:
    check_level(level)
    if until is not None and not 0.0 < until < _MOST_HALF_WIDTH:
        do = "give half the width of the interval, 0.01 for 1 % to either side"
        raise InvalidValueError(explain("until", must="be between 0 and 0.5", got=until, do=do))
