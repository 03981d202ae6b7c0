"""Yield: of so many chips made with these imperfections, how many work."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog.doors import checked
from lstm_analog.engines import Engine, EngineLike, Progress, Settle
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain
from lstm_analog.model.sequences import StateLike
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lot_study import AHEAD, Handling, check_count, lots_of
from lstm_analog.study.lot_workers import ExecutorLike
from lstm_analog.study.lots import AnyDesign, Lot, Trial, beside
from lstm_analog.study.metrics import Metric, measured
from lstm_analog.study.yield_result import LEVEL, Failure, Spec, Yield, check_level, wilson_interval

_MOST_HALF_WIDTH = 0.5
"""Of an interval within 0 to 1."""


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
    """Return how many of `chips` made to `machine` with `imperfections` have a `metric` that meets a `spec`.

    Chips are drawn and run in lots of `lot_size`, side by side. Chip k is what `Streams(seed=seed, first=k)` draws. Its
    number depends on nothing else but, by rounding (1e-14), on `lot_size`: the sums of numpy differ with the size of
    arrays. With one lot size it is the same to the last bit in whatever order, wherever and however often interrupted
    lots are computed, on processors of one kind with one build of numpy. What a run warns of, it warns of a lot.

    Parameters
    ----------
    machine : Machine
        What the chips are made to: one machine, without an axis of chips.
    imperfections : record or tuple of records
        What real parts do, as `Machine.with_imperfection` takes them.
    x : (batch, time, inputs) or (time, inputs)
        What every chip is fed.
    metric : Metric
        Makes one number a chip: `LargestError`, `RootMeanSquareError`, `LabelAccuracy`, `agreement`, or a function of
        `Outputs` that lead with an axis of chips.
    spec : Spec
        What the metric must meet.
    chips : int
        How many chips are made, at most.
    seed : int
        Of the random numbers.
    state : State or pair of arrays, optional
        Where every chip starts, as in `Machine.run`.
    lengths : (batch,), optional
        How many steps of each sequence count.
    engine : Engine or name, optional
        What runs them, `Settle()` unless given. Engines that take one chip at a time run them one after the other.
    level : float
        Confidence of the interval.
    until : float, optional
        Half a width of the interval that is narrow enough: the study ends with the first lot, in the order of their
        numbers, after which it is no wider. An interval that is looked at again and again holds the true yield a
        little less often than `level` says.
    lot_size : int, optional
        Chips drawn and run side by side; unless given as many as take about half a gigabyte, 250 at most.
    executor : Executor or what makes one, optional
        Where lots are run: any of `concurrent.futures`, of dask or of MPI; this process unless given. Where workers
        may die give what makes it, such as `ProcessPoolExecutor`: it is then made anew, and what was lost done again.
    ahead : int
        Lots given to the executor before answers are there; twice its workers or more.
    timeout : float, optional
        Seconds in which one of the lots that an executor has must be done.
    folder : path, optional
        Where each lot goes when it is done. A study that was interrupted goes on with what is there; a folder with
        another study is refused. Another spec, another number of chips or executor make no other study.
    progress : function, optional
        Told how many chips are done, and of how many.

    Raises
    ------
    InvalidShapeError, InvalidTypeError, InvalidValueError
        If an argument is no such thing, the machine has chips already, or the metric makes no number a chip.
    SimulationError, UnsupportedError
        If the machine cannot be run without imperfections, or an executor fails. Chips that cannot are `failures`.
    FileAccessError, FileFormatError
        If the folder cannot be used, or holds another study.
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
    trial, nominal = _trial(machine, imperfections, seed, (x, state, lengths), chosen_engine(engine, Settle()), metric)
    with closing(lots_of(trial, int(chips), how)) as lots:
        taken = list(_until(_telling(lots, progress, chips), spec, level, until))
    values = np.concatenate([lot.values for lot in taken])
    failures = tuple(failure for lot in taken for failure in _failures(lot))
    return Yield(trial=trial, values=values, failures=failures, nominal=nominal, spec=spec, level=level)


def _trial(
    machine: AnyDesign,
    imperfections: object,
    seed: int,
    fed: tuple[ArrayLike, StateLike | None, ArrayLike | None],
    engine: Engine,
    metric: Metric,
) -> tuple[Trial[AnyDesign], float]:
    """Return what each chip is put through, checked by a run of the `machine` alone, and the metric of that."""
    _check_machine(machine)
    x, state, lengths = fed
    run = machine.run(x, state=state, lengths=lengths, engine=engine, keep=Keep.OUTPUTS)
    trial = Trial(
        machine=machine,
        imperfections=imperfections,
        seed=int(seed),
        x=run.x,
        state=run.state,
        lengths=run.lengths,
        engine=engine,
        metric=metric,
    )
    trial.chips(0, None)  # refuses, before any chip runs, what is no imperfection or of parts that are not there
    return trial, float(measured(metric, beside(run.outputs), 1)[0])


def _until(lots: Iterator[Lot], spec: Spec, level: float, until: float | None) -> Iterator[Lot]:
    """Yield `lots` up to that after which the interval of their yield is no wider than `until` to either side."""
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


def _failures(lot: Lot) -> Iterator[Failure]:
    yield from (Failure(chip=lot.first + place, reason=reason) for place, reason in enumerate(lot.reasons) if reason)


def _check_machine(machine: object) -> None:
    """Raise unless `machine` is one, without an axis of chips."""
    known = callable(getattr(machine, "with_imperfection", None)) and not isinstance(machine, type)
    if not known:
        do = "give what la.compile returned"
        raise InvalidTypeError(explain("machine", must="be a Machine", got=ascii(machine)[:80], do=do))
    chips = getattr(machine, "chips", 0)
    if chips:
        do = "give the machine as compiled: chips are drawn here"
        raise InvalidValueError(explain("machine", must="have no axis of chips", got=f"{chips} chips", do=do))


def _check_interval(level: float, until: float | None) -> None:
    check_level(level)
    if until is not None and not 0.0 < until < _MOST_HALF_WIDTH:
        do = "give half the width of the interval, 0.01 for 1 % to either side"
        raise InvalidValueError(explain("until", must="be between 0 and 0.5", got=until, do=do))
