"""Liquids: density, vapour pressure, and viscosity as a function of temperature, each by a published law."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np

from lstm_analog.errors import InvalidTypeError, InvalidValueError, explain

KELVIN = 273.15
"""0 C in kelvin."""


class Viscosity(ABC):
    """A law mu(T); it holds from `lowest` to `highest` C."""

    lowest: float
    highest: float

    @abstractmethod
    def at(self, temperature: float) -> float:
        """Return the dynamic viscosity (Pa s) at `temperature` (C)."""


@dataclass(frozen=True, kw_only=True)
class Constant(Viscosity):
    """The same `viscosity` (Pa s) at every temperature: a liquid that was measured once, a thermostat."""

    viscosity: float
    lowest: float = -KELVIN
    highest: float = float("inf")

    def at(self, temperature: float) -> float:
        """Return the viscosity (Pa s) at any `temperature` (C)."""
        return self.viscosity


@dataclass(frozen=True, kw_only=True)
class Vogel(Viscosity):
    """mu = a 10^(b/(T - c)), T in kelvin; H. Vogel, Phys. Z. 22 (1921) 645. `a` in Pa s, `b` and `c` in kelvin.

    For water a = 2.414e-5, b = 247.8, c = 140 (T. Al-Shemmeri, Engineering Fluid Mechanics, 2012): within 0.6 % of
    Korson, Drost-Hansen, Millero, J. Phys. Chem. 73 (1969) 34, between 10 and 40 C.
    """

    a: float
    b: float
    c: float
    lowest: float
    highest: float

    def at(self, temperature: float) -> float:
        """Return the viscosity (Pa s) at `temperature` (C)."""
        return float(self.a * 10.0 ** (self.b / (temperature + KELVIN - self.c)))


@dataclass(frozen=True, kw_only=True)
class Walther(Viscosity):
    """log10 log10(nu + 0.7) = A - B log10 T, nu in mm2/s, T in kelvin; ASTM D341, for nu > 2 mm2/s.

    A and B follow from the two kinematic viscosities of every data sheet, at 40 C and 100 C: `warm`, `hot` (m2/s);
    mu = `density` nu (kg/m3).
    """

    warm: float
    hot: float
    density: float
    lowest: float
    highest: float

    def at(self, temperature: float) -> float:
        """Return the viscosity (Pa s) at `temperature` (C)."""
        warm, hot = (np.log10(np.log10(nu * 1e6 + 0.7)) for nu in (self.warm, self.hot))
        ends = np.log10(40.0 + KELVIN), np.log10(100.0 + KELVIN)
        share = (np.log10(temperature + KELVIN) - ends[0]) / (ends[1] - ends[0])
        kinematic = 10.0**10.0 ** (warm + share * (hot - warm)) - 0.7
        return float(self.density * kinematic * 1e-6)


@dataclass(frozen=True, kw_only=True)
class GlycerolWater(Viscosity):
    """mu = mu_w^alpha mu_g^(1 - alpha), `glycerol` the mass share; N.-S. Cheng, Ind. Eng. Chem. Res. 47 (2008) 3285."""

    glycerol: float
    lowest: float = 0.0
    highest: float = 100.0

    def at(self, temperature: float) -> float:
        """Return the viscosity (Pa s) at `temperature` (C)."""
        t, share = temperature, self.glycerol
        water = 1.790e-3 * np.exp((-1230.0 - t) * t / (36100.0 + 360.0 * t))
        pure = 12.1 * np.exp((-1233.0 + t) * t / (9900.0 + 70.0 * t))
        a = 0.705 - 0.0017 * t
        b = (4.9 + 0.036 * t) * a**2.5
        alpha = 1.0 - share + a * b * share * (1.0 - share) / (a * share + b * (1.0 - share))
        return float(water**alpha * pure ** (1.0 - alpha))


@dataclass(frozen=True, kw_only=True)
class Fluid:
    """A liquid.

    Attributes
    ----------
    name, provenance : str
        What it is, and where the numbers come from.
    law : Viscosity
        Its viscosity as a function of temperature.
    temperature : float
        At which it is used (C).
    density : float
        kg/m3.
    vapour_pressure : float
        Below which it boils (Pa, absolute).
    surface_tension : float
        Against air (N/m).
    bulk_modulus : float
        Of the liquid with what air it usually holds (Pa).
    """

    name: str
    provenance: str
    law: Viscosity
    temperature: float
    density: float
    vapour_pressure: float
    surface_tension: float
    bulk_modulus: float

    def __post_init__(self) -> None:
        """Check that the numbers are positive and the law holds at the temperature."""
        check_fields(self, self.name, signed=("temperature",))
        law = self.law
        if not law.lowest <= self.temperature <= law.highest:
            must, do = f"be {law.lowest:g} to {law.highest:g} C", "stay where the viscosity law holds"
            raise InvalidValueError(explain(f"{self.name} temperature", must=must, got=self.temperature, do=do))
        check_number(f"{self.name} viscosity", self.viscosity)

    @property
    def viscosity(self) -> float:
        """The dynamic viscosity at the temperature (Pa s)."""
        return self.law.at(self.temperature)

    @property
    def thinning(self) -> float:
        """By what share the viscosity falls with each kelvin, -d ln(mu)/dT (1/K)."""
        step = 0.01 if self.temperature < self.law.highest else -0.01
        return float(-np.log(self.law.at(self.temperature + step) / self.viscosity) / step)

    def at(self, temperature: float) -> "Fluid":
        """Return the liquid at `temperature` (C): another viscosity; the rest, which changes far less, is kept."""
        return replace(self, temperature=temperature)


def check_fields(record: object, what: str, signed: tuple[str, ...] = ()) -> None:
    """Raise for the first field of `record`, called `what`, that is of another kind than it says, or not above zero.

    Numbers named in `signed` may have any sign. A count is whole. Raises `InvalidTypeError` or `InvalidValueError`.
    """
    for entry in fields(record):  # type: ignore[arg-type]
        value, name = getattr(record, entry.name), f"{what} {entry.name}"
        if entry.type is int:
            check_count(name, value)
        elif entry.type is not float:
            _check_kind(name, value, entry.type)
        elif entry.name not in signed:
            check_number(name, value)


def _check_kind(what: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        wanted = " or ".join(each.__name__ for each in get_args(kind) or (kind,))
        got, do = ascii(value)[:60], "take one of a preset, or make your own"
        raise InvalidTypeError(explain(what, must=f"be of kind {wanted}", got=got, do=do))


def check_count(what: str, value: object) -> None:
    """Raise unless `value`, called `what`, is a whole number above zero."""
    check_number(what, value)
    if not isinstance(value, Integral):
        raise InvalidValueError(explain(what, must="be whole", got=value, do="count them"))


def check_number(what: str, value: object) -> None:
    """Raise unless `value`, called `what`, is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real):
        got, do = ascii(value)[:60], "give SI units above zero"
        raise InvalidTypeError(explain(what, must="be a number", got=got, do=do))
    if not 0.0 < float(value) < np.inf:
        raise InvalidValueError(explain(what, must="be positive", got=value, do="give SI units above zero"))


