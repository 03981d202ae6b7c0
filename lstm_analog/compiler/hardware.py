"""The parts of plumbing: tubes and their laws, tanks, and the data of bought valves and relays."""

from dataclasses import dataclass, replace

import numpy as np

from lstm_analog.arrays import Floats, floats
from lstm_analog.doors import checked
from lstm_analog.errors import InvalidValueError, explain
from lstm_analog.network.fluids import Fluid
from lstm_analog.network.quantities import check_fields, check_number

GRAVITY = 9.81
"""The acceleration of gravity (m/s2)."""
END_LOSS = 0.046
"""K/(16 pi) with K = 2.3, the loss of entrance, exit and forming profile (Hagenbach; docs/hydraulics.md#end-loss)."""
SHARE_LOST = 0.01
"""The end loss over the tube's own loss up to which Hagen-Poiseuille is taken to hold. Smaller: more tubes."""
DESIGN_UNITS = 2.0
"""The largest drop across a tube for which the presets are designed, in pressure units."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A bundle of `count` equal round tubes in parallel: `bore` and `length` in m.

    Valid for laminar flow, Re < 2300 in each tube, and lengths well above 0.06 Re d, over which the profile forms.
    """

    bore: float
    length: float
    count: int

    def __post_init__(self) -> None:
        check_fields(self, "tube")

    def conductance(self, fluid: Fluid) -> float:
        """Return count pi d^4/(128 mu L), Hagen-Poiseuille, in m3/(s Pa), for `fluid`."""
        return float(self.count * np.pi * self.bore**4 / (128.0 * fluid.viscosity * self.length))

    def inertance(self, fluid: Fluid) -> float:
        """Return 4/3 rho L/(count A) in Pa s2/m3 for `fluid`; the 4/3 is that of a parabolic profile."""
        area = self.count * 0.25 * np.pi * self.bore**2
        return float(4.0 / 3.0 * fluid.density * self.length / area)


@checked
def decay_time(frequency: float, damping: float) -> float:
    """Return the time constant (s) of the slowest pole of x''/w^2 + 2 zeta x'/w + x.

    w is the `frequency` (rad/s), zeta the `damping`: 1/(zeta w) below 1, else that of the slower of two real poles.
    Raises `InvalidValueError` unless both are positive.
    """
    check_number("frequency", frequency)
    check_number("damping", damping)
    if damping <= 1.0:
        return float(1.0 / (frequency * damping))
    return float((damping + np.sqrt(damping - 1.0) * np.sqrt(damping + 1.0)) / frequency)


@checked
def bore(conductance: Floats, length: float, fluid: Fluid) -> Floats:
    """Return the bore (m) of a tube of `length` (m) with `conductance` (m3/(s Pa)) for `fluid`: Hagen-Poiseuille.

    Raises `InvalidValueError` where no tube has that conductance.
    """
    check_number("tube length", length)
    conductance = floats(conductance, "tube conductance")
    if not (conductance > 0).all():
        got, do = float(np.min(conductance)), "leave the tube out, or give m3/(s Pa) above zero"
        raise InvalidValueError(explain("tube conductance", must="be positive", got=got, do=do))
    return (128.0 * fluid.viscosity * length * conductance / np.pi) ** 0.25


@checked
def end_loss(flow: Floats, length: float, fluid: Fluid) -> Floats:
    """Return 0.046 rho q/(mu L), the end loss over the own loss of a tube of `length` (m) at `flow` (m3/s) of `fluid`.

    Raises `InvalidValueError` unless the length is positive.
    """
    check_number("tube length", length)
    return END_LOSS * fluid.density * np.asarray(flow) / (fluid.viscosity * length)


@checked
def bundle(conductance: float, length: float, fluid: Fluid, drop: float) -> Line:
    """Return the fewest tubes of `length` (m) with `conductance` (m3/(s Pa)) for `fluid` and an end loss up to 1 %.

    The relative end loss of a tube is proportional to its flow, whatever its bore. N tubes in parallel carry an Nth
    each, so N = eps/0.01 where eps is the end loss of one tube at the pressure `drop` (Pa). The bore follows from the
    conductance. Raises `InvalidValueError` unless all are positive.
    """
    check_number("tube length", length)
    check_number("pressure drop", drop)
    check_number("tube conductance", conductance)
    alone = float(end_loss(np.array(conductance * drop), length, fluid))
    count = max(int(np.ceil(alone / SHARE_LOST)), 1)
    return Line(bore=float(bore(np.array(conductance / count), length, fluid)), length=length, count=count)


@dataclass(frozen=True, kw_only=True)
class SpringPiston:
    """A tank: a cylinder with a piston of `area` (m2) on a spring, C = area^2/rate (Hooke), the rate in N/m.

    The piston moves `stroke` (m) either side of its place at the datum. `travel` (m) is how far the spring can be
    compressed, its preload by the datum pressure included; `seal_friction` (N) holds the piston back.
    """

    area: float
    stroke: float
    travel: float
    seal_friction: float

    def __post_init__(self) -> None:
        check_fields(self, "spring piston")


