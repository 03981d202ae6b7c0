"""Constants of technologies that a network does not have: supplies, quiescent currents, gates, areas, pumps, valves.

Each has its source. "Assumed" stands for an order of magnitude that no work was read for; replace it by your own.
"""

from dataclasses import dataclass, replace
from functools import singledispatch

from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.bicmos_cell import DEVICE, library
from lstm_analog.compiler.electrical import Behavioural, Channels
from lstm_analog.compiler.hardware import BENCH
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.compiler.opamp_sizes import OpAmpCircuit
from lstm_analog.compiler.sky130 import SKY130
from lstm_analog.doors import checked_record
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.study.drawn_area import SKY130_RULES, drawn_areas


@checked_record
@dataclass(frozen=True, kw_only=True)
class SourcedValue:
    """A constant: its `value`, at least zero, in `unit`, and the `source` that it is from."""

    value: float
    unit: str
    source: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.value < float("inf"):
            must, do = "be zero or positive", "give it in the unit"
            raise InvalidValueError(explain(f"constant ({self.unit})", must=must, got=self.value, do=do))


@checked_record
@dataclass(frozen=True, kw_only=True)
class CircuitFigures:
    """What a circuit takes beside what flows in its network, and the area of its parts.

    * `supply`: voltage of each rail from ground (V).
    * `amplifier_current`: quiescent current of an op-amp (A).
    * `amplifier_rate`: what it takes more for each Hz of gain-bandwidth and F of the largest hold capacitor (A/(Hz F)).
    * `multiplier_current`, `buffer_current`: quiescent current of a multiplier beside its tail, and of a buffer (A).
    * `inner_amplifiers`: number of op-amps around a pair or a multiplier that the network does not have.
    * `multiplier_inside`: 1 if a multiplier has its load, its pole and its buffer inside, 0 if they are parts of their
      own.
    * `gate`, `swing`: capacitance of the gate of a switch (F); voltage by which a clock drives gates (V).
    * `amplifier_area`, `buffer_area`, `multiplier_area`, `pair_area`, `device_area`, `resistor_area`, `switch_area`:
      area of one part each (m2); a device is a conductance of a crossbar, or a transconductance.
    * `capacitor_area`, `capacitance_area`: area of a capacitor without its capacitance (m2), and of a farad (m2/F).
    """

    supply: SourcedValue
    amplifier_current: SourcedValue
    amplifier_rate: SourcedValue
    multiplier_current: SourcedValue
    buffer_current: SourcedValue
    inner_amplifiers: SourcedValue
    multiplier_inside: SourcedValue
    gate: SourcedValue
    swing: SourcedValue
    amplifier_area: SourcedValue
    buffer_area: SourcedValue
    multiplier_area: SourcedValue
    pair_area: SourcedValue
    device_area: SourcedValue
    resistor_area: SourcedValue
    switch_area: SourcedValue
    capacitor_area: SourcedValue
    capacitance_area: SourcedValue


@checked_record
@dataclass(frozen=True, kw_only=True)
class CellFigures:
    """What transistor cells take beside their supply, and their area.

    * `gates`: switched gates of a cell.
    * `gate`, `swing`: capacitance of one (F), and the voltage by which the clock drives it (V).
    * `cell_area`, `device_area`: area of a cell with its capacitors, and of a resistor of a weight (m2).
    """

    gates: SourcedValue
    gate: SourcedValue
    swing: SourcedValue
    cell_area: SourcedValue
    device_area: SourcedValue


@checked_record
@dataclass(frozen=True, kw_only=True)
class PlumbingFigures:
    """What plumbing takes beside the power of the flow, and the volume of its parts.

    * `efficiency`: power of the flow over that of the pump's motor.
    * `solenoid`: power of a solenoid valve that is held open (W).
    * `wall`: wall of a tube (m).
    * `tank_share`: volume of a tank with its casing over that of the liquid.
    * `relay_volume`, `valve_volume`, `port_volume`: volume of a relay; of a solenoid valve, a cock, or a flow-control,
      relief or drain valve; of a port (m3).
    """

    efficiency: SourcedValue
    solenoid: SourcedValue
    wall: SourcedValue
    tank_share: SourcedValue
    relay_volume: SourcedValue
    valve_volume: SourcedValue
    port_volume: SourcedValue


