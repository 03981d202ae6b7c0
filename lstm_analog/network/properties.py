"""Properties of liquids as functions of temperature, each by a published law that holds over a stated range."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.quantities import check_number

KELVIN = 273.15
"""0 C in kelvin."""
_CRITICAL = 647.096
"""Critical temperature of water (K)."""
_LEAST_WALTHER = 0.3e-6
"""The kinematic viscosity (m2/s) at and below which the double logarithm of Walther's equation has no value."""


def _check_share(glycerol: float) -> None:
    """Raise `InvalidValueError` unless `glycerol` is a share by mass."""
    if not 0.0 <= glycerol <= 1.0:
        got, do = glycerol, "give a share by mass, 0.6 for 60 %"
        raise InvalidValueError(explain("glycerol", must="be 0 to 1", got=got, do=do))


def _check_kinematic(viscosity: float) -> None:
    """Raise `InvalidValueError` unless Walther's equation has a value at the kinematic `viscosity` (m2/s)."""
    if not _LEAST_WALTHER < viscosity < np.inf:
        must, do = f"be above {_LEAST_WALTHER:g} m2/s", "give m2/s; the law holds above 2e-6"
        raise InvalidValueError(explain("kinematic viscosity", must=must, got=viscosity, do=do))


class Property(ABC):
    """A property as a function of temperature; the law holds from `lowest` to `highest` C."""

    lowest: float
    highest: float

    @abstractmethod
    def at(self, temperature: float) -> float:
        """Return the property in its SI unit at `temperature` (C)."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Constant(Property):
    """The same `value` at every temperature: a liquid that was measured once, a thermostat."""

    value: float
    lowest: float = -KELVIN
    highest: float = float("inf")

    def at(self, temperature: float) -> float:
        """Return the value at any `temperature` (C)."""
        return self.value


@checked_record
@dataclass(frozen=True, kw_only=True)
class Multiple(Property):
    """`factor` times what another `law` says, over its range: oil that has aged, sheared or been mixed."""

    law: Property
    factor: float

    @property
    def lowest(self) -> float:  # type: ignore[override]
        """The lowest temperature of the law (C)."""
        return self.law.lowest

    @property
    def highest(self) -> float:  # type: ignore[override]
        """The highest temperature of the law (C)."""
        return self.law.highest

    def at(self, temperature: float) -> float:
        """Return the multiple at `temperature` (C)."""
        return self.factor * self.law.at(temperature)


@checked_record
@dataclass(frozen=True, kw_only=True)
class LubricatingOil(Property):
    """Density (kg/m3) of a lubricating oil that has `density` at 15 C: rho exp(-a d (1 + 0.8 a d)), d = T - 15 C.

    a = 0.6278/rho per kelvin, about 7e-4: ASTM D1250-80, API MPMS 11.1, ISO 91-1, table 54D.
    """

    density: Annotated[float, partial(check_number, "density at 15 C")]
    lowest: float = -18.0
    highest: float = 150.0

    def at(self, temperature: float) -> float:
        """Return the density (kg/m3) at `temperature` (C)."""
        expansion = 0.6278 / self.density * (temperature - 15.0)
        return float(self.density * np.exp(-expansion * (1.0 + 0.8 * expansion)))


@checked_record
@dataclass(frozen=True, kw_only=True)
class Walther(Property):
    """Viscosity (Pa s) by log10 log10(nu + 0.7) = A - B log10 T, nu in mm2/s, T in kelvin; ASTM D341, nu > 2 mm2/s.

    A and B follow from the two kinematic viscosities of every data sheet, at 40 C and 100 C: `warm`, `hot` (m2/s);
    mu = rho nu with the law of the `density` (kg/m3).
    """

    warm: Annotated[float, _check_kinematic]
    hot: Annotated[float, _check_kinematic]
    density: Property
    lowest: float
    highest: float

    def at(self, temperature: float) -> float:
        """Return the viscosity (Pa s) at `temperature` (C)."""
        warm, hot = (np.log10(np.log10(nu * 1e6 + 0.7)) for nu in (self.warm, self.hot))
        ends = np.log10(40.0 + KELVIN), np.log10(100.0 + KELVIN)
        share = (np.log10(temperature + KELVIN) - ends[0]) / (ends[1] - ends[0])
        kinematic = 10.0**10.0 ** (warm + share * (hot - warm)) - 0.7
        return float(self.density.at(temperature) * kinematic * 1e-6)


@checked_record
@dataclass(frozen=True, kw_only=True)
class WaterViscosity(Property):
    """Viscosity (Pa s) of water at 0.1 MPa: the sum of a_i (T/300 K)^b_i.

    J. Patek et al., J. Phys. Chem. Ref. Data 38 (2009) 21, IAPWS SR6-08.
    """

    lowest: float = 0.0
    highest: float = 100.0

    def at(self, temperature: float) -> float:
        """Return the viscosity (Pa s) at `temperature` (C)."""
        ratio = (temperature + KELVIN) / 300.0
        terms = 280.68 * ratio**-1.9 + 511.45 * ratio**-7.7 + 61.131 * ratio**-19.6 + 0.45903 * ratio**-40.0
        return float(1e-6 * terms)


@checked_record
@dataclass(frozen=True, kw_only=True)
class WaterDensity(Property):
    """Density (kg/m3) of water at one atmosphere; G. S. Kell, J. Chem. Eng. Data 20 (1975) 97."""

    lowest: float = 0.0
    highest: float = 100.0

    def at(self, temperature: float) -> float:
        """Return the density (kg/m3) at `temperature` (C)."""
        terms = (999.83952, 16.945176, -7.9870401e-3, -46.170461e-6, 105.56302e-9, -280.54253e-12)
        return float(np.polynomial.Polynomial(terms)(temperature) / (1.0 + 16.879850e-3 * temperature))


@checked_record
@dataclass(frozen=True, kw_only=True)
class WaterVapour(Property):
    """Pressure (Pa, absolute) below which water boils.

    W. Wagner, A. Pruss, J. Phys. Chem. Ref. Data 22 (1993) 783, IAPWS SR1-86.
    """

    lowest: float = 0.0
    highest: float = 100.0

    def at(self, temperature: float) -> float:
        """Return the vapour pressure (Pa) at `temperature` (C)."""
        kelvin = temperature + KELVIN
        below = 1.0 - kelvin / _CRITICAL
        powers = np.array([1.0, 1.5, 3.0, 3.5, 4.0, 7.5])
        terms = np.array([-7.85951783, 1.84408259, -11.7866497, 22.6807411, -15.9618719, 1.80122502])
        return float(22.064e6 * np.exp(_CRITICAL / kelvin * (terms @ below**powers)))


@checked_record
@dataclass(frozen=True, kw_only=True)
class WaterTension(Property):
    """Surface tension (N/m) of water against its vapour.

    N. B. Vargaftik et al., J. Phys. Chem. Ref. Data 12 (1983) 817, IAPWS R1-76.
    """

    lowest: float = 0.0
    highest: float = 100.0

    def at(self, temperature: float) -> float:
        """Return the surface tension (N/m) at `temperature` (C)."""
        below = 1.0 - (temperature + KELVIN) / _CRITICAL
        return float(0.2358 * below**1.256 * (1.0 - 0.625 * below))


@checked_record
@dataclass(frozen=True, kw_only=True)
class GlycerolViscosity(Property):
    """Viscosity (Pa s) of glycerol in water, mu_w^alpha mu_g^(1 - alpha), `glycerol` being its share by mass.

    N.-S. Cheng, Ind. Eng. Chem. Res. 47 (2008) 3285.
    """

    glycerol: Annotated[float, _check_share]
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


@checked_record
@dataclass(frozen=True, kw_only=True)
class GlycerolDensity(Property):
    """Density (kg/m3) of glycerol in water, rho_g w + rho_w (1 - w), `glycerol` w being its share by mass.

    Within 0.8 %: N.-S. Cheng, Ind. Eng. Chem. Res. 47 (2008) 3285.
    """

    glycerol: Annotated[float, _check_share]
    lowest: float = 0.0
    highest: float = 100.0

    def at(self, temperature: float) -> float:
        """Return the density (kg/m3) at `temperature` (C)."""
        pure = 1277.0 - 0.654 * temperature
        water = 1000.0 * (1.0 - (abs(temperature - 4.0) / 622.0) ** 1.7)
        return float(pure * self.glycerol + water * (1.0 - self.glycerol))


@checked_record
@dataclass(frozen=True, kw_only=True)
class GlycerolVapour(Property):
    """Pressure (Pa, absolute) below which water boils out of glycerol, `glycerol` being its share by mass.

    That of pure water times the water's share of the moles (Raoult 1887); glycerol itself hardly evaporates.
    """

    glycerol: Annotated[float, _check_share]
    lowest: float = 0.0
    highest: float = 100.0

    def at(self, temperature: float) -> float:
        """Return the vapour pressure (Pa) at `temperature` (C)."""
        water, glycerol = (1.0 - self.glycerol) / 18.015, self.glycerol / 92.094
        return water / (water + glycerol) * WaterVapour().at(temperature)


LAWS: tuple[type[Property], ...] = (
    *(Constant, Multiple, LubricatingOil, Walther, WaterViscosity, WaterDensity, WaterVapour, WaterTension),
    *(GlycerolViscosity, GlycerolDensity, GlycerolVapour),
)
"""All kinds of property."""
