"""The result of a yield study: the metric of each chip, and the fraction that meets the specification."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Annotated, Generic

import numpy as np
import scipy
from numpy.typing import ArrayLike

from lstm_analog.arrays import Flags, Floats, Indices, floats, plain
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.study.lots import AnyDesign, Lot, Trial
from lstm_analog.summaries import Rows, Summarised


def check_level(level: float) -> None:
    """Raise `InvalidValueError` unless `level` is between 0 and 1, and not so near to 1 that no quantile is finite."""
    if not 0.0 < level < 1.0 or 0.5 * (1.0 + level) == 1.0:
        raise InvalidValueError(explain("level", must="be between 0 and 1", got=level, do="give e.g. 0.95"))


Confidence = Annotated[float, check_level]
LEVEL = 0.95
"""Default confidence of an interval."""
_SHOWN = (0.1, 0.5, 0.9)
"""Quantiles in a summary."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Spec:
    """The specification of a chip: its metric must be `at_most` or `at_least` a limit; exactly one of them is given."""

    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.at_most, self.at_least) if limit is not None]
        if len(given) != 1 or not isfinite(given[0]):
            got, do = f"at_most={self.at_most}, at_least={self.at_least}", "give one of the two"
            raise InvalidValueError(explain("a spec", must="have one finite limit", got=got, do=do))

    @property
    def limit(self) -> float:
        """The limit, whichever side it is on."""
        return float(self.at_least or 0.0) if self.at_most is None else self.at_most

    @checked
    def excess(self, values: ArrayLike) -> Floats:
        """Return the distance of each of `values` beyond the limit, negative within it; infinity for NaN."""
        numbers = floats_or_nan(values, "values")
        beyond = numbers - self.limit if self.at_least is None else self.limit - numbers
        return np.where(np.isnan(numbers), inf, beyond)

    def __str__(self) -> str:
        return f"at {'least' if self.at_most is None else 'most'} {self.limit:g}"


