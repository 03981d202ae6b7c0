"""The BiCMOS technology: the sizes of a transistor-level cell, its operating conditions and its calibration.

Bipolar pairs are exponential by nature. MOS transistors in weak inversion nearly are: a bare pair of 20 um/1 um keeps
to a sigmoid within 0.0003 to 0.0019 (BSIM4) or 0.0034 (BSIM3) at tails of 10 nA to 1 uA. A cell of them is not offered:
with each bipolar transistor of this one replaced (BSIM4, 1000 um/1 um, no redesign), c or h was 0.08 of a unit off when
all gains had been calibrated, where the bipolar cell is 0.006: the pairs ask for cascodes. Measured with ngspice 39,
`benchmarks/tried_bicmos.py pair cell`; how far `cell` was run stands in `benchmarks/README.md`.
"""

from dataclasses import dataclass, fields, replace
from enum import Enum
from hashlib import sha256
from math import ceil, log2

import numpy as np

from lstm_analog.compiler.bicmos_calibration import Calibration
from lstm_analog.compiler.bicmos_shipped import SHIPPED
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain

_BOLTZMANN_OVER_CHARGE = 8.617333262e-5
_ZERO_CELSIUS = 273.15
SATURATION_CURRENT = 2e-17
"""The saturation current of a bipolar transistor (A)."""
READING_TAIL = 2.0
"""Tail current of the pair that computes o tanh(c), over the reference current."""
LINEAR_TAIL = 3.0
"""Each of the two tail currents of the pair that multiplies f and c, over the reference current."""


def thermal_voltage(celsius: float) -> float:
    """Return kT/q (V) at `celsius` degrees (CODATA 2018).

    >>> round(thermal_voltage(27.0), 5)
    0.02586
    """
    return _BOLTZMANN_OVER_CHARGE * (celsius + _ZERO_CELSIUS)


class Bias(Enum):
    """How the reference current and the rows follow the temperature.

    FIXED: not at all. PTAT: both in proportion to the absolute temperature, as the thermal voltage does.
    """

    FIXED = "fixed"
    PTAT = "ptat"


@checked_record
@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Operating conditions of a finished chip: the `temperature` of all devices (C), its `supply` (V), its `bias`."""

    temperature: float
    supply: float
    bias: Bias

    def __post_init__(self) -> None:
        """Check that temperature and supply can be."""
        if not -55.0 <= self.temperature <= 150.0:
            must, do = "be -55 to 150 degrees Celsius", "the device models say nothing beyond"
            raise InvalidValueError(explain("temperature", must=must, got=self.temperature, do=do))
        if not 0.0 < self.supply <= 10.0:
            do = "give volts"
            raise InvalidValueError(explain("supply", must="be positive and at most 10 V", got=self.supply, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class Bicmos:
    """Sizes of a transistor cell: bipolar pairs multiply, MOS switches and followers hold and drive; all differential.

    Attributes
    ----------
    name, provenance : str
        Its name, and where the sizes come from.
    volts_per_unit : float
        Differential voltage (V) of 1 of x and h.
    row_level : float
        Common-mode voltage (V) of the rows x, h and bias. On a chip a row carries an input, a column sums.
    unit_conductance : float
        Conductance of each of the two resistors of a weight of 1 (S).
    sigmoid_rail, tanh_rail : float
        Voltages to which the columns of i, f, o and those of g are terminated (V).
    reference_current : float
        Current of the bias generator of a cell (A); all tail currents are multiples of it.
    cell_load : float
        Load in which the two products of c are added (ohm).
    divider : float
        Both resistors in series from the master of c to the divider's rail (ohm).
    tanh_level, master_level : float
        Common-mode voltages of the pair of tanh(c) and of the master of c (V), which set the divider's rail.
    cell_level : float
        Common-mode voltage at which c is read (V).
    cell_reset, hidden_reset : float
        Common-mode voltages to which the slaves of c and h are reset (V).
    hold_capacitance : float
        Hold capacitor on each side of a master or slave (F).
    row_current : float
        Quiescent current of a row driver, class A (A).
    shunt : float
        Resistor in the supply of the cells, through which their current is measured (ohm).
    time_constant, copy_share, gap : float
        The slowest pole (s); the length of the copy phase over that of the compute phase; a pause between phases (s).
    design_temperature : float
        Temperature for which terminations and divider are chosen (C).
    nominal_supply : float
        Supply voltage for which the common-mode voltages are chosen (V).
    linear_range : float
        Largest |c| at which the product f c is still linear enough, at a state scale of 1.
    state_scale : float
        The cell holds c divided by this, so that c stays in the linear range: its products are i g/scale and f c.
    conditions : Conditions
        The operating conditions.
    calibration : Calibration or None
        Gains as corrected by circuit simulation; None stands for the calibration shipped for these sizes.
    """

    name: str
    provenance: str
    volts_per_unit: float
    row_level: float
    unit_conductance: float
    sigmoid_rail: float
    tanh_rail: float
    reference_current: float
    cell_load: float
    divider: float
    tanh_level: float
    master_level: float
    cell_level: float
    cell_reset: float
    hidden_reset: float
    hold_capacitance: float
    row_current: float
    shunt: float
    time_constant: float
    copy_share: float
    gap: float
    design_temperature: float
    nominal_supply: float
    linear_range: float
    state_scale: float
    conditions: Conditions
    calibration: Calibration | None

    def __post_init__(self) -> None:
        """Check that every size is positive."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, float | int) and not (np.isfinite(value) and value > 0):
                do = "give SI units above zero"
                raise InvalidValueError(explain(f"{self.name} {entry.name}", must="be positive", got=value, do=do))

    @property
    def digest(self) -> str:
        """The SHA-256 of all sizes, which a calibration names. Name, provenance and conditions do not count."""
        said = {e.name: getattr(self, e.name) for e in fields(self)}
        sizes = sorted((name, float(value)) for name, value in said.items() if isinstance(value, float | int))
        return sha256(repr(sizes).encode()).hexdigest()

    @property
    def unit_of_c(self) -> float:
        """Differential voltage (V) of 1 of c at the slave's follower."""
        return self.trims.cell_volts * self.warmth / self.state_scale

    @property
    def trims(self) -> Calibration:
        """The calibration in use; `InvalidValueError` if the given one, or every shipped one, is for other sizes."""
        given = SHIPPED if self.calibration is None else (self.calibration,)
        for calibration in given:
            if calibration.technology == self.digest:
                return calibration
        got = ", ".join(calibration.technology[:12] for calibration in given)
        must, do = f"be made for these sizes, digest {self.digest[:12]}", "calibrate this technology: study.calibrate"
        raise InvalidValueError(explain("calibration", must=must, got=got, do=do))

    @property
    def thermal_volts(self) -> float:
        """kT/q at the design temperature (V)."""
        return thermal_voltage(self.design_temperature)

    @property
    def warmth(self) -> float:
        """The factor by which the bias changes the reference current and the rows: T/T_design if PTAT, else 1."""
        if self.conditions.bias is Bias.FIXED:
            return 1.0
        return thermal_voltage(self.conditions.temperature) / self.thermal_volts


