"""The error budget of a machine: where the deviations of its chips come from, and how far that is of first order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.summaries import Rows, Summarised
from lstm_analog.tables import write_rows

CLOSE = 0.1
"""Difference of the predicted from the sampled deviation, as a share of it, up to which first order holds."""
_SHOWN = 6
"""Shares that a summary lists of each kind; the table has all."""


@dataclass(frozen=True, kw_only=True)
class StrengthRow:
    """The deviation `predicted` to first order, and that `sampled` on the same chips, root mean square.

    Their imperfections are `strength` times as strong as given; `sampled` is NaN where no such chip can be made or run.
    """

    strength: float
    predicted: float
    sampled: float

    @property
    def ratio(self) -> float:
        """The predicted deviation over the sampled one."""
        return self.predicted / self.sampled if self.sampled else 1.0 if not self.predicted else np.inf


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """What two imperfections do together beyond the sum of what each does alone, as a `share` of all deviations.

    Of the root mean square over chips, so it is not negative.
    """

    first: str
    second: str
    share: float


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ErrorBudget(Summarised):
    """Where the deviations of chips from the machine as compiled come from, by their derivatives by all parameters.

    A deviation is that of one number, or of many, from the machine as compiled. To first order it is a sum over all
    parameters, so its mean square divides into shares that add up to 1: mean(contribution x deviation)/mean(deviation
    squared). A share may be negative, if a contribution takes away what others make. Systematic deviations count, too.

    * `of`, `predicted`: what deviates, and by how much to first order, root mean square over `draws` of all parameters.
    * `draws`, `chips`: number of draws that shares are means of, which are off by about 1/sqrt(draws); of chips that
      were run.
    * `shares`: under "imperfection", "part", "gate", "unit", "step" and "parameter": the shares by name, the largest
      first. Under "parameter" are the largest single ones only. Those under "step" are by the step in which the
      parameters act, numbered from 0 in the order in which a pass runs; what is not in them acts before the run.
    * `ladder`: predicted and sampled deviations by strength.
    * `interactions`: of each pair of imperfections, at the strengths given.
    * `together`: mean square of what all imperfections do together over that of the sum of what each does alone, on the
      same chips; 1 if they do not interact.
    """

    of: str
    predicted: float
    draws: int
    chips: int
    shares: Mapping[str, Mapping[str, float]]
    ladder: tuple[StrengthRow, ...]
    interactions: tuple[Interaction, ...]
    together: float

    def share(self, kind: str, name: str) -> float:
        """Return the share of `name`, as "layer 0 cell gate", among those of a `kind`, as "gate".

        Raises `InvalidValueError` for names that there are not.
        """
        if kind not in self.shares:
            do = "choose one of these"
            raise InvalidValueError(explain("kind", must=f"be one of {', '.join(self.shares)}", got=repr(kind), do=do))
        found = self.shares[kind]
        if name not in found:
            must = f"be one of {', '.join(list(found)[:20])}"
            raise InvalidValueError(explain(f"{kind} of the budget", must=must, got=repr(name), do="choose another"))
        return found[name]

    @property
    def first_order_until(self) -> float:
        """The largest strength up to which predicted and sampled deviations differ by at most 10 %; 0 if at none."""
        rows = sorted(self.ladder, key=lambda row: row.strength)
        good = [abs(row.ratio - 1.0) <= CLOSE for row in rows]
        count = next((number for number, each in enumerate(good) if not each), len(good))
        return rows[count - 1].strength if count else 0.0

    def summary(self) -> Rows:
        """Return rows with the deviation, where first order ends, the largest shares of each kind, and interactions."""
        told = tuple((f"by {kind}", _told(found)) for kind, found in self.shares.items())
        pairs = ", ".join(f"{each.first} and {each.second} {each.share:.1%}" for each in self.interactions)
        ends = f"up to {self.first_order_until:g} times the strength, of {self.ladder[-1].strength:g} tried"
        return (
            ("deviation", f"{self.predicted:.4g} rms of {self.of}"),
            ("first order", ends),
            *told,
            ("together", f"{self.together:.3g} times that of the sum of each alone" + (f"; {pairs}" if pairs else "")),
        )

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield the lines of a report."""
        yield f"error budget of {self.of}: {self.predicted:.4g} rms to first order, {self.draws} draws"
        for kind, found in self.shares.items():
            yield f"  by {kind:<13} {_told(found)}"
        for row in self.ladder:
            told = f"predicted {row.predicted:.4g}, sampled {row.sampled:.4g}, ratio {row.ratio:.3f}"
            yield f"  strength {row.strength:<8g} {told}"
        yield f"  first order up to {self.first_order_until:g} times the strength ({self.chips} chips)"
        for each in self.interactions:
            yield f"  {each.first} with {each.second}: {each.share:.1%} beyond the sum of the two"
        yield f"  together: mean square {self.together:.3g} times that of the sum of each alone"

    def write_csv(self, path: str | Path) -> None:
        """Write the shares to a table at `path`: kind, name, share; raise `FileAccessError` if it cannot be written."""
        shares = ((kind, name, repr(each)) for kind, found in self.shares.items() for name, each in found.items())
        write_rows(path, (("kind", "name", "share"), *shares))


def _told(found: Mapping[str, float]) -> str:
    rest, order = len(found) - _SHOWN, sorted(found, key=lambda name: -abs(found[name]))
    shown = ", ".join(f"{name} {found[name]:.1%}" for name in order[:_SHOWN])
    return f"{shown}, {rest} more" if rest > 0 else shown