def _assumed(value: float, unit: str, why: str = "") -> SourcedValue:
    return SourcedValue(value=value, unit=unit, source=f"assumed: {why}" if why else "assumed")


_PACKAGE = "outline of the package, from memory, and 1 mm of space"
_NOT_READ = "from memory, not read again"
_CMOS = "a 0.18 um process"

INTEGRATED = CircuitFigures(
    supply=SourcedValue(value=5.0, unit="V", source="the rail of OPAMP, 4.5 V on 5 V less headroom"),
    amplifier_current=_assumed(20e-6, "A", "bias"),
    amplifier_rate=SourcedValue(
        value=2.26,
        unit="A/(Hz F)",
        source="2 pi (3 + 0.6)/10 1/V: of a two-stage op-amp the output stage has 3 times the load's 2 pi GBW C for 60 "
        "degrees of phase, the input pair is compensated by 0.3 of the load (a procedure as in Palmisano 2001, not "
        "read), 10 S of transconductance an ampere",
    ),
    multiplier_current=_assumed(0.0, "A", "its tail is all"),
    buffer_current=_assumed(50e-6, "A"),
    inner_amplifiers=_assumed(0.0, "1"),
    multiplier_inside=_assumed(0.0, "1"),
    gate=_assumed(0.2e-12, "F", "four times the overlap of docs/opamps.md#feedthrough"),
    swing=SourcedValue(value=5.0, unit="V", source="docs/opamps.md#feedthrough"),
    amplifier_area=_assumed(1e-8, "m2", f"0.01 mm2 in {_CMOS}"),
    buffer_area=_assumed(2e-9, "m2", _CMOS),
    multiplier_area=_assumed(2e-9, "m2", _CMOS),
    pair_area=_assumed(1e-9, "m2", _CMOS),
    device_area=_assumed(1e-12, "m2", "a resistive memory cell with its transistor in a 130 nm process"),
    resistor_area=_assumed(1e-10, "m2", "10 um x 10 um of polysilicon"),
    switch_area=_assumed(1e-10, "m2", _CMOS),
    capacitor_area=_assumed(0.0, "m2"),
    capacitance_area=_assumed(1e3, "m2/F", "1 fF/um2, metal-insulator-metal"),
)
"""A chip around a crossbar of resistive memory, as OPAMP and OPAMP_IDEAL are."""

IDEALISED = replace(
    INTEGRATED,
    supply=_assumed(5.0, "V", "the circuit says none"),
    device_area=_assumed(2e-10, "m2", "a transconductor of a few transistors"),
)
"""BEHAVIOURAL: its pairs and transconductors run on their tails, all else as on the chip of op-amps."""

BOARD = CircuitFigures(
    supply=SourcedValue(value=12.0, unit="V", source="OPAMP_BENCH: +-12 V"),
    amplifier_current=SourcedValue(value=1e-3, unit="A", source=f"OPA192, TI SBOS620E, 1 mA typical; {_NOT_READ}"),
    amplifier_rate=SourcedValue(value=0.0, unit="A/(Hz F)", source="a part that is bought"),
    multiplier_current=SourcedValue(value=8e-3, unit="A", source=f"AD734, 9 mA typical less its tail; {_NOT_READ}"),
    buffer_current=SourcedValue(value=1.5e-3, unit="A", source=f"BUF634, 1.5 mA in its slow mode; {_NOT_READ}"),
    inner_amplifiers=SourcedValue(
        value=1.0, unit="1", source="docs/opamps.md#board: at the collectors of a pair, for the denominator of AD734"
    ),
    multiplier_inside=SourcedValue(value=1.0, unit="1", source="docs/opamps.md#board: AD734"),
    gate=_assumed(10e-12, "F", "the digital input of ADG1211 and its wire"),
    swing=_assumed(5.0, "V"),
    amplifier_area=SourcedValue(value=42e-6, unit="m2", source=f"SOIC-8, 6 x 5 mm: {_PACKAGE}"),
    buffer_area=SourcedValue(value=42e-6, unit="m2", source=f"SOIC-8, 6 x 5 mm: {_PACKAGE}"),
    multiplier_area=SourcedValue(value=185e-6, unit="m2", source=f"DIP-14, 20 x 8 mm: {_PACKAGE}"),
    pair_area=SourcedValue(value=100e-6, unit="m2", source=f"TO-78, 9 mm across: {_PACKAGE}"),
    device_area=SourcedValue(value=4.7e-6, unit="m2", source=f"0603, 1.6 x 0.8 mm: {_PACKAGE}"),
    resistor_area=SourcedValue(value=4.7e-6, unit="m2", source=f"0603, 1.6 x 0.8 mm: {_PACKAGE}"),
    switch_area=SourcedValue(value=11e-6, unit="m2", source=f"a fourth of TSSOP-16, 5 x 6.4 mm: {_PACKAGE}"),
    capacitor_area=SourcedValue(value=6.8e-6, unit="m2", source=f"0805, 2.0 x 1.25 mm: {_PACKAGE}"),
    capacitance_area=SourcedValue(value=0.0, unit="m2/F", source="the package is the same"),
)
"""A board of parts that can be bought, OPAMP_BENCH."""

