"""What a study of yield found: a number a chip, how many chips meet the specification, with an interval."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Generic

import numpy as np
import scipy
from numpy.typing import ArrayLike

from lstm_analog.arrays import Flags, Floats, Indices, floats, plain
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, InvalidValueError, explain
from lstm_analog.study.lots import AnyDesign, Trial
from lstm_analog.summaries import Rows, Summarised

LEVEL = 0.95
"""Confidence of an interval unless another is given: the usual one."""
_SHOWN = (0.1, 0.5, 0.9)
"""Quantiles that a summary tells."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a chip must meet: a metric `at_most`, or `at_least`, that, in units of the metric; one of the two."""

    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        """Check that there is one finite limit."""
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
        """Return how far beyond the limit each of the `values` is, below zero within it; infinity for NaN."""
        numbers = _numbers(values)
        beyond = numbers - self.limit if self.at_least is None else self.limit - numbers
        return np.where(np.isnan(numbers), inf, beyond)

    def __str__(self) -> str:
        return f"at {'least' if self.at_most is None else 'most'} {self.limit:g}"


@dataclass(frozen=True, kw_only=True)
class YieldInterval:
    """The interval from `low` to `high` that holds the yield of all chips that could be made, with confidence."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance of its ends."""
        return 0.5 * (self.high - self.low)


@checked
def wilson_interval(passing: int, count: int, *, level: float = LEVEL) -> YieldInterval:
    """Return the interval of confidence `level` of a yield of which `passing` of `count` chips are known.

    E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, J. Am. Stat. Assoc. 22 (1927)
    209-212: with z the quantile of the normal distribution and p = passing/count, the ends are
    (p + z^2/2n +- z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n). It holds where no chip passes, or all do.

    >>> wilson_interval(0, 10)
    YieldInterval(low=0.0, high=0.2775327998628892)

    Raises
    ------
    InvalidValueError
        If `count` is below one, `passing` is not 0 to `count`, or `level` not between 0 and 1.
    """
    if count < 1 or not 0 <= passing <= count:
        got, do = f"{passing} of {count}", "count chips"
        raise InvalidValueError(explain("passing chips", must="be 0 to all, of one at least", got=got, do=do))
    check_level(level)
    z = float(scipy.special.ndtri(0.5 * (1.0 + level)))
    share, shrink = passing / count, 1.0 + z**2 / count
    centre = (share + z**2 / (2 * count)) / shrink
    reach = z / shrink * float(np.sqrt(share * (1.0 - share) / count + z**2 / (4.0 * count**2)))
    low = 0.0 if passing == 0 else centre - reach  # exact: the terms are equal there
    return YieldInterval(low=low, high=1.0 if passing == count else centre + reach)


@checked_record
@dataclass(frozen=True, kw_only=True)
class Failure:
    """A chip that has no metric: its number and the `reason`, as the engine gave it."""

    chip: int
    reason: str


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Yield(Summarised, Generic[AnyDesign]):
    """How many of the chips of a `trial` meet a `spec`; `replace(found, spec=...)` judges the same chips by another.

    Attributes
    ----------
    trial : Trial
        What the chips were put through.
    values : float array, (chips,)
        The metric of each chip; NaN where there is none, which meets no specification.
    failures : tuple of Failure
        The chips that have no metric, and why.
    nominal : float
        The metric of the machine as compiled, without imperfections.
    spec : Spec
        What a chip must meet.
    level : float
        Confidence of the interval.
    """

    trial: Trial[AnyDesign]
    values: Floats
    failures: tuple[Failure, ...]
    nominal: float
    spec: Spec
    level: float = LEVEL

    def __post_init__(self) -> None:
        """Freeze the values."""
        values = _numbers(self.values).copy()
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        check_level(self.level)
        if values.ndim != 1 or not values.size:
            do = "take what yield_of returned"
            raise InvalidShapeError(explain("values", must="be one a chip", got=f"shape {values.shape}", do=do))

    @property
    def chips(self) -> int:
        """How many chips were made."""
        return self.values.size

    @property
    def passes(self) -> Flags:
        """Whether each chip meets the spec, (chips,)."""
        return self.spec.excess(self.values) <= 0.0

    @property
    def passing(self) -> int:
        """How many chips meet the spec."""
        return int(self.passes.sum())

    @property
    def fraction(self) -> float:
        """The yield: the share of all chips that meet the spec."""
        return self.passing / self.chips

    @property
    def interval(self) -> YieldInterval:
        """Wilson's interval of the yield at `level`."""
        return wilson_interval(self.passing, self.chips, level=self.level)

    def quantiles(self, shares: ArrayLike) -> Floats:
        """Return what the metric of those `shares` of the chips stays below; chips without one are left out.

        Raises `InvalidValueError` if no chip has one, or a share is not 0 to 1.
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
        """Return the numbers of the `count` worst chips, the worst first: those without a metric, then the farthest.

        Equally bad chips stand in the order of their numbers.
        """
        if not 0 <= count <= self.chips:
            raise InvalidValueError(explain("count", must=f"be 0 to {self.chips}", got=count, do="ask for fewer"))
        return np.argsort(-self.spec.excess(self.values), kind="stable")[:count].astype(np.int64)

    def chip(self, number: int) -> AnyDesign:
        """Return the machine that is chip `number`: it runs, and writes netlists, of that very chip.

        Its metric is that of `values` to rounding: to the last bit if it is run among the same chips.
        Raises `InvalidValueError` for a chip that was not made.
        """
        if not 0 <= number < self.chips:
            do = "count from zero"
            raise InvalidValueError(explain("chip", must=f"be 0 to {self.chips - 1}", got=number, do=do))
        return self.trial.chips(number, None)

    def summary(self) -> Rows:
        """Return the yield, the distribution, and what failed."""
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
        return f"{self.fraction:.1%} ({self.level:.0%} interval {ends.low:.1%} to {ends.high:.1%}), {many}"


def _numbers(values: ArrayLike) -> Floats:
    """Return `values` as float64, which may be NaN; `InvalidTypeError` if they are no real numbers."""
    array = plain(values, "values")
    if array.dtype.kind not in "fiu":
        do = "give the metric of each chip"
        raise InvalidTypeError(explain("values", must="be real numbers", got=array.dtype, do=do))
    return array.astype(np.float64)


def check_level(level: float) -> None:
    """Raise `InvalidValueError` unless `level` is a confidence."""
    if not 0.0 < level < 1.0:
        raise InvalidValueError(explain("level", must="be between 0 and 1", got=level, do="give e.g. 0.95"))
