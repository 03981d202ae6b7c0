"""Lots: chips that are drawn and run together, each measured by a metric; the task and the result of a worker."""

from dataclasses import dataclass, is_dataclass, replace
from types import FunctionType
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from lstm_analog import __version__
from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler import Compiled
from lstm_analog.engines import Engine, Integrate, Ngspice, Rumoca, Vacask
from lstm_analog.errors import InvalidTypeError, InvalidValueError, SimulationError, UnsupportedError, explain
from lstm_analog.imperfections import Streams
from lstm_analog.model import State
from lstm_analog.model.sequences import Outputs, StateLike
from lstm_analog.study.digest import digest_of, source_of
from lstm_analog.study.keeping import Keep
from lstm_analog.study.metrics import Metric, measured
from lstm_analog.study.run import Run

ONE_AT_A_TIME = (Integrate, Ngspice, Rumoca, Vacask)
"""Engines that run one chip at a time."""


class Design(Protocol):
    """The machine that chips are copies of, before imperfections; `la.Machine` is one."""

    @property
    def passes(self) -> tuple[Compiled, ...]:
        """Its networks, one per pass through time."""
        ...

    @property
    def chips(self) -> int:
        """Number of chips that it has; 0 for one machine without an axis of chips."""
        ...

    def with_imperfection(self, imperfection: object, streams: Streams) -> Self:
        """Return the machine with an `imperfection`, or several, drawn from `streams`."""
        ...

    def run(
        self,
        x: ArrayLike,
        *,
        state: StateLike | None = None,
        lengths: ArrayLike | None = None,
        engine: Engine | str | None = None,
        keep: Keep | None = None,
    ) -> Run:
        """Return its run with input `x` from `state` over `lengths` steps, by `engine`; `keep` says what to store."""
        ...


AnyDesign = TypeVar("AnyDesign", bound=Design)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial(Generic[AnyDesign]):
    """The test that every chip of a study undergoes; with the numbers of a lot it is all that a worker needs.

    Attributes
    ----------
    machine : Design
        The machine before imperfections.
    imperfections : object
        A record of `lstm_analog.imperfections`, or a tuple of them.
    seed : int
        Seed of the streams that chips are drawn from.
    x : float array, (batch, time, inputs) or (time, inputs)
        Input of each chip.
    state, lengths : State or None, index array (batch,) or None
        Initial state, and the number of valid steps of each sequence.
    engine : Engine
        Engine that runs the chips.
    metric : Metric
        Function from outputs to one number per chip.
    """

    machine: AnyDesign
    imperfections: object
    seed: int
    x: Floats
    state: State | None
    lengths: Indices | None
    engine: Engine
    metric: Metric

    def digest(self, lot_size: int) -> str:
        """Return the SHA-256 of everything on which the results of chips in lots of `lot_size` depend.

        It is over this record, the source of the metric and the version of this package. Raises `UnsupportedError` for
        a metric that is neither a function nor a record, or whose source is in no file.
        """
        metric: object = self.metric
        if not (is_dataclass(metric) or isinstance(metric, FunctionType)):
            must, do = "be a function or a record where a folder keeps lots", "write a function of the outputs"
            raise UnsupportedError(explain("the metric", must=must, got=type(metric).__name__, do=do))
        source = source_of(type(metric)) if is_dataclass(metric) else ""  # that of a function is hashed with the record
        return digest_of(self, source, lot_size, __version__)

    def chips(self, first: int, count: int | None) -> AnyDesign:
        """Return the machine as `count` chips from number `first` on; None makes one chip without that axis."""
        return self.machine.with_imperfection(self.imperfections, Streams(seed=self.seed, chips=count, first=first))

    def measure(self, machine: Design) -> Floats:
        """Return the metric of each chip of `machine`, (chips,), or (1,) without an axis of chips."""
        run = machine.run(self.x, state=self.state, lengths=self.lengths, engine=self.engine, keep=Keep.OUTPUTS)
        return measured(self.metric, chip_outputs(machine, run), max(machine.chips, 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Lot:
    """The results of the chips of a lot, from number `first` on.

    `values` (count,) are their metrics, NaN for a failure; `reasons` (count,) are those of failures, else empty.
    """

    first: int
    values: Floats
    reasons: tuple[str, ...]


def run_lot(trial: Trial[AnyDesign], first: int, count: int) -> Lot:
    """Return the results of `count` chips from number `first` on in `trial`.

    If chips cannot be solved together the lot is halved, down to the single chips that cannot be solved: these are
    failures. So is a chip whose metric is not finite.
    """
    values, reasons = _solved(trial, first, count)
    strange = ~np.isfinite(values)
    told = (reason or ("its metric is not finite" if bad else "") for reason, bad in zip(reasons, strange, strict=True))
    return Lot(first=first, values=np.where(strange, np.nan, values), reasons=tuple(told))


def _solved(trial: Trial[AnyDesign], first: int, count: int) -> tuple[Floats, tuple[str, ...]]:
    if count == 1 or not isinstance(trial.engine, ONE_AT_A_TIME):
        try:
            values = trial.measure(trial.chips(first, count if count > 1 else None))
            return np.broadcast_to(values, (count,)), ("",) * count  # without an axis if nothing is changed
        except (SimulationError, UnsupportedError) as reason:
            if count == 1:
                return np.array([np.nan]), (str(reason),)
    half = (count + 1) // 2
    (left, told), (right, more) = _solved(trial, first, half), _solved(trial, first + half, count - half)
    return np.concatenate((left, right)), (*told, *more)


def chip_outputs(machine: Design, run: Run) -> Outputs:
    """Return the outputs of a `run` of `machine` with a leading axis of chips, of one if it has none."""
    return run.outputs if machine.chips else as_one_chip(run.outputs)


def as_one_chip(outputs: Outputs) -> Outputs:
    """Return the `outputs` of one machine with a leading axis of one chip in all arrays."""
    h, c = (tuple(array[None] for array in arrays) for arrays in (outputs.state.h, outputs.state.c))
    y, cells = (None if array is None else array[None] for array in (outputs.y, outputs.c))
    return replace(outputs, h=outputs.h[None], state=State(h=h, c=c), y=y, c=cells)


def check_design(machine: object) -> None:
    """Raise an error unless `machine` is a machine without an axis of chips.

    The errors are `InvalidTypeError` and `InvalidValueError`.
    """
    known = callable(getattr(machine, "with_imperfection", None)) and not isinstance(machine, type)
    if not known:
        do = "give what la.compile returned"
        raise InvalidTypeError(explain("machine", must="be a Machine", got=ascii(machine)[:80], do=do))
    chips = getattr(machine, "chips", 0)
    if chips:
        do = "give the machine as compiled: chips are drawn here"
        raise InvalidValueError(explain("machine", must="have no axis of chips", got=f"{chips} chips", do=do))