BICMOS = Bicmos(
    name="BICMOS",
    provenance=(
        "a 5 V BiCMOS process with textbook models (NPN 2e-17 A, beta 150, VA 100 V; MOS level 1, 12 nm oxide), no "
        "foundry's; sizes and levels found with ngspice 39"
    ),
    volts_per_unit=1.0,
    row_level=2.921,
    unit_conductance=10e-6,
    sigmoid_rail=3.4,
    tanh_rail=2.2,
    reference_current=10e-6,
    cell_load=25e3,
    divider=47.2e3,
    tanh_level=2.21,
    master_level=3.25,
    cell_level=2.414,
    cell_reset=3.25,
    hidden_reset=3.75,
    hold_capacitance=2e-12,
    row_current=200e-6,
    shunt=1.0,
    time_constant=100e-9,
    copy_share=1.0 / 3.0,
    gap=100e-9,
    design_temperature=27.0,
    nominal_supply=5.0,
    linear_range=2.0,
    state_scale=1.0,
    conditions=Conditions(temperature=27.0, supply=5.0, bias=Bias.FIXED),
    calibration=None,
)


def textbook(technology: Bicmos) -> Calibration:
    """Return the calibration of `technology` by the equations of ideal pairs, from which a real one starts.

    The pair of f c is made linear by a resistor `2 load - 2 V_T/I` between its emitters; I is each tail current.
    """
    thermal, current = technology.thermal_volts, technology.reference_current
    volts = technology.cell_load * current
    return Calibration(
        input_gain=1.0,
        forget_gain=1.0,
        candidate_gain=1.0,
        output_gain=1.0,
        emitter_resistance=2.0 * (technology.cell_load - thermal / (LINEAR_TAIL * current)),
        cell_volts=volts,
        divider_ratio=2.0 * thermal / volts,
        hidden_load=technology.volts_per_unit / (READING_TAIL * current),
        cell_follower=1.0,
        hidden_follower=1.0,
        residual=0.0,
        technology=technology.digest,
        simulator="none: textbook values",
    )


LARGEST_SCALE = 2.0
"""The largest state scale: beyond it the divider before tanh(c) would need a rail below ground."""


def calibrated(technology: object, calibration: Calibration) -> Bicmos:
    """Return `technology` with `calibration`; `UnsupportedError` unless it is made of transistor cells."""
    if not isinstance(technology, Bicmos):
        got, do = type(technology).__name__, "leave the calibration out, or compile in electrical.BICMOS"
        raise UnsupportedError(explain("technology", must="be Bicmos to take a calibration", got=got, do=do))
    return replace(technology, calibration=calibration)


def fitted(technology: Bicmos, largest: float) -> Bicmos:
    """Return `technology` with the smallest power of two as state scale at which |c| up to `largest` is linear enough.

    It is `LARGEST_SCALE` if none suffices; the design check then reports how far |c| exceeds the linear range.
    """
    scale = 2.0 ** max(0, ceil(log2(max(largest, 1e-300) / technology.linear_range)))
    return replace(technology, state_scale=min(scale, LARGEST_SCALE))
