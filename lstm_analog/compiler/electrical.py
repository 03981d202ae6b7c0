"""Electrical technologies: records of the sizes of a circuit, in which signals are voltages, and their presets."""

from dataclasses import dataclass, replace

from lstm_analog.compiler.bicmos import BICMOS, Bicmos
from lstm_analog.compiler.bicmos_conditions import Bias, BiasCell, Conditions
from lstm_analog.compiler.bicmos_devices import Bipolar, Corner, DeviceFile, Devices, Mos, MosPair
from lstm_analog.compiler.opamp_sizes import CrossbarData, HoldData, MultiplierData, OpAmpCircuit, PairData
from lstm_analog.compiler.sky130 import SKY130, SKY130_CHIP, SKY130_MOS, SKY130_PASSIVES, SKY130_SERVICES
from lstm_analog.doors import checked_record
from lstm_analog.network.data_sheets import OpAmpData
from lstm_analog.network.quantities import check_fields

__all__ = [
    "BEHAVIOURAL",
    "BICMOS",
    "CHANNELS",
    "OPAMP",
    "OPAMP_BENCH",
    "OPAMP_IDEAL",
    "SKY130",
    "SKY130_CHIP",
    "SKY130_MOS",
    "SKY130_PASSIVES",
    "SKY130_SERVICES",
    "Behavioural",
    "Bias",
    "BiasCell",
    "Bicmos",
    "Bipolar",
    "Channels",
    "Conditions",
    "Corner",
    "DeviceFile",
    "Devices",
    "Mos",
    "MosPair",
    "OpAmpCircuit",
]


@checked_record
@dataclass(frozen=True, kw_only=True)
class Behavioural:
    """Sizes of a circuit of ideal controlled sources around real resistors, capacitors and switches.

    Attributes
    ----------
    name, provenance : str
        Its name, and where the sizes come from.
    volts_per_unit : float
        Voltage (V) of 1 of x, z, c and h.
    row_resistance : float
        Load of a row (ohm); with `capacitance` it makes the pole of z.
    load_resistance, switch_resistance : float
        Load of a sum of products, and the switch to its master (ohm), which charges through both in series.
    copy_resistance : float
        The switch from master to slave (ohm).
    capacitance : float
        Capacitor of each row, master and slave (F).
    off_conductance : float
        Conductance of an open switch (S).
    gap : float
        Pause between two clock pulses, in time constants.
    """

    name: str
    provenance: str
    volts_per_unit: float
    row_resistance: float
    load_resistance: float
    switch_resistance: float
    copy_resistance: float
    capacitance: float
    off_conductance: float
    gap: float

    def __post_init__(self) -> None:
        check_fields(self, self.name)

    @property
    def time_constant(self) -> float:
        """The slowest pole of the circuit (s)."""
        master = self.load_resistance + self.switch_resistance
        return max(self.row_resistance, master, self.copy_resistance) * self.capacitance


BEHAVIOURAL = Behavioural(
    name="BEHAVIOURAL",
    provenance="chosen for reading: 1 V a unit and one time constant, 10 kohm x 100 pF = 1 us, for every pole",
    volts_per_unit=1.0,
    row_resistance=10e3,
    load_resistance=5e3,
    switch_resistance=5e3,
    copy_resistance=10e3,
    capacitance=100e-12,
    off_conductance=1e-19,
    gap=0.1,
)


@checked_record
@dataclass(frozen=True, kw_only=True)
class Channels:
    """Sizes of a circuit whose curves are populations of ion channels, which open and shut at random.

    A channel of control u opens at the rate r e^{u/2} and shuts at r e^{-u/2}. The mean share of open ones is the
    voltage in the middle of two conductances, over a capacitor (docs/chance.md#the-master-equation).

    Attributes
    ----------
    name, provenance : str
        Its name, and where the sizes come from.
    circuit : Behavioural
        All that is no channel: weights, products, memories.
    channels : int
        N, the number of channels of one curve of one unit.
    rate : float
        r, at which a channel opens, and shuts, where the control is zero (1/s).
    capacitance : float
        Of the membrane of one channel (F).
    """

    name: str
    provenance: str
    circuit: Behavioural
    channels: int
    rate: float
    capacitance: float

    def __post_init__(self) -> None:
        check_fields(self, self.name)

    @property
    def channel_time(self) -> float:
        """The time constant of channels whose control is zero, the slowest (s)."""
        return 0.5 / self.rate

    @property
    def time_constant(self) -> float:
        """The slowest pole of the machine (s)."""
        return max(self.circuit.time_constant, self.channel_time)


