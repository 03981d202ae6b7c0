"""Hydraulic technologies: the sizes of plumbing, in which signals are pressures above a datum, p = p_ref + p_unit x.

Sizes and their derivations: docs/hydraulics.md#presets; `fluids` has the liquids, `hardware` the tubes and bought
parts. Each preset's tank line is derived: the conductance that gives its time constant, in as few tubes as keep the
end loss below 1 % at 2 pressure units (`hardware.bundle`). `study.design_check` says whether a machine works. A micro
technology (water, 10 kPa, tanks of 1 uL a unit) is not offered: longer tubes would mend its end loss, 2.6 %, but a
solenoid valve that displaces 1 uL, which is assumed for a very small one, moves a tank by a whole unit when it shuts;
0.01 are admitted (docs/hydraulics.md#micro).
"""

from dataclasses import dataclass, replace
from enum import Enum

from lstm_analog.compiler.hardware import (
    BENCH,
    DESIGN_UNITS,
    GRAVITY,
    INDUSTRIAL,
    Hardware,
    Line,
    OpenTube,
    SpringPiston,
    Vessel,
    bore,
    bundle,
    decay_time,
    end_loss,
)
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.fluids import GLYCEROL_60, PURE_WATER, VG32, Fluid
from lstm_analog.network.quantities import check_fields

__all__ = [
    "BENCH",
    "GLYCEROL",
    "GLYCEROL_60",
    "INDUSTRIAL",
    "OIL",
    "PURE_WATER",
    "VG32",
    "WATER",
    "Detail",
    "Fluid",
    "Hardware",
    "Hydraulic",
    "Line",
    "OpenTube",
    "SpringPiston",
    "Vessel",
    "bore",
    "bundle",
    "decay_time",
    "end_loss",
]


