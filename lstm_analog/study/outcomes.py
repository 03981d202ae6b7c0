"""The result of a verification: one outcome for each check."""

from dataclasses import dataclass
from enum import Enum

from lstm_analog.doors import checked_record


class Check(Enum):
    """The checks of a verification; the value is the statement that is checked."""

    FILE = "the file is the one that was certified"
    VALUES = "its values are those that were certified"
    MODEL = "its values are what the model compiles to, with the imperfections that were certified"
    ANSWER = "the model answers what was certified"
    RERUN = "run again, it computes what the model answers"
    TOLERANCE = "its tolerance is one that a comparison grants"
    RANGE = "its signals stay within what it was made for"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a `check`: whether it `holds`, None if it could not be made, and what it `got`."""

    check: Check
    holds: bool | None
    got: str

    def __str__(self) -> str:
        mark = {True: "yes", False: "NO", None: "not checked"}[self.holds]
        return f"{self.check.value}: {mark} ({self.got})"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Verification:
    """The outcomes of the checks of the netlist `file`, certified as `export`; it `holds` if none failed."""

    file: str
    export: str
    outcomes: tuple[Outcome, ...]

    @property
    def holds(self) -> bool:
        """Whether no check failed."""
        return all(outcome.holds is not False for outcome in self.outcomes)

    def __getitem__(self, check: Check) -> Outcome:
        """Return the outcome of `check`."""
        (outcome,) = (each for each in self.outcomes if each.check is check)
        return outcome

    def __str__(self) -> str:
        whole = all(outcome.holds for outcome in self.outcomes)
        found = "holds" if whole else "holds as far as it was checked" if self.holds else "DOES NOT HOLD"
        return "\n".join([f"{self.file}: {found}", *map(str, self.outcomes)])
