"""The shares of an error: what was done to a machine, what its parts cost by design, and what is left.

They are the links of a chain:

    the run -> as its records say -> as compiled -> with ideal parts -> the LSTM

What differs in the first link no record names; what is left in the last is the clock's, the engine's, or a defect.
`attribution` finds them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lstm_analog.doors import checked_record

_NOTHING = 1e-12
"""Error of h that is none: rounding."""
_SMALL = 1e-2
"""Share of the largest cost below which costs are only counted in the text."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Share:
    """What one `cause` does to h, or to y over the gain of the head: the largest `error`, full scale being 1."""

    cause: str
    error: float


@checked_record
@dataclass(frozen=True, kw_only=True)
class Shares:
    """The links between a run and its LSTM, each the largest error of h, or of y over the gain of the head.

    Behind a link that is a defect the others are not looked for, and are nothing.

    Attributes
    ----------
    by_changes, changed : float, tuple of str
        What no record explains, and the banks of parts that are not as compiled.
    by_imperfections, imperfections : float, tuple of str
        What was done to the machine, in the words of its provenance.
    by_technology, causes : float, tuple of Share
        What the parts cost by design: all together, and each alone, the largest first; none where there is a defect.
        The sum of these is the whole only as far as they do not act on each other.
    left : float
        What is left with ideal parts: the clock's, the engine's, or a defect.
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
        """What clock and engine have to explain: what is left, and what no record names."""
        return self.by_changes + self.left

    def lines(self) -> Iterator[str]:
        """Yield what a report says of each link that is not nothing."""
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
        """The largest cost of one cause."""
        return max((cost.error for cost in self.causes), default=0.0)