CELLS = CellFigures(
    gates=SourcedValue(value=16.0, unit="1", source="docs/bicmos.md#cell: a transmission gate at each of 8 capacitors"),
    gate=_assumed(20e-15, "F", "a few um2 under 12 nm of oxide"),
    swing=SourcedValue(value=5.0, unit="V", source="the supply of BICMOS"),
    cell_area=_assumed(2.5e-8, "m2", "39 bipolar of 100 um2, 37 MOS of 20 um2, 16 pF at 1 fF/um2, some wires"),
    device_area=_assumed(2e-10, "m2", "two resistors of polysilicon"),
)
"""The chip of transistor cells, BICMOS."""

WORKSHOP = PlumbingFigures(
    efficiency=_assumed(0.5, "1", "a small gear pump, 0.8, and its motor, 0.65"),
    solenoid=_assumed(5.0, "W", "a small poppet solenoid at 24 V"),
    wall=_assumed(1e-3, "m"),
    tank_share=_assumed(3.0, "1", "cylinder, spring and piston, both sides of the stroke"),
    relay_volume=_assumed(0.2e-3, "m3", "6 cm each way"),
    valve_volume=_assumed(0.1e-3, "m3", "a body of 4 cm with its coil"),
    port_volume=_assumed(20e-6, "m3"),
)
"""Plumbing for oil at a few bar, OIL."""

LABORATORY = replace(
    WORKSHOP,
    solenoid=_assumed(1.0, "W", "a miniature isolation valve"),
    tank_share=_assumed(1.5, "1", "an open tube"),
    relay_volume=_assumed(50e-6, "m3", "4 cm each way"),
    valve_volume=_assumed(10e-6, "m3", "a miniature isolation valve"),
    port_volume=_assumed(5e-6, "m3"),
)
"""Plumbing on a bench, WATER and GLYCEROL."""

Figures = CircuitFigures | CellFigures | PlumbingFigures
"""The constants of a kind of technology."""


@singledispatch
def figures_of(technology: object) -> Figures:
    """Return the constants of a `technology`; raises `UnsupportedError` for one that has none."""
    got, do = type(technology).__name__, "register its constants for `figures_of`"
    raise UnsupportedError(explain("technology", must="have known constants", got=got, do=do))


@figures_of.register
def _(technology: Behavioural | Channels) -> CircuitFigures:
    return IDEALISED


@figures_of.register
def _(technology: OpAmpCircuit) -> CircuitFigures:
    return BOARD if technology.crossbar.series else INTEGRATED  # resistors of a series are bought


@figures_of.register
def _(technology: Bicmos) -> CellFigures:
    """Return the constants of the cell; of one in SKY130 the area is that of its drawn devices."""
    if technology.devices.name != SKY130.devices.name:
        return CELLS
    area = sum(drawn_areas(library(technology), DEVICE, SKY130_RULES, technology.passives).values())
    return replace(CELLS, cell_area=SourcedValue(value=area, unit="m2", source="drawn devices: docs/silicon.md#cost"))


@figures_of.register
def _(technology: Hydraulic) -> PlumbingFigures:
    return LABORATORY if technology.hardware.name == BENCH.name else WORKSHOP
