"""Liquids, each property by a published law of temperature, and what fills a network."""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.properties import (
    Constant,
    GlycerolDensity,
    GlycerolVapour,
    GlycerolViscosity,
    LubricatingOil,
    Property,
    Walther,
    WaterDensity,
    WaterTension,
    WaterVapour,
    WaterViscosity,
)
from lstm_analog.network.quantities import check_fields, check_number

ATMOSPHERE = 101325.0
"""The standard pressure of the atmosphere (Pa)."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Fluid:
    """A liquid at a temperature.

    Attributes
    ----------
    name, provenance : str
        What it is, and where the numbers come from.
    temperature : float
        C.
    viscosity_law, density_law, vapour_law, tension_law : Property
        Viscosity (Pa s), density (kg/m3), pressure below which it boils (Pa, absolute) and surface tension against air
        (N/m), as functions of temperature.
    bulk_modulus : float
        Of the liquid with what air it usually holds (Pa).
    """

    name: str
    provenance: str
    temperature: float
    viscosity_law: Property
    density_law: Property
    vapour_law: Property
    tension_law: Property
    bulk_modulus: float

    def __post_init__(self) -> None:
        """Check that the laws hold at the temperature, and that what they say there is positive."""
        check_fields(self, self.name, signed=("temperature",))
        for what in ("viscosity", "density", "vapour", "tension"):
            law: Property = getattr(self, f"{what}_law")
            if not law.lowest <= self.temperature <= law.highest:
                must, do = f"be {law.lowest:g} to {law.highest:g} C", f"stay where the law of its {what} holds"
                raise InvalidValueError(explain(f"{self.name} temperature", must=must, got=self.temperature, do=do))
            check_number(f"{self.name} {what}", law.at(self.temperature))

    @property
    def viscosity(self) -> float:
        """The dynamic viscosity at the temperature (Pa s)."""
        return self.viscosity_law.at(self.temperature)

    @property
    def density(self) -> float:
        """The density at the temperature (kg/m3)."""
        return self.density_law.at(self.temperature)

    @property
    def vapour_pressure(self) -> float:
        """The absolute pressure below which it boils at the temperature (Pa)."""
        return self.vapour_law.at(self.temperature)

    @property
    def surface_tension(self) -> float:
        """The surface tension against air at the temperature (N/m)."""
        return self.tension_law.at(self.temperature)

    @property
    def thinning(self) -> float:
        """The relative fall of the viscosity for each kelvin, -d ln(mu)/dT (1/K)."""
        law = self.viscosity_law
        step = 0.01 if self.temperature < law.highest else -0.01
        return float(-np.log(law.at(self.temperature + step) / self.viscosity) / step)

    def at(self, temperature: float) -> "Fluid":
        """Return the liquid at `temperature` (C); `InvalidValueError` outside the range of its laws."""
        return replace(self, temperature=temperature)


@checked_record
@dataclass(frozen=True, kw_only=True)
class Filling:
    """The liquid in a hydraulic network, as imperfections and studies need to know it.

    Attributes
    ----------
    fluid : Fluid
        The liquid at its temperature in operation.
    datum : float
        Pressure of the datum above the atmosphere (Pa).
    open_tanks : tuple of str
        The storages that are open tubes: their capacitance A/(rho g) and their overflow rho g h depend on the density.
    """

    fluid: Fluid
    datum: float
    open_tanks: tuple[str, ...]


_OIL_DENSITY = LubricatingOil(density=875.7762)
VG32 = Fluid(
    name="ISO VG 32",
    provenance="ISO 3448: 32 mm2/s at 40 C; 5.4 mm2/s at 100 C is that of a mineral oil of viscosity index near 100; "
    "860 kg/m3 at 40 C; tension, modulus (1 % air by volume) and vapour pressure, a bound, assumed",
    temperature=40.0,
    viscosity_law=Walther(warm=32e-6, hot=5.4e-6, density=_OIL_DENSITY, lowest=0.0, highest=100.0),
    density_law=_OIL_DENSITY,
    vapour_law=Constant(value=10.0, lowest=0.0, highest=100.0),
    tension_law=Constant(value=0.030),
    bulk_modulus=1.4e9,
)
"""Mineral hydraulic oil at 40 C: 27.5 mPa s, 4 % less with each kelvin."""

PURE_WATER = Fluid(
    name="water",
    provenance="IAPWS and Kell, see the laws; modulus of 20 C",
    temperature=20.0,
    viscosity_law=WaterViscosity(),
    density_law=WaterDensity(),
    vapour_law=WaterVapour(),
    tension_law=WaterTension(),
    bulk_modulus=2.18e9,
)
"""Water at 20 C: 1.00 mPa s, 2.4 % less with each kelvin."""

GLYCEROL_60 = Fluid(
    name="glycerol 60 % in water",
    provenance="Cheng 2008 and Raoult, see the laws; tension and modulus assumed",
    temperature=20.0,
    viscosity_law=GlycerolViscosity(glycerol=0.6),
    density_law=GlycerolDensity(glycerol=0.6),
    vapour_law=GlycerolVapour(glycerol=0.6),
    tension_law=Constant(value=0.067),
    bulk_modulus=3.0e9,
)
"""Six parts by mass of glycerol in four of water at 20 C: 10.9 mPa s, 4.4 % less with each kelvin."""