VG32 = Fluid(
    name="ISO VG 32",
    provenance="ISO 3448: 32 mm2/s at 40 C; 5.4 mm2/s at 100 C is that of a mineral oil of viscosity index near 100; "
    "tension and modulus (1 % air by volume) assumed",
    law=Walther(warm=32e-6, hot=5.4e-6, density=860.0, lowest=0.0, highest=100.0),
    temperature=40.0,
    density=860.0,
    vapour_pressure=1.0,
    surface_tension=0.030,
    bulk_modulus=1.4e9,
)
"""Mineral hydraulic oil at 40 C: 27.5 mPa s, 4 % less with each kelvin."""

PURE_WATER = Fluid(
    name="water",
    provenance="textbook values at 20 C",
    law=Vogel(a=2.414e-5, b=247.8, c=140.0, lowest=0.0, highest=100.0),
    temperature=20.0,
    density=998.2,
    vapour_pressure=2339.0,
    surface_tension=0.0728,
    bulk_modulus=2.18e9,
)
"""Water at 20 C: 1.00 mPa s."""

GLYCEROL_60 = Fluid(
    name="glycerol 60 % in water",
    provenance="density at 20 C as tabulated by Dow; vapour pressure by Raoult's law; the rest assumed",
    law=GlycerolWater(glycerol=0.6),
    temperature=20.0,
    density=1154.0,
    vapour_pressure=1800.0,
    surface_tension=0.067,
    bulk_modulus=3.0e9,
)
"""Six parts by mass of glycerol in four of water at 20 C: 10.9 mPa s."""