CHANNELS = Channels(
    name="CHANNELS",
    provenance="assumed: channels of 10 us, as fast as sodium channels at body temperature; 0.1 fF of membrane each, 1 "
    "uF/cm2 at 100 channels a um2 (Hille 2001); around them BEHAVIOURAL at a fiftieth of that time, so that a gate is "
    "read and not averaged, and 1 V a unit, ten times what a membrane has",
    circuit=replace(BEHAVIOURAL, row_resistance=2e3, load_resistance=1e3, switch_resistance=1e3, copy_resistance=2e3),
    channels=10_000,
    rate=5e4,
    capacitance=1e-16,
)

OPAMP_IDEAL = OpAmpCircuit(
    name="OPAMP_IDEAL",
    provenance="the baseline of an error budget: op-amps far better than the rest, conductances from nearly nothing",
    input_volts=1.0,
    signal_volts=1.0,
    cell_volts=1.0,
    row_volts=0.3,
    amplifier=OpAmpData(gain=1e6, gain_bandwidth=100e6, slew=1e9, rail=10.0, output_resistance=1e-3, offset=0.0),
    crossbar=CrossbarData(least=1e-10, largest=100e-6),
    row_capacitance=0.0,
    sum_resistance=10e3,
    pair=PairData(temperature=300.15, divider_resistance=1e3, load_resistance=1e3, load_capacitance=10e-12),
    multiplier=MultiplierData(load_resistance=1e3, load_capacitance=10e-12),
    hold=HoldData(capacitance=10e-12, closed_resistance=100.0, opened_resistance=1e12, leak_resistance=1e15),
    compute_phase=10e-6,
    copy_phase=5e-6,
    gap=0.1e-6,
)

OPAMP = replace(
    OPAMP_IDEAL,
    name="OPAMP",
    provenance="assumed: an integrated circuit around a crossbar of resistive memory, 1 to 100 uS; op-amps of 100 dB, "
    "10 MHz and 10 V/us on 5 V less headroom, 10 pF hold capacitors behind 100 ohm transmission gates",
    amplifier=OpAmpData(gain=1e5, gain_bandwidth=10e6, slew=10e6, rail=4.5, output_resistance=100.0, offset=0.0),
    crossbar=CrossbarData(least=1e-6, largest=100e-6),
)

OPAMP_BENCH = replace(
    OPAMP_IDEAL,
    name="OPAMP_BENCH",
    row_volts=0.15,
    sum_resistance=4.99e3,
    provenance="parts that can be bought, typical figures of their data sheets: op-amps OPA192 (TI SBOS620E: 10 MHz, "
    "20 V/us, 5 uV, 5 pA, 65 mA, 140 dB) on +-12 V, their open-loop gain of 120 dB and 100 ohm assumed; multipliers "
    "AD734 (10 MHz), their denominator set to 1 V; pairs MAT01; switches ADG1211 (120 ohm, off 1 Tohm assumed); 1 nF "
    "C0G; E96 resistors, those of weights 5 to 500 kohm; attenuators trimmed. 15 pF a row, half of it the op-amp's, is "
    "what limits the sizes: 0.15 V and 4.99 kohm leave 56 degrees of phase at weights of 3, 0.3 V 49, 10 kohm 51",
    amplifier=OpAmpData(
        gain=1e6,
        gain_bandwidth=10e6,
        slew=20e6,
        rail=11.8,
        output_resistance=100.0,
        offset=5e-6,
        rejection=1e7,
        output_current=65e-3,
        bias_current=5e-12,
    ),
    crossbar=CrossbarData(least=2e-6, largest=200e-6, series=96),
    row_capacitance=15e-12,
    multiplier=MultiplierData(load_resistance=1e3, load_capacitance=16e-12),
    hold=HoldData(capacitance=1e-9, closed_resistance=120.0, opened_resistance=1e12, leak_resistance=1e12),
    copy_phase=10e-6,
)
