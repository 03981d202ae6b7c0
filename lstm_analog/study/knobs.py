"""The knobs of a technology: sizes and grades that can be chosen, from values that parts are sold in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import TypeAlias

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.compiler.electrical import Behavioural, Channels
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit
from lstm_analog.doors import checked, checked_record
from lstm_analog.errors import InvalidShapeError, InvalidValueError, UnsupportedError, explain
from lstm_analog.imperfections import AmplifierOffset, BoreTolerance, ProgrammingError, Quantisation


@checked_record
@dataclass(frozen=True, kw_only=True)
class Build:
    """How a machine is built: its `technology`, its `settling` (phases in time constants), and its `imperfections`."""

    technology: object
    settling: float
    imperfections: tuple[object, ...] = ()

    def with_grade(self, imperfection: object) -> "Build":
        """Return the build with an `imperfection` in place of one of the same kind, or added."""
        others = tuple(each for each in self.imperfections if type(each) is not type(imperfection))
        return replace(self, imperfections=(*others, imperfection))


Turn: TypeAlias = Callable[[Build, float], Build]
"""Function from a build and a value of a knob to the build with that value."""


@checked_record
@dataclass(frozen=True, kw_only=True, eq=False)
class Knob:
    """A size or grade that can be chosen.

    Attributes
    ----------
    name, unit : str
        Its name, and the unit of its values.
    values : float array, (n,)
        The values to choose from, the coarsest first: along them errors do not grow, and cost does not fall.
    turn : Turn
        Returns a build with one of the values.
    prices : float array, (n,)
        The relative price of what is bought at each value; 1 where the running cost of the machine says all.
    source : str
        Where values and prices come from.
    """

    name: str
    unit: str
    values: Floats
    turn: Turn
    prices: Floats
    source: str

    def __post_init__(self) -> None:
        for name in ("values", "prices"):
            object.__setattr__(self, name, floats(getattr(self, name), f"{self.name} {name}"))
        if self.values.ndim != 1 or not self.values.size or self.prices.shape != self.values.shape:
            got, do = f"{self.values.shape} and {self.prices.shape}", "give a price for each value"
            raise InvalidShapeError(explain(f"{self.name} values and prices", must="be equally many", got=got, do=do))
        steps = np.diff(self.values)
        if not ((steps > 0.0).all() or (steps < 0.0).all()):
            must, do = "rise or fall", "put the coarsest value first, then finer ones"
            raise InvalidValueError(explain(f"{self.name} values", must=must, got=self.values.tolist(), do=do))
        if not (self.prices > 0.0).all() or (np.diff(self.prices) < 0.0).any():
            must, do = "be positive and not fall", "put the coarsest value first"
            raise InvalidValueError(explain(f"{self.name} prices", must=must, got=self.prices.tolist(), do=do))


_GRADED = "a grade of half the error is assumed to cost 1.4 times as much"
_SOLD = "powers of ten and 1, 2, 5 or 1, 3 of them"


def _graded(name: str, unit: str, values: Floats, imperfection: Callable[..., object], size: str, source: str) -> Knob:
    """Return the knob of a grade: `values` (n,) of the field `size` of an `imperfection`, prices by 1/sqrt(value)."""

    def turn(build: Build, value: float) -> Build:
        return build.with_grade(imperfection(**{size: value}))

    prices = np.sqrt(values[0] / values)
    return Knob(name=name, unit=unit, values=values, turn=turn, prices=prices, source=f"{source}; {_GRADED}")


def _free(name: str, unit: str, values: Floats, turn: Turn, source: str) -> Knob:
    """Return a knob without a price of its own."""
    return Knob(name=name, unit=unit, values=values, turn=turn, prices=np.ones(values.size), source=source)


def _opamps(build: Build) -> OpAmpCircuit:
    """Return the technology of `build`; `UnsupportedError` unless it is of op-amps."""
    if not isinstance(build.technology, OpAmpCircuit):
        got, do = type(build.technology).__name__, "leave this knob out, or size OPAMP"
        raise UnsupportedError(explain("technology", must="be of op-amps for this knob", got=got, do=do))
    return build.technology


def _set_bandwidth(build: Build, value: float) -> Build:
    made = _opamps(build)
    return replace(build, technology=replace(made, amplifier=replace(made.amplifier, gain_bandwidth=value)))


def _set_capacitor(build: Build, value: float) -> Build:
    made = _opamps(build)
    return replace(build, technology=replace(made, hold=replace(made.hold, capacitance=value)))


def _set_range(build: Build, value: float) -> Build:
    made = _opamps(build)
    crossbar = replace(made.crossbar, least=made.crossbar.largest / value)
    return replace(build, technology=replace(made, crossbar=crossbar))


PHASE_LENGTH = _free(
    "phase length",
    "time constants",
    np.array([4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 16.0, 20.0, 24.0]),
    lambda build, value: replace(build, settling=value),
    "any value can be set",
)
"""The clock: the length of a phase."""
PROGRAMMING = _graded(
    "programming error",
    "of Gmax",
    np.array([0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005, 0.0003, 0.0002, 0.0001]),
    ProgrammingError,
    "sigma",
    "3 % of Gmax is usual for resistive memory (`imperfections.ProgrammingError`); finer: by more pulses",
)
"""How exactly conductances are written."""
LEVELS = Knob(
    name="levels",
    unit="1",
    values=np.exp2(np.arange(3.0, 13.0)),
    turn=lambda build, value: build.with_grade(Quantisation(levels=value)),
    prices=np.arange(3.0, 13.0) / 3.0,
    source="3 to 12 bits; a device is assumed to cost as many times as much as it has bits",
)
"""The number of values that a conductance can have."""
OFFSET = _graded(
    "offset grade",
    "V",
    np.array([3e-3, 1e-3, 300e-6, 100e-6, 30e-6, 10e-6, 3e-6]),
    AmplifierOffset,
    "volts",
    f"from a general op-amp to one that is trimmed or chopped; {_SOLD}",
)
"""The grade of op-amps by their offset."""
BANDWIDTH = _free("gain-bandwidth", "Hz", np.array([0.5e6, 1e6, 2e6, 5e6, 10e6, 20e6]), _set_bandwidth, _SOLD)
"""The speed of op-amps."""
CAPACITOR = _free(
    "hold capacitor", "F", np.array([10, 22, 47, 100, 220, 470, 1000]) * 1e-12, _set_capacitor, "series E3 (IEC 60063)"
)
"""The hold capacitors: larger ones droop less, and take less of the charge of a switch."""
RANGE = Knob(
    name="conductance range",
    unit="1",
    values=np.array([3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]),
    turn=_set_range,
    prices=np.sqrt(np.array([3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]) / 3.0),
    source=f"assumed, {_SOLD}; ten times the range is assumed to cost 3.2 times as much",
)
"""Largest over least conductance of a device."""
BORE = _graded(
    "bore tolerance",
    "1",
    np.array([0.02, 0.01, 0.005, 0.0025, 0.001, 0.0005, 0.00025]),
    BoreTolerance,
    "sigma",
    "assumed: from drawn tube to tubes that are measured and selected",
)
"""The grade of tubes by the scatter of their bores."""


@singledispatch
def usual_knobs(technology: object) -> tuple[Knob, ...]:
    """Return the knobs of a `technology` that `size` turns unless told; `UnsupportedError` for one that has none."""
    got, do = type(technology).__name__, "give knobs="
    raise UnsupportedError(explain("technology", must="have known knobs", got=got, do=do))


@usual_knobs.register
def _(technology: Behavioural | Channels) -> tuple[Knob, ...]:
    return PHASE_LENGTH, PROGRAMMING


@usual_knobs.register
def _(technology: OpAmpCircuit) -> tuple[Knob, ...]:
    return BANDWIDTH, OFFSET, CAPACITOR


@usual_knobs.register
def _(technology: Hydraulic) -> tuple[Knob, ...]:
    return PHASE_LENGTH, BORE


@checked
def narrowed(knob: Knob, *, at_least: float, at_most: float) -> Knob:
    """Return `knob` with those of its values that are from `at_least` to `at_most`.

    Raises `InvalidValueError` if there is none.
    """
    kept = (knob.values >= at_least) & (knob.values <= at_most)
    if not kept.any():
        must, got, do = f"hold one of {knob.values.tolist()}", f"{at_least:g} to {at_most:g}", "give a wider range"
        raise InvalidValueError(explain(f"range of {knob.name}", must=must, got=got, do=do))
    return replace(knob, values=knob.values[kept], prices=knob.prices[kept])
