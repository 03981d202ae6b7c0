"""The BiCMOS technology: the sizes of a transistor-level cell, its operating conditions and its calibration.

Bipolar pairs are exponential by nature. MOS transistors in weak inversion nearly are: their current grows e-fold for
n kT/q at the gate, n being the slope factor. A cell whose pairs alone are replaced by wide ones, with the rest bipolar,
is as good as the bipolar one, and steadier, as it asks for no base current (`electrical.SKY130_MOS`). With every
bipolar transistor of the cell replaced, tails too, c or h was 0.08 of a unit off (`benchmarks/tried_bicmos.py cell`).
"""

from dataclasses import dataclass, fields, replace
from hashlib import sha256
from math import ceil, log2
from pathlib import Path

from lstm_analog.compiler.bicmos_calibration import Calibration, shipped
from lstm_analog.compiler.bicmos_conditions import Bias, BiasCell, Conditions, thermal_voltage
from lstm_analog.compiler.bicmos_devices import TEXTBOOK, Devices, MosPair
from lstm_analog.compiler.bicmos_passives import Passives
from lstm_analog.compiler.bicmos_services import Services
from lstm_analog.compiler.model_files import models_digest, models_of
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.network.device_models import ModelLibrary
from lstm_analog.network.quantities import check_fields

READING_TAIL = 2.0
"""Tail current of the pair that computes o tanh(c), over the reference current."""
LINEAR_TAIL = 3.0
"""Each of the two tail currents of the pair that multiplies f and c, over the reference current."""