@dataclass(frozen=True, kw_only=True)
class YieldInterval:
    """The confidence interval, from `low` to `high`, of the yield of all chips that could be made."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return 0.5 * (self.high - self.low)


@checked
def wilson_interval(passing: int, count: int, *, level: Confidence = LEVEL) -> YieldInterval:
    """Return the confidence interval at `level` of the yield, if `passing` of `count` chips meet the specification.

    E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, J. Am. Stat. Assoc. 22 (1927)
    209-212: with z the quantile of the normal distribution and p = passing/count, the ends are
    (p + z^2/2n +- z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n). It is valid even if no chip passes, or all do.

    >>> wilson_interval(0, 10)
    YieldInterval(low=0.0, high=0.2775327998628892)

    Raises `InvalidValueError` if `count` is below one, `passing` is not 0 to `count`, or `level` not between 0 and 1.
    """
    if count < 1 or not 0 <= passing <= count:
        got, do = f"{passing} of {count}", "count chips"
        raise InvalidValueError(explain("passing chips", must="be 0 to all, of one at least", got=got, do=do))
    z = float(scipy.special.ndtri(0.5 * (1.0 + level)))
    share, shrink = passing / count, 1.0 + z**2 / count
    centre = (share + z**2 / (2 * count)) / shrink
    reach = z / shrink * float(np.sqrt(share * (1.0 - share) / count + z**2 / (4.0 * count**2)))
    low = 0.0 if passing == 0 else centre - reach  # exact: the terms are equal there
    return YieldInterval(low=low, high=1.0 if passing == count else centre + reach)


@checked_record
@dataclass(frozen=True, kw_only=True)
class Failure:
    """A chip without a metric: its number and the `reason`, the message of the engine."""

    chip: int
    reason: str


def joined(lots: Iterable[Lot]) -> tuple[Floats, tuple[Failure, ...]]:
    """Return the metrics of the chips of all `lots`, (chips,), and those without one."""
    taken = list(lots)
    reasons = ((lot.first + n, reason) for lot in taken for n, reason in enumerate(lot.reasons) if reason)
    failures = tuple(Failure(chip=chip, reason=reason) for chip, reason in reasons)
    return np.concatenate([lot.values for lot in taken]), failures


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Yield(Summarised, Generic[AnyDesign]):
    """The metrics of the chips of a `trial` and their yield by `spec`; `replace(found, spec=...)` applies another.

    Attributes
    ----------
    trial : Trial
        The machine, imperfections, inputs, engine and metric of all chips.
    values : float array, (chips,)
        The metric of each chip; NaN if it has none, which meets no specification.
    failures : tuple of Failure
        The chips without a metric, and the reasons.
    nominal : float
        The metric of the machine as compiled, without imperfections.
    spec : Spec
        The specification.
    level : float
        Confidence of the interval.
    """

    trial: Trial[AnyDesign]
    values: Floats
    failures: tuple[Failure, ...]
    nominal: float
    spec: Spec
    level: Confidence = LEVEL

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", floats_or_nan(self.values, "values"))
        if self.values.ndim != 1 or not self.values.size:
            do = "take what yield_of returned"
            raise InvalidShapeError(explain("values", must="be one a chip", got=f"shape {self.values.shape}", do=do))

    @property
    def chips(self) -> int:
        """The number of chips."""
        return self.values.size

    @property
    def passes(self) -> Flags:
        """Whether each chip meets the spec, (chips,)."""
        return self.spec.excess(self.values) <= 0.0

    @property
    def passing(self) -> int:
        """The number of chips that meet the spec."""
        return int(self.passes.sum())

    @property
    def fraction(self) -> float:
        """The yield: the fraction of all chips that meets the spec."""
        return self.passing / self.chips

    @property
    def interval(self) -> YieldInterval:
        """Wilson's interval of the yield at `level`."""
        return wilson_interval(self.passing, self.chips, level=self.level)

    def quantiles(self, shares: ArrayLike) -> Floats:
        """Return the quantiles of the metric at `shares`, from 0 to 1; chips without a metric are left out.

        Raises `InvalidValueError` if no chip has a metric, or a share is not 0 to 1.
        """
        levels = floats(shares, "shares")
        if levels.ndim > 1:
            do = "give one, or a list of them"
            raise InvalidShapeError(explain("shares", must="be a number or a vector", got=levels.shape, do=do))
        if not ((levels >= 0.0) & (levels <= 1.0)).all():
            raise InvalidValueError(explain("shares", must="be 0 to 1", got=shares, do="give e.g. 0.9"))
        known = self.values[~np.isnan(self.values)]
        if not known.size:
            got, do = "none", "see the reasons in failures"
            raise InvalidValueError(explain("chips with a metric", must="be one at least", got=got, do=do))
        return floats(np.quantile(known, levels), "quantiles")

    def worst(self, count: int) -> Indices:
        """Return the numbers of the `count` worst chips, the worst first: those without a metric, then by `excess`.

        Equally bad chips are in the order of their numbers.
        """
        if not 0 <= count <= self.chips:
            raise InvalidValueError(explain("count", must=f"be 0 to {self.chips}", got=count, do="ask for fewer"))
        return np.argsort(-self.spec.excess(self.values), kind="stable")[:count].astype(np.int64)

    def chip(self, number: int) -> AnyDesign:
        """Return chip `number` as a machine, to run it or to write its netlists.

        Its metric is that in `values` up to rounding, and to the last bit if it is run together with the same chips.
        Raises `InvalidValueError` for a chip that was not made.
        """
        if not 0 <= number < self.chips:
            do = "count from zero"
            raise InvalidValueError(explain("chip", must=f"be 0 to {self.chips - 1}", got=number, do=do))
        return self.trial.chips(number, None)

    def summary(self) -> Rows:
        """Return rows with the yield, the distribution of the metric, and the failures."""
        rows: Rows = (("yield", str(self)), ("nominal", f"{self.nominal:.4g}"))
        if len(self.failures) < self.chips:
            told = zip(_SHOWN, self.quantiles(_SHOWN), strict=True)
            rows += (("quantiles", ", ".join(f"{share:.0%} below {value:.4g}" for share, value in told)),)
        if self.failures:
            first = self.failures[0]
            rows += ((f"{len(self.failures)} without a metric", f"chip {first.chip}: {first.reason}"),)
        return rows

    def __str__(self) -> str:
        ends, many = self.interval, f"{self.passing} of {self.chips} chips {self.spec}"
        return f"{self.fraction:.1%} ({100.0 * self.level:g}% interval {ends.low:.1%} to {ends.high:.1%}), {many}"


def floats_or_nan(values: ArrayLike, what: str) -> Floats:
    """Return `values`, called `what` in messages, as a read-only float64 array in which NaN stands for a failure.

    Raises `InvalidTypeError` if they are no real numbers.
    """
    array = plain(values, what)
    if array.dtype.kind not in "fiu":
        do = "give the metric of each chip"
        raise InvalidTypeError(explain(what, must="be real numbers", got=array.dtype, do=do))
    result = array.astype(np.float64)
    result.setflags(write=False)
    return result
