"""Compute the yield against the strength of an imperfection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from numpy.typing import ArrayLike

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidTypeError, LstmAnalogError, explain
from lstm_analog.study.lots import AnyDesign
from lstm_analog.study.yield_result import Yield
from lstm_analog.summaries import Rows, Summarised


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class YieldCurve(Summarised, Generic[AnyDesign]):
    """The `yields` at each of the `strengths` (n,) of an imperfection, in the same order."""

    strengths: Floats
    yields: tuple[Yield[AnyDesign], ...]

    def __post_init__(self) -> None:
        """Freeze the strengths and check that there is a yield for each."""
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