@checked_record
@dataclass(frozen=True, kw_only=True)
class Bicmos:
    """Sizes of a transistor cell: pairs multiply, MOS switches and followers hold and drive; all differential.

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
    slope_factor : float
        The slope factor of the multiplying pairs by design: they see 1 of z in n kT/q; 1 of bipolar ones.
    follower_current : float
        The current of which those of followers and of the feed of row drivers are multiples (A).
    tail_area : float
        Largest area of the transistor of a tail, in those of the bias cell. Larger: chip area, and a current that goes
        with the reference at any temperature; smaller: with its resistor.
    linear_range : float
        Largest |c| at which the product f c is still linear enough, at a state scale of 1.
    state_scale : float
        The cell holds c divided by this, so that c stays in the linear range: its products are i g/scale and f c.
    devices : Devices
        The process: its models and its transistors.
    pairs : MosPair or None
        The transistors of the multiplying pairs; None for bipolar ones.
    bias_cell : BiasCell
        The circuit that biases the tails.
    passives : Passives or None
        What resistors, capacitors and wells are made of; None if they are ideal.
    services : Services or None
        The circuits of reference, bias row, rails and clocks; None for ideal sources.
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
    slope_factor: float
    follower_current: float
    tail_area: float
    linear_range: float
    state_scale: float
    devices: Devices
    pairs: MosPair | None
    bias_cell: BiasCell
    passives: Passives | None
    services: Services | None
    conditions: Conditions
    calibration: Calibration | None

    def __post_init__(self) -> None:
        """Check that every size is positive, and that a sheet resistance is given only where resistors are drawn."""
        check_fields(self, self.name)
        if self.passives is None and self.conditions.sheet != 1.0:
            must, do = "be 1 where resistors are ideal", "give passives=electrical.SKY130_PASSIVES"
            raise InvalidValueError(explain(f"{self.name} sheet", must=must, got=self.conditions.sheet, do=do))

    @property
    def digest(self) -> str:
        """The SHA-256 of all sizes, which a calibration names. Name, provenance and conditions do not count.

        Nor do the models of the devices: they have a digest of their own, `models_digest`. Nor do `passives`, which are
        drawn to the values that ideal ones have.
        """
        said = {e.name: getattr(self, e.name) for e in fields(self)}
        sizes = sorted((name, float(value)) for name, value in said.items() if isinstance(value, float | int))
        process = self.devices
        drawn = (process.npn, process.nmos, process.pmos, process.gate_diffusion, self.pairs, self.bias_cell.value)
        told = (sizes, drawn) if self.services is None else (sizes, drawn, self.services)
        return sha256(repr(told).encode()).hexdigest()

    @property
    def models_digest(self) -> str:
        """The SHA-256 of the models of its devices, files in all their sections; raises as `models_of`."""
        return models_digest(self.devices)

    @property
    def models(self) -> tuple[str | ModelLibrary, ...]:
        """The models of its devices at the corner of its conditions; raises as `models_of`."""
        return models_of(self.devices, self.conditions.corner)

    def with_models(self, folder: str | Path) -> "Bicmos":
        """Return this technology with the files of its models in `folder`."""
        return replace(self, devices=replace(self.devices, folder=str(folder)))

    @property
    def unit_of_c(self) -> float:
        """Differential voltage (V) of 1 of c at the slave's follower."""
        return self.trims.cell_volts * self.warmth / self.state_scale

    @property
    def trims(self) -> Calibration:
        """The calibration in use; `InvalidValueError` if the given one, or every shipped one, is for other sizes."""
        given = shipped() if self.calibration is None else (self.calibration,)
        sizes, models, do = self.digest, self.models_digest, "calibrate this technology: study.calibrate"
        fitting = [calibration for calibration in given if calibration.technology == sizes]
        for calibration in fitting:
            if calibration.models == models:
                return calibration
        if fitting:
            must, got = f"be made with these device models, digest {models[:12]}", fitting[0].models[:12]
            raise InvalidValueError(explain("calibration", must=must, got=got, do=do))
        must, got = f"be made for these sizes, digest {sizes[:12]}", ", ".join(each.technology[:12] for each in given)
        raise InvalidValueError(explain("calibration", must=must, got=got, do=do))

    @property
    def thermal_volts(self) -> float:
        """kT/q at the design temperature (V)."""
        return thermal_voltage(self.design_temperature)

    @property
    def warmth(self) -> float:
        """The factor by which the bias changes the reference current and the rows.

        It is T/T_design if PTAT, else 1, times the slope that is set for its wafer.
        """
        if self.conditions.bias is Bias.FIXED:
            return self.conditions.slope
        return self.conditions.slope * thermal_voltage(self.conditions.temperature) / self.thermal_volts

    @property
    def sensed_volts(self) -> float:
        """What a multiplying pair sees 1 of z in (V), at the temperature of the chip; `pair_volts` at the design's."""
        return self.slope_factor * thermal_voltage(self.conditions.temperature)

    @property
    def unit_of_h(self) -> float:
        """Differential voltage (V) of 1 of x, h and the bias row."""
        return self.volts_per_unit * self.warmth

    @property
    def bias_current(self) -> float:
        """The reference current of each cell as biased (A): made over a resistor of the chip, if these are drawn."""
        made = self.reference_current * self.warmth
        if self.passives is None:
            return made
        return made / (self.conditions.sheet * self.passives.warming(self.conditions.temperature))

    @property
    def pair_volts(self) -> float:
        """What a multiplying pair sees 1 of z in (V), at the design temperature: the slope factor times kT/q."""
        return self.slope_factor * self.thermal_volts


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
    slope_factor=1.0,
    follower_current=10e-6,
    tail_area=1e3,
    linear_range=2.0,
    state_scale=1.0,
    devices=TEXTBOOK,
    pairs=None,
    bias_cell=BiasCell.HELPER,
    passives=None,
    services=None,
    conditions=Conditions(temperature=27.0, supply=5.0, bias=Bias.FIXED),
    calibration=None,
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

    It is `LARGEST_SCALE` if none suffices, and 1 where rails are on the chip, which has none below ground; the design
    check then reports how far |c| exceeds the linear range.
    """
    scale = 2.0 ** max(0, ceil(log2(max(largest, 1e-300) / technology.linear_range)))
    return replace(technology, state_scale=min(scale, 1.0 if technology.services else LARGEST_SCALE))
