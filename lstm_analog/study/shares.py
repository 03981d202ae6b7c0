"""The contributions to an error: by changes, by imperfections, by the parts of the technology, and the rest.

They are the differences between neighbours in this chain:

    the run -> as its records say -> as compiled -> with ideal parts -> the LSTM

The first difference has no record; the last is caused by the clock, by the engine, or by a defect.
`attribution` computes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lstm_analog.doors import checked_record

_NOTHING = 1e-12
"""Errors of h below this are rounding."""
_SMALL = 1e-2
"""Fraction of the largest contribution below which others are only counted in the text."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Share:
    """The largest `error` of h, or of y over the gain of the head, by one `cause`, full scale being 1."""

    cause: str
    error: float


@checked_record
@dataclass(frozen=True, kw_only=True)
class Shares:
    """The contributions to the error of a run, each the largest error of h, or of y over the gain of the head.

    After a defect the later contributions are not computed and are zero.

    Attributes
    ----------
    by_changes, changed : float, tuple of str
        The error by changes without a record, and the banks of parts that were changed.
    by_imperfections, imperfections : float, tuple of str
        The error by imperfections, and their texts in the provenance.
    by_technology, causes : float, tuple of Share
        The error by the design of parts: by all causes, and by each alone, the largest first; empty if there is a
        defect. The single errors add up to the whole only if they are independent.
    left : float
        The error that remains with ideal parts, by the clock, the engine, or a defect.
    """

    by_changes: float
    changed: tuple[str, ...]
    imperfections: tuple[str, ...]
    by_imperfections: float = 0.0
    by_technology: float = 0.0
    causes: tuple[Share, ...] = ()
    left: float = 0.0

    @property
    def rest(self) -> float:
        """The error that clock and engine have to explain: `left` and `by_changes`."""
        return self.by_changes + self.left

    def lines(self) -> Iterator[str]:
        """Yield the lines of a report, one for each contribution above rounding."""
        if self.largest > _NOTHING:
            shown = [f"{cost.error:.3g} {cost.cause}" for cost in self.causes if cost.error >= _SMALL * self.largest]
            fewer = len(self.causes) - len(shown)
            more = f", {fewer} below {_SMALL * self.largest:.1g}" if fewer else ""
            yield f"  technology     {self.by_technology:.3g} together: {', '.join(shown)}{more}; left {self.left:.3g}"
        if self.imperfections:
            yield f"  imperfections  {self.by_imperfections:.3g}: explained by {'; '.join(self.imperfections)}"
        if self.changed:
            yield f"  changed        {self.by_changes:.3g}: {', '.join(self.changed)}, which no record names"

    @property
    def largest(self) -> float:
        """The largest error of a single cause."""
        return max((cost.error for cost in self.causes), default=0.0)
