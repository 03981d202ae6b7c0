"""Hydraulic technologies: signals become pressures above a datum, p = p_ref + p_unit x.

Sizes and their derivations: `reference/hydraulic.md`; fluids at 40 C (VG32) and 20 C (water).
"""

from dataclasses import dataclass, fields
from enum import Enum

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.errors import InvalidValueError, explain


class Detail(Enum):
    """Which volumes yield under pressure.

    IDEAL: the tanks only; manifolds and bridges are at their algebraic balance. FULL: every chamber.
    """

    IDEAL = "ideal"
    FULL = "full"


@dataclass(frozen=True, kw_only=True)
class Fluid:
    """A liquid: `density` (kg/m3) and dynamic `viscosity` (Pa s) at `temperature` (C), vapour pressure (Pa, absolute)."""

    name: str
    density: float
    viscosity: float
    temperature: float
    vapour_pressure: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """A bundle of `count` equal round tubes in parallel: `bore` and `length` in m."""

    bore: float
    length: float
    count: int

    def conductance(self, fluid: Fluid) -> float:
        """Return count pi d^4/(128 mu L), Hagen-Poiseuille, in m3/(s Pa)."""
        return self.count * np.pi * self.bore**4 / (128.0 * fluid.viscosity * self.length)


def bore(conductance: Floats, length: float, fluid: Fluid) -> Floats:
    """Return the bore (m) of a tube of `length` (m) that has `conductance` (m3/(s Pa)) for `fluid`: Hagen-Poiseuille."""
    return (128.0 * fluid.viscosity * length * conductance / np.pi) ** 0.25


@dataclass(frozen=True, kw_only=True)
class Hydraulic:
    """Capillaries, half-bridges of equal-percentage ports, relays, solenoids and tanks.

    Attributes
    ----------
    name, provenance : str
        What it is called, and where the sizes come from.
    fluid : Fluid
        What flows.
    detail : Detail
        Which volumes yield.
    pressure_unit : float
        Pressure above the datum that stands for 1 of x, c and h (Pa).
    datum : float
        Pressure of the datum above the atmosphere (Pa).
    unit_conductance : float
        Of the capillary of weight 1 (m3/(s Pa)).
    capillary_length : float
        Of all weight capillaries (m).
    least_total : float
        S_min: the weights that a manifold totals at least, which bounds its time constant.
    port_conductance : float
        Of a port at rest (m3/(s Pa)).
    tank : float
        Capacitance of a memory (m3/Pa).
    tank_line : Line
        From a relay through a solenoid to a tank.
    pilot : float
        Capacitance of a manifold or of the chamber after a bridge (m3/Pa).
    seat_leak : float
        A shut solenoid's conductance as a share of the open one.
    gap : float
        Pause between two clock pulses, in time constants.
    """

    name: str
    provenance: str
    fluid: Fluid
    detail: Detail
    pressure_unit: float
    datum: float
    unit_conductance: float
    capillary_length: float
    least_total: float
    port_conductance: float
    tank: float
    tank_line: Line
    pilot: float
    seat_leak: float
    gap: float

    def __post_init__(self) -> None:
        """Check that every size is positive."""
        sizes = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        sizes |= {f"fluid {entry.name}": getattr(self.fluid, entry.name) for entry in fields(self.fluid)}
        sizes |= {f"tank line {entry.name}": getattr(self.tank_line, entry.name) for entry in fields(self.tank_line)}
        for name, value in sizes.items():
            if (
                isinstance(value, float | int)
                and name != "fluid temperature"
                and not (np.isfinite(value) and value > 0)
            ):
                do = "give SI units above zero"
                raise InvalidValueError(explain(f"{self.name} {name}", must="be positive", got=value, do=do))

    @property
    def time_constant(self) -> float:
        """The slowest pole (s): a tank behind its line, or a manifold of the least total."""
        tank = self.tank / self.tank_line.conductance(self.fluid)
        manifold = self.pilot / (self.unit_conductance * self.least_total)
        return max(tank, manifold) if self.detail is Detail.FULL else tank


VG32 = Fluid(name="ISO VG 32 at 40 C", density=860.0, viscosity=0.0275, temperature=40.0, vapour_pressure=1.0)
WATER_20 = Fluid(name="water at 20 C", density=998.0, viscosity=1.0e-3, temperature=20.0, vapour_pressure=2340.0)

OIL = Hydraulic(
    name="OIL",
    provenance="design.md section 7 and reference/hydraulic.md B6; tank line rebundled to keep its end loss below 1 %",
    fluid=VG32,
    detail=Detail.IDEAL,
    pressure_unit=10e3,
    datum=100e3,
    unit_conductance=2e-11,
    capillary_length=0.30,
    least_total=3.0,
    port_conductance=2e-10,
    tank=1e-9,
    tank_line=Line(bore=2.413e-3, length=0.303, count=20),
    pilot=1e-11,
    seat_leak=1e-18,
    gap=0.1,
)
"""Spring-piston tanks of 10 cm2 on 1 kN/m in hydraulic oil: 10 kPa and 10 mL a unit, half a second a time constant."""

WATER = Hydraulic(
    name="WATER",
    provenance="design.md section 7 and reference/hydraulic.md B6; tank line rebundled to keep its end loss below 1 %",
    fluid=WATER_20,
    detail=Detail.IDEAL,
    pressure_unit=1e3,
    datum=600.0 * 9.81,
    unit_conductance=2e-11,
    capillary_length=1.0,
    least_total=3.0,
    port_conductance=2e-10,
    tank=2e-9,
    tank_line=Line(bore=1.131e-3, length=1.0, count=10),
    pilot=1e-12,
    seat_leak=1e-18,
    gap=0.1,
)
"""Open tubes of 5 mm on a bench: 1 kPa, 102 mm of water, a unit; five seconds a time constant."""
