"""The records of a sizing: the target, the choices that were judged, the one to take, and how sure that is."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Generic, TypeAlias

from lstm_analog.arrays import Floats
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.study.knobs import Build
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.running_cost import RunningCost
from lstm_analog.study.yield_result import LEVEL, Confidence, Spec, Yield, wilson_interval
from lstm_analog.summaries import Rows, Summarised
from lstm_analog.tables import write_rows


@checked_record
@dataclass(frozen=True, kw_only=True)
class Target:
    """The target of a sizing: at least the fraction `share` of all chips that could be made meets the `spec`.

    It counts as met if the lower end of Wilson's interval of the yield at `level` is not below `share`.
    """

    spec: Spec
    share: float
    level: Confidence = LEVEL

    def __post_init__(self) -> None:
        if not 0.0 < self.share < 1.0:
            must, do = "be between 0 and 1", "give e.g. 0.9"
            raise InvalidValueError(explain("target share", must=must, got=self.share, do=do))

    def needed(self, chips: int) -> int:
        """Return how many of `chips` must pass for the target to be met; `InvalidValueError` if all are too few."""
        for passing in range(int(self.share * chips), chips + 1):
            if wilson_interval(passing, chips, level=self.level).low >= self.share:
                return passing
        must, do = f"be enough to show a yield of {self.share:g}", "take more chips, or a smaller share"
        raise InvalidValueError(explain("chips", must=must, got=chips, do=do))

    def excess(self, beyond: Floats) -> float:
        """Return the distance beyond the limit that so many chips keep as are needed, at most 0 if the target is met.

        `beyond` (chips,) are the distances of all chips.
        """
        ordered = sorted(beyond.tolist())
        return float(ordered[self.needed(len(ordered)) - 1])

    def __str__(self) -> str:
        return f"{100.0 * self.share:g}% of the chips {self.spec}"


class Reached(Enum):
    """Whether a sample shows that a target is met: the interval of the yield is above it, below it, or holds it."""

    MET = "met"
    MISSED = "not met"
    UNDECIDED = "undecided: the interval holds it"


@checked_record
@dataclass(frozen=True, kw_only=True)
class KnobValue:
    """The `value`, in `unit`, at which the knob `name` is set."""

    name: str
    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.name} {self.value:g}" + ("" if self.unit == "1" else f" {self.unit}")


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Offer:
    """A choice of values of the knobs, with its running cost and price; a cost is a function of this record.

    Attributes
    ----------
    values : tuple of KnobValue
        What each knob is set to.
    build : Build
        The technology, settling and imperfections that they make.
    running : RunningCost
        Energy, time and size of the machine in a run.
    price : float
        The product of the relative prices of the grades.
    """

    values: tuple[KnobValue, ...]
    build: Build
    running: RunningCost
    price: float

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """A choice that was judged: its `values`, its `cost`, and the `excess` of the metric beyond the limit.

    As many chips as the target needs are within that excess; it is at most 0 if the target is met.
    """

    values: tuple[KnobValue, ...]
    cost: float
    excess: float


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Choice(Summarised, Generic[AnyDesign]):
    """A choice that was built and sampled: the `offer`, its `cost`, and the yield `found` for a `target`."""

    offer: Offer
    cost: float
    found: Yield[AnyDesign]
    target: Target

    @property
    def reached(self) -> Reached:
        """Whether the sample shows that the target is met."""
        interval = self.found.interval
        if interval.low >= self.target.share:
            return Reached.MET
        return Reached.MISSED if interval.high < self.target.share else Reached.UNDECIDED

    @property
    def excess(self) -> float:
        """The excess of the metric beyond the limit, as in `Tried`."""
        return self.target.excess(self.found.spec.excess(self.found.values))

    def summary(self) -> Rows:
        """Return rows with the values, the cost and the yield."""
        return (("values", str(self.offer)), ("cost", f"{self.cost:.3g}"), ("yield", str(self.found)))

    def __str__(self) -> str:
        return f"{self.offer}; cost {self.cost:.3g}; {self.found}: {self.reached.value}"


Gains: TypeAlias = tuple[tuple[str, float], ...]
"""Names of knobs, and how far the excess would fall if each alone were at its finest value."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Sizing(Summarised, Generic[AnyDesign]):
    """The result of `size`.

    Attributes
    ----------
    target : Target
        The target that had to be met.
    chosen : Choice
        The cheapest choice that meets it, built and sampled.
    cheaper : Choice or None
        The dearest of all choices that cost less, built and sampled, too; None if the cheapest of all is chosen.
    gains : tuple of (str, float)
        For each knob how far the excess of the metric would fall if that knob alone were at its finest value, the
        largest first.
    tried : tuple of Tried
        All choices that were screened or sampled, in that order.
    choices : int
        The number of all choices.
    """

    target: Target
    chosen: Choice[AnyDesign]
    cheaper: Choice[AnyDesign] | None
    gains: Gains
    tried: tuple[Tried, ...]
    choices: int

    @property
    def binding(self) -> str:
        """The name of the knob that limits the metric most."""
        return self.gains[0][0]

    def summary(self) -> Rows:
        """Return rows with the target, the choice, the next cheaper one, and what binds."""
        gains = ", ".join(f"{name} {gain:.3g}" for name, gain in self.gains)
        rows: Rows = (("target", str(self.target)), ("chosen", str(self.chosen)))
        rows += (("next cheaper", "none" if self.cheaper is None else str(self.cheaper)),)
        return (
            *rows,
            ("binding", f"{self.binding} (the metric would gain, each knob alone at its finest: {gains})"),
            ("judged", f"{len(self.tried)} of {self.choices} choices"),
        )

    def __str__(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.summary())

    def write(self, path: str | Path) -> None:
        """Write all choices that were judged as CSV to the file `path`, whole or not at all: values, cost and excess.

        Raises `FileAccessError` if it cannot be written.
        """
        names = [f"{each.name} ({each.unit})" for each in self.chosen.offer.values]
        rows = ((*(each.value for each in one.values), one.cost, one.excess) for one in self.tried)
        write_rows(path, ((*names, "cost", "excess"), *rows))