class Detail(Enum):
    """Which volumes yield under pressure, and which parts have mass.

    IDEAL: only tanks yield, without limit; manifolds and bridges are in algebraic balance. FULL: every chamber yields,
    and tanks have stops. DYNAMIC: as FULL, and the spool of every bridge and the liquid in every tank line have mass;
    each unit has 31 states: 4 tanks, 8 manifolds, 5 bridges, 5 spools of 2 and 4 lines.
    """

    IDEAL = "ideal"
    FULL = "full"
    DYNAMIC = "dynamic"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Hydraulic:
    """Sizes of plumbing: capillaries, half-bridges of equal-percentage ports, relays, solenoid valves and tanks.

    Attributes
    ----------
    name, provenance : str
        Its name, and where the sizes come from.
    fluid : Fluid
        The liquid at the temperature for which bores are made; `imperfections.OperatingTemperature` sets another.
    detail : Detail
        Which volumes yield, and which parts have mass.
    pressure_unit : float
        Pressure above the datum that stands for 1 of x, c and h (Pa).
    datum : float
        Pressure of the datum above the atmosphere (Pa).
    unit_conductance : float
        Conductance of the capillary of a weight of 1 (m3/(s Pa)).
    capillary_length : float
        Length of the capillaries of all weights (m).
    least_total : float
        S_min: the least sum of weights of a manifold; smaller sums are filled up by a dummy capillary. It bounds the
        manifold's time constant.
    port_conductance : float
        Conductance of a port whose control is zero (m3/(s Pa)).
    tank : float
        Capacitance of a memory (m3/Pa).
    vessel : Vessel
        The kind and size of a tank.
    tank_line : Line
        The tubes from a relay through a solenoid valve to a tank.
    pilot : float
        Capacitance of a manifold, or of the chamber behind a bridge (m3/Pa).
    seat_leak : float
        Conductance of a shut solenoid valve over that of the open one.
    gap : float
        Pause between two clock pulses, in time constants.
    hardware : Hardware
        Data of the bought parts.
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
    vessel: Vessel
    tank_line: Line
    pilot: float
    seat_leak: float
    gap: float
    hardware: Hardware

    def __post_init__(self) -> None:
        """Check that sizes are positive, that a shut solenoid passes less than an open one, that tanks can be at 0."""
        check_fields(self, self.name)
        if not self.seat_leak < 1.0:
            do = "give the share of the open conductance"
            raise InvalidValueError(explain(f"{self.name} seat_leak", must="be below 1", got=self.seat_leak, do=do))
        highest = self.reach()[1]
        if not highest > 0.0:
            must, do = f"be below what a full tank holds, {self.datum + highest:.4g} Pa", "take higher tubes"
            raise InvalidValueError(explain(f"{self.name} datum", must=must, got=self.datum, do=do))

    @property
    def time_constant(self) -> float:
        """The slowest pole (s), of tanks behind lines, manifolds of the least total, bridges at z = 0, or spools."""
        tank = self.tank / self.tank_line.conductance(self.fluid)
        if self.detail is Detail.IDEAL:
            return tank
        manifold = self.pilot / min(self.unit_conductance * self.least_total, 2.0 * self.port_conductance)
        if self.detail is Detail.FULL:
            return max(tank, manifold)
        spool = decay_time(self.hardware.spool_frequency, self.hardware.spool_damping)
        return max(decay_time(*self.line_resonance), manifold, spool)

    @property
    def line_resonance(self) -> tuple[float, float]:
        """Natural frequency (rad/s) and damping ratio of a tank with the fluid in its line.

        With L the inertance, 1/sqrt(L C) and sqrt(C/L)/(2 G).
        """
        inertance, conductance = self.tank_line.inertance(self.fluid), self.tank_line.conductance(self.fluid)
        return (inertance * self.tank) ** -0.5, 0.5 * (self.tank / inertance) ** 0.5 / conductance

    def filled(self, fluid: Fluid) -> "Hydraulic":
        """Return the same plumbing, with its bores and tanks as built, filled with another `fluid` or a warmer one.

        Its conductances, the bleed of its relays and the friction of its spools follow the viscosity, open tanks the
        density.
        """
        thicker, heavier = fluid.viscosity / self.fluid.viscosity, fluid.density / self.fluid.density
        hardware = replace(
            self.hardware,
            relay_bleed=self.hardware.relay_bleed / thicker,
            spool_damping=self.hardware.spool_damping * thicker,
        )
        return replace(
            self,
            fluid=fluid,
            unit_conductance=self.unit_conductance / thicker,
            port_conductance=self.port_conductance / thicker,
            tank=self.tank / heavier if isinstance(self.vessel, OpenTube) else self.tank,
            hardware=hardware,
        )

    def reach(self) -> tuple[float, float]:
        """Return the least and the largest pressure above the datum (Pa) that a tank can hold between its stops."""
        if isinstance(self.vessel, SpringPiston):
            stop = self.vessel.stroke * self.vessel.area / self.tank
            return -stop, stop
        return -self.datum, self.fluid.density * GRAVITY * self.vessel.height - self.datum


OIL = Hydraulic(
    name="OIL",
    provenance="docs/hydraulics.md#presets; tank line: 1 nL/Pa over 0.5 s, bundled",
    fluid=VG32,
    detail=Detail.IDEAL,
    pressure_unit=10e3,
    datum=100e3,
    unit_conductance=2e-11,
    capillary_length=0.30,
    least_total=3.0,
    port_conductance=2e-10,
    tank=1e-9,
    vessel=SpringPiston(area=1e-3, stroke=50e-3, travel=0.2, seal_friction=0.05),
    tank_line=bundle(conductance=1e-9 / 0.5, length=0.30, fluid=VG32, drop=DESIGN_UNITS * 10e3),
    pilot=1e-11,
    seat_leak=1e-18,
    gap=0.1,
    hardware=INDUSTRIAL,
)
"""Spring-piston tanks of 10 cm2 on 1 kN/m (rolling diaphragms: an O-ring would stick) in hydraulic oil: 10 kPa and 10
mL a unit, half a second a time constant, 20 tubes of 2.41 mm a tank line."""

WATER = Hydraulic(
    name="WATER",
    provenance="docs/hydraulics.md#presets; tank line: 2 nL/Pa over 5 s, bundled; ports 4e-11, "
    "a fifth of OIL's, to keep their end loss below 1 %",
    fluid=PURE_WATER,
    detail=Detail.IDEAL,
    pressure_unit=1e3,
    datum=600.0 * GRAVITY,
    unit_conductance=2e-11,
    capillary_length=1.0,
    least_total=3.0,
    port_conductance=4e-11,
    tank=2e-9,
    vessel=OpenTube(height=1.2, wetting_spread=0.1),
    tank_line=bundle(conductance=2e-9 / 5.0, length=1.0, fluid=PURE_WATER, drop=DESIGN_UNITS * 1e3),
    pilot=1e-12,
    seat_leak=1e-18,
    gap=0.1,
    hardware=BENCH,
)
"""Open tubes of 5 mm on a bench: 1 kPa, 102 mm of water, a unit; five seconds a time constant, 4 tubes of 1.42 mm a
tank line."""

GLYCEROL = replace(
    WATER,
    name="GLYCEROL",
    provenance="docs/hydraulics.md#presets; tank line: 2 nL/Pa over 5 s, for which one tube will do",
    fluid=GLYCEROL_60,
    unit_conductance=5e-11,
    capillary_length=0.5,
    port_conductance=2e-10,
    vessel=OpenTube(height=1.1, wetting_spread=0.1),
    tank_line=bundle(conductance=2e-9 / 5.0, length=0.5, fluid=GLYCEROL_60, drop=DESIGN_UNITS * 1e3),
    pilot=2e-12,
)
"""The bench of WATER with 60 % glycerol: 1 kPa, 88 mm, a unit; end losses ten times smaller, one tube a tank line."""
