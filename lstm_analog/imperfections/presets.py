"""Presets: what real parts of one kind do, together, each number with where it comes from.

docs/imperfections.md#presets says of each number whether it was measured, taken from a data sheet or assumed. None has
converters: their range is that of what one machine is fed and answers.
"""

from dataclasses import dataclass
from types import MappingProxyType

from lstm_analog.doors import checked_record
from lstm_analog.imperfections.ageing import MeasuredDevices
from lstm_analog.imperfections.clocks import SupplyRipple
from lstm_analog.imperfections.devices import DeviceSpread, StuckDevices
from lstm_analog.imperfections.opamps import AmplifierOffset, MultiplierGain, PairOffset
from lstm_analog.imperfections.phase_change import PhaseChangeDrift, PhaseChangeProgramming, PhaseChangeReadNoise
from lstm_analog.imperfections.reading import Flicker, ReadNoise
from lstm_analog.imperfections.transistors import CurrentByArea, ThresholdByArea
from lstm_analog.imperfections.tubes import BoreTolerance
from lstm_analog.imperfections.valves import RelayGain, SeatLeak

_DAY = 86400.0


@checked_record
@dataclass(frozen=True, kw_only=True)
class Preset:
    """Several `imperfections` that come together, under a `name`; `provenance` says where their numbers are from."""

    name: str
    imperfections: tuple[object, ...]
    provenance: str


IDEAL = Preset(name="IDEAL", imperfections=(), provenance="none: the machine as compiled")
"""Nothing."""

BENCH_BOARD = Preset(
    name="BENCH_BOARD",
    imperfections=(
        DeviceSpread(share=0.0033),
        AmplifierOffset(volts=5e-6),
        PairOffset(volts=40e-6),
        MultiplierGain(share=0.001),
        SupplyRipple(share=1e-4, frequency=100.0),
    ),
    provenance="resistors of 1 %, the tolerance three sigma; typical figures of OPA192, MAT01, AD734; ripple assumed",
)
"""A board of `electrical.OPAMP_BENCH` with resistors of 1 %."""

RRAM = Preset(
    name="RRAM",
    imperfections=(
        MeasuredDevices(
            target=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
            mean=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
            sigma=(0.0175, 0.0612, 0.0859, 0.0974, 0.1001, 0.0977, 0.0928, 0.0871, 0.0812, 0.0747, 0.0663),
        ),
        StuckDevices(off=5e-4, on=5e-4),
        ReadNoise(sigma=0.01, exponent=0.0),
    ),
    provenance="a day after programming, Wan 2022 by the fit in aihwkit 1.1.0; read noise its note; rest assumed",
)
"""Filaments of HfOx a day after write and verify, Gmax 40 uS."""

PCM = Preset(
    name="PCM",
    imperfections=(
        PhaseChangeProgramming(),
        PhaseChangeDrift(seconds=_DAY, compensated=True),
        PhaseChangeReadNoise(seconds=_DAY),
    ),
    provenance="Nandakumar 2019 as aihwkit 1.1.0 has it, a day after programming",
)
"""Phase-change memory a day after programming, with one gain that makes up for its drift."""

FLOATING_GATE = Preset(
    name="FLOATING_GATE",
    imperfections=(DeviceSpread(share=0.01), ReadNoise(sigma=0.003), Flicker(share=0.003, shortest=1e-6, longest=1e3)),
    provenance="tuning to 1 % Bayat 2014; noise assumed",
)
"""NOR flash cells tuned one by one."""

WORKSHOP_OIL = Preset(
    name="WORKSHOP_OIL",
    imperfections=(
        BoreTolerance(sigma=0.0025),
        RelayGain(gain=0.998),
        SeatLeak(share=1e-6),
        ReadNoise(sigma=0.002),
        SupplyRipple(share=0.002, frequency=1.0),
    ),
    provenance="assumed: tubes cut to measured conductance, a rail with an accumulator",
)
"""A workshop's oil, `hydraulic.OIL`: capillaries matched by their flow, solenoids that seal."""

SKY130_MISMATCH = Preset(
    name="SKY130_MISMATCH",
    imperfections=(
        ThresholdByArea(model="sky130_fd_pr__nfet_g5v0d10v5__model", coefficient=11.5e-3),
        ThresholdByArea(model="sky130_fd_pr__pfet_g5v0d10v5__model", coefficient=8.8e-3),
        CurrentByArea(model="sky130_fd_pr__npn_05v5_w1p00l1p00", share=0.00473),
    ),
    provenance="SkyWater's mismatch, sky130_fd_pr f62031a; of MOS transistors as a threshold, at the currents of cells",
)
"""Mismatch of the transistors of a chip in `electrical.SKY130` or `SKY130_MOS`; its resistors match.

SkyWater's slopes over sqrt(W L m), um: toxe 0.008 and 0.012 (n and p channel, 1 um and longer), nfactor 0.12 and 0.02,
voff 0.13 V and 0.009 V, vth0 none (cells/*fet_g5v0d10v5/*__mismatch.corner.spice); of the saturation current of the NPN
0.00473 (cells/npn_05v5). By ngspice 39 the gate voltage moves by 0.81 V (n, p: 0.62 V) a unit of toxe, by 0.080 V
(0.022 V) a unit of nfactor, by 0 (0.53 V) a volt of voff, in a pair of 4 x 50 um/2 um at 1.25 uA and in a p-channel
transistor of 24 um/1 um at 20 uA (`benchmarks/corners.py laws`): in all 11.5 mV um and 8.8 mV um, current factor
included. The beta of the NPN, 5.2 %, is left out.
"""

PRESETS = MappingProxyType(
    {preset.name: preset for preset in (IDEAL, BENCH_BOARD, RRAM, PCM, FLOATING_GATE, WORKSHOP_OIL, SKY130_MISMATCH)}
)
"""All presets by name."""