@dataclass(frozen=True, kw_only=True)
class OpenTube:
    """A tank: an upright open tube, C = pi bore^2/(4 rho g) by hydrostatics, `height` (m) above the gauge level.

    `wetting_spread` is the relative difference in capillary rise between tubes: dirt, advancing or receding liquid.
    """

    height: float
    wetting_spread: float

    def __post_init__(self) -> None:
        check_fields(self, "open tube")


Vessel = SpringPiston | OpenTube
"""The kinds of tank."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """Data of bought parts, against which the design check compares a machine.

    The equations contain the relief valves in full and dynamic detail, closing time and spools in dynamic detail.

    Attributes
    ----------
    name, provenance : str
        Its name, and where the sizes come from.
    rangeability : float
        Largest over smallest conductance of an equal-percentage port.
    port_length, port_channels, drain_channels : float, int, int
        Length (m) and number of the parallel grooves in a port; the number of those in the drain of a gated leak.
    swept_volume : float
        Volume that a solenoid valve displaces when it shuts (m3).
    closing_time : float
        Time in which a solenoid valve shuts (s).
    pilot_area, spool_frequency, spool_damping : float
        Effective area (m2), natural frequency (rad/s) and damping ratio of the spool of a bridge. Its spring follows
        from the capacitance of its chamber, area^2/rate.
    relief_conductance, relief_band : float
        Conductance of the overflow or relief valve at the stops of a tank (m3/(s Pa)), and the range of pressure over
        which it opens (Pa).
    relay_flow, relay_bleed : float
        Largest flow that a relay delivers, and its consumption at rest (m3/s).
    relay_time : float
        Time constant of a relay that feeds a tank line (s).
    relay_volume : float
        Volume of liquid between the valve of a relay and the valve or tube that it feeds (m3).
    supply : float
        Pressure of the pump above the atmosphere (Pa).
    rating : float
        Pressure that tubes and valves withstand (Pa).
    level_error : float
        Error in the height of a gauge or pilot (m).
    temperature_spread : float
        Largest difference of temperature between the tubes of one manifold (K).
    least_bore, largest_bore : float
        Smallest and largest bore of tubes that can be bought (m).
    """

    name: str
    provenance: str
    rangeability: float
    port_length: float
    port_channels: int
    drain_channels: int
    swept_volume: float
    closing_time: float
    pilot_area: float
    spool_frequency: float
    spool_damping: float
    relief_conductance: float
    relief_band: float
    relay_flow: float
    relay_bleed: float
    relay_time: float
    relay_volume: float
    supply: float
    rating: float
    level_error: float
    temperature_spread: float
    least_bore: float
    largest_bore: float

    def __post_init__(self) -> None:
        """Check that every size is positive, that trim has a range, and that some bores are sold."""
        check_fields(self, self.name)
        if not self.rangeability > 1.0:
            what, do = f"{self.name} rangeability", "give largest over least conductance, e.g. 50"
            raise InvalidValueError(explain(what, must="be above 1", got=self.rangeability, do=do))
        if not self.least_bore < self.largest_bore:
            got, do = f"{self.least_bore:g} and {self.largest_bore:g}", "give the range that is sold (m)"
            raise InvalidValueError(explain(f"{self.name} bores", must="be in order", got=got, do=do))


INDUSTRIAL = Hardware(
    name="INDUSTRIAL",
    provenance="assumed: small poppet solenoids and force-balance relays for oil; makers' rangeability 50 to 1; tubes "
    "of 0.1 to 10 mm from capillary and hydraulic tube stock; spools of 2 cm2 and 160 rad/s, "
    "damping 0.7: docs/hydraulics.md#hardware",
    rangeability=50.0,
    port_length=50e-3,
    port_channels=6,
    drain_channels=16,
    swept_volume=20e-9,
    closing_time=20e-3,
    pilot_area=2e-4,
    spool_frequency=160.0,
    spool_damping=0.7,
    relief_conductance=4e-8,
    relief_band=500.0,
    relay_flow=1e-4,
    relay_bleed=1e-6,
    relay_time=10e-3,
    relay_volume=0.5e-6,
    supply=200e3,
    rating=1e6,
    level_error=1e-3,
    temperature_spread=0.2,
    least_bore=0.1e-3,
    largest_bore=10e-3,
)
"""Parts for hydraulic oil at a few bar."""

BENCH = replace(
    INDUSTRIAL,
    name="BENCH",
    provenance="assumed: miniature isolation valves and diaphragm relays on a laboratory bench under 1.2 m of water; "
    "rangeability 50 to 1; glass and metal capillaries and tubes of 0.1 to 10 mm; diaphragm-driven spools of 0.2 cm2",
    port_channels=4,
    drain_channels=8,
    swept_volume=5e-9,
    closing_time=10e-3,
    pilot_area=2e-5,
    relief_conductance=8e-9,
    relief_band=50.0,
    relay_flow=1e-5,
    relay_bleed=1e-7,
    relay_time=20e-3,
    supply=12e3,
    rating=300e3,
    level_error=0.5e-3,
)
"""Parts for water, or glycerol in water, in open tubes."""
