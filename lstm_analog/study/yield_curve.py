"""The yield against the strength of a cause."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.engines import EngineLike, Progress
from lstm_analog.errors import InvalidShapeError, explain
from lstm_analog.model.sequences import StateLike
from lstm_analog.study.lot_study import AHEAD, LOT_SIZE
from lstm_analog.study.lot_workers import ExecutorLike
from lstm_analog.study.lots import Made
from lstm_analog.study.metrics import Metric
from lstm_analog.study.yield_result import LEVEL, Spec, Yield
from lstm_analog.study.yields import yield_of
from lstm_analog.summaries import Rows, Summarised


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class YieldCurve(Summarised, Generic[Made]):
    """What was found at each of the `strengths` (n,) of a cause: `yields`, in the same order."""

    strengths: Floats
    yields: tuple[Yield[Made], ...]

    def __post_init__(self) -> None:
        """Freeze the strengths, check that there is a yield for each."""
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
        """Return the yield at each strength."""
        return tuple(
            (f"{strength:g}", str(found)) for strength, found in zip(self.strengths.tolist(), self.yields, strict=True)
        )


@checked
def yield_curve(
    machine: Made,
    cause: Callable[[float], object],
    strengths: ArrayLike,
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
    lot_size: int = LOT_SIZE,
    executor: ExecutorLike = None,
    ahead: int = AHEAD,
    timeout: float | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> YieldCurve[Made]:
    """Return the yield of chips made to `machine` at each of the `strengths` (n,) of a `cause`.

    `cause` makes imperfections of a strength, as `lambda share: DeviceSpread(share=share)` does. All strengths draw the
    same numbers from `seed`, so that two points differ by the strength and not by luck. In `folder` each strength has a
    folder of its own. All else, `x`, `metric`, `spec`, `chips`, `state`, `lengths`, `engine`, `level`, `until`,
    `lot_size`, `executor`, `ahead`, `timeout` and `progress`, is as in `yield_of`, and so is what it raises.
    """

    def found(strength: float) -> Yield[Made]:
        return yield_of(
            machine,
            cause(strength),
            x,
            metric=metric,
            spec=spec,
            chips=chips,
            seed=seed,
            state=state,
            lengths=lengths,
            engine=engine,
            level=level,
            until=until,
            lot_size=lot_size,
            executor=executor,
            ahead=ahead,
            timeout=timeout,
            folder=None if folder is None else Path(folder) / f"strength-{strength!r}",
            progress=progress,
        )

    taken = _strengths(strengths)
    return YieldCurve(strengths=taken, yields=tuple(found(strength) for strength in taken.tolist()))


def _strengths(strengths: ArrayLike) -> Floats:
    """Return `strengths` as a vector, (n,), of one at least."""
    taken = floats(strengths, "strengths")
    if taken.ndim != 1 or not taken.size:
        got, do = f"shape {taken.shape}", "give a list of numbers"
        raise InvalidShapeError(explain("strengths", must="be a vector of one at least", got=got, do=do))
    return taken
