"""Yield: the share of chips with given imperfections that meet a specification, at one strength or at several."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic

from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import EngineLike, Progress, Settle
from lstm_analog.engines.choosing import chosen_engine
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, LstmAnalogError, explain
from lstm_analog.model.sequences import StateLike
from lstm_analog.study.keeping import Keep
from lstm_analog.study.lot_study import AHEAD, Handling, count_rule, lots_of
from lstm_analog.study.lot_workers import ExecutorLike
from lstm_analog.study.lots import AnyDesign, Lot, Trial, as_one_chip, check_design
from lstm_analog.study.metrics import Metric, measured
from lstm_analog.study.run import Run
from lstm_analog.study.yield_result import LEVEL, Confidence, Spec, Yield, joined, wilson_interval
from lstm_analog.summaries import Rows, Summarised


def check_half_width(until: float) -> None:
    """Raise `InvalidValueError` unless `until` is a half-width that an interval within 0 to 1 can have."""
    if not 0.0 < until < 0.5:
        do = "give half the width of the interval, 0.01 for 1 % to either side"
        raise InvalidValueError(explain("until", must="be between 0 and 0.5", got=until, do=do))


@checked
def yield_of(
    machine: AnyDesign,
    imperfections: object,
    x: ArrayLike,
    *,
    metric: Metric,
    spec: Spec,
    chips: Annotated[int, count_rule("chips")],
    seed: int,
    state: StateLike | None = None,
    lengths: ArrayLike | None = None,
    engine: EngineLike = None,
    level: Confidence = LEVEL,
    until: Annotated[float, check_half_width] | None = None,
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
    place = None if folder is None else Path(folder)
    how = Handling(lot_size=lot_size, executor=executor, ahead=ahead, timeout=timeout, folder=place)
    solver = chosen_engine(engine, Settle())
    check_design(machine)
    run = machine.run(x, state=state, lengths=lengths, engine=solver, keep=Keep.OUTPUTS)  # checks what is fed
    trial = Trial(
        machine=machine,
        imperfections=imperfections,
        seed=int(seed),
        x=run.x,
        state=run.initial_state,
        lengths=run.lengths,
        engine=solver,
        metric=metric,
    )
    nominal = _nominal(trial, run)
    with closing(lots_of(trial, int(chips), how)) as lots:
        values, failures = joined(_until_narrow(_reported(lots, progress, int(chips)), spec, level, until))
    return Yield(trial=trial, values=values, failures=failures, nominal=nominal, spec=spec, level=level)


def _nominal(trial: Trial[AnyDesign], run: Run) -> float:
    """Return the metric of the machine of `trial` without imperfections, of which `run` is the run.

    Raises what drawing a chip does, if an imperfection is invalid or the machine lacks its parts.
    """
    trial.chips(0, None)
    return float(measured(trial.metric, as_one_chip(run.outputs), 1)[0])


def _reported(lots: Iterator[Lot], progress: Progress | None, chips: int) -> Iterator[Lot]:
    """Yield `lots`, and tell `progress` at each how many of all `chips` are done."""
    count = 0
    for lot in lots:
        count += lot.values.size
        if progress is not None:
            progress(count, chips)
        yield lot


def _until_narrow(lots: Iterator[Lot], spec: Spec, level: float, half_width: float | None) -> Iterator[Lot]:
    """Yield `lots` up to the first after which the interval of the yield by `spec` at `level` has the `half_width`.

    All are yielded if that is None.
    """
    passing, count = 0, 0
    for lot in lots:
        yield lot
        passing += int((spec.excess(lot.values) <= 0.0).sum())
        count += lot.values.size
        if half_width is not None and wilson_interval(passing, count, level=level).half_width <= half_width:
            return


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class YieldCurve(Summarised, Generic[AnyDesign]):
    """The `yields` at each of the `strengths` (n,) of an imperfection, in the same order."""

    strengths: Floats
    yields: tuple[Yield[AnyDesign], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "strengths", _strengths(self.strengths))
        if self.strengths.shape != (len(self.yields),):
            got, do = f"{len(self.yields)} for strengths {self.strengths.shape}", "take what yield_curve returned"
            raise InvalidShapeError(explain("yields", must="be one a strength", got=got, do=do))

    @property
    def fractions(self) -> Floats:
        """The yield at each strength, (n,)."""
        return floats([each.fraction for each in self.yields], "fractions")

    @property
    def intervals(self) -> Floats:
        """The lower and upper end of the interval at each strength, (n, 2)."""
        return floats([(each.interval.low, each.interval.high) for each in self.yields], "intervals")

    def summary(self) -> Rows:
        """Return a row for each strength, with its yield."""
        return tuple(
            (f"{strength:g}", str(found)) for strength, found in zip(self.strengths.tolist(), self.yields, strict=True)
        )


@checked
def yield_curve(ask: Callable[[float], Yield[AnyDesign]], strengths: ArrayLike) -> YieldCurve[AnyDesign]:
    """Return the yields that `ask` returns for each of the `strengths` (n,) of an imperfection.

    `ask` is a function of one strength that returns a yield, such as
    `lambda share: yield_of(machine, DeviceSpread(share=share), x, metric=metric, spec=spec, chips=1000, seed=1)`. With
    one seed all strengths draw the same numbers, so that two points differ by the strength and not by chance. If it
    stores lots in a folder, each strength needs a folder of its own.

    Raises `InvalidTypeError` if `ask` returns no yield, and the errors of `ask` itself.
    """
    taken = _strengths(strengths)
    return YieldCurve(strengths=taken, yields=tuple(_found(ask, strength) for strength in taken.tolist()))


def _found(ask: Callable[[float], Yield[AnyDesign]], strength: float) -> Yield[AnyDesign]:
    try:
        found: object = ask(strength)
    except LstmAnalogError:
        raise
    except (TypeError, ValueError) as error:
        got, do = f"{type(error).__name__}: {ascii(str(error))[:200]}", "call yield_of in it"
        raise InvalidTypeError(explain("ask", must="be a function of one strength", got=got, do=do)) from error
    if not isinstance(found, Yield):
        got, do = ascii(found)[:80], "call yield_of in it"
        raise InvalidTypeError(explain("ask", must="return a Yield", got=got, do=do))
    return found


def _strengths(strengths: ArrayLike) -> Floats:
    """Return `strengths` as an array (n,), n >= 1."""
    taken = floats(strengths, "strengths")
    if taken.ndim != 1 or not taken.size:
        got, do = f"shape {taken.shape}", "give a list of numbers"
        raise InvalidShapeError(explain("strengths", must="be a vector of one at least", got=got, do=do))
    return taken
