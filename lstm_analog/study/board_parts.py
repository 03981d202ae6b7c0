"""Parts that can be bought for a board of `OPAMP_BENCH`: their part numbers, symbols, footprints and pins.

Pins are those of the data sheets: OPA192 (TI SBOS620E), BUF634 (TI SBOS030C), AD734 Rev. E, MAT01 Rev. D, ADG1212
Rev. 0, LM334 (TI SNVS746E), 3296 (Bourns); docs/opamps.md#board says what was held against what. Symbols that KiCad's
libraries do not have are of a library `lstm_analog`. Values of a resistor or a capacitor choose its part number within
a series.
"""

import numpy as np

from lstm_analog.arrays import Floats
from lstm_analog.compiler.opamp_sizes import preferred
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.export import BoughtPart

_SOIC = "Package_SO:SOIC-8_3.9x4.9mm_P1.27mm"
_SERIES = 96
_EXACT = 1e-9
"""Relative difference up to which a resistance is one of the series E96."""
_MARGIN = 1.02
"""Least full resistance of a trimmer over the resistance that it is set to."""
LARGEST = 10e6
"""Largest resistor of the series (ohm)."""


def _part(prefix: str, symbol: str, footprint: str, maker: str, number: str, names: str) -> BoughtPart:
    """Return the part whose pins have these `names`, in order from 1."""
    pins = tuple((str(place), name) for place, name in enumerate(names.split(), start=1))
    return BoughtPart(prefix=prefix, symbol=symbol, footprint=footprint, maker=maker, number=number, pins=pins)


OPAMP = _part("U", "lstm_analog:OPA192", _SOIC, "Texas Instruments", "OPA192IDR", "NC IN- IN+ V- NC OUT V+ NC")
BUFFER = _part("U", "Amplifier_Buffer:BUF634U", _SOIC, "Texas Instruments", "BUF634U", "BW NC VIN V- NC VO V+ NC")
MULTIPLIER = _part(
    "U",
    "lstm_analog:AD734",
    "Package_DIP:DIP-14_W7.62mm",
    "Analog Devices",
    "AD734ANZ",
    "X1 X2 U0 U1 U2 Y1 Y2 VN ER Z2 Z1 W DD VP",
)
PAIR = _part("Q", "lstm_analog:MAT01", "Package_TO_SOT_THT:TO-78-6", "Analog Devices", "MAT01GHZ", "C1 B1 E1 E2 B2 C2")
CURRENT_SOURCE = _part(
    "U", "Reference_Current:LM334Z", "Package_TO_SOT_THT:TO-92_Inline", "Texas Instruments", "LM334Z/NOPB", "V+ R V-"
)
SET_VOLTAGE = 67.7e-3
"""Voltage of LM334 across the resistor that sets its current, at 25 C and with its bias current (V); it is PTAT."""
SWITCH = _part(
    "U",
    "lstm_analog:ADG1212",
    "Package_SO:TSSOP-16_4.4x5mm_P0.65mm",
    "Analog Devices",
    "ADG1212YRUZ",
    "IN1 D1 S1 VSS GND S4 D4 IN4 IN3 D3 S3 NC VDD S2 D2 IN2",
)
"""ADG1211 of the other logic: closed at 1."""
SWITCH_PINS = (("S1", "D1", "IN1"), ("S2", "D2", "IN2"), ("S3", "D3", "IN3"), ("S4", "D4", "IN4"))
"""The pins of the four switches in a package."""
RESISTOR = _part("R", "Device:R", "Resistor_SMD:R_0603_1608Metric", "Vishay", "", "1 2")
TRIMMER = _part(
    "RV", "Device:R_Potentiometer", "Potentiometer_THT:Potentiometer_Bourns_3296W_Vertical", "Bourns", "", "CCW W CW"
)
CAPACITOR = _part("C", "Device:C", "Capacitor_SMD:C_0603_1608Metric", "Murata", "", "1 2")
_CAPACITORS = {10e-12: "GRM1885C1H100JA01D", 1e-9: "GRM1885C1H102JA01D"}
"""Capacitors of 50 V, C0G, 5 %, by capacitance (F)."""
DECOUPLING = "GRM188R71H104KA93D"
"""100 nF, 50 V, X7R."""
_TRIMMERS = np.array([m * 10.0**n for n in range(1, 6) for m in (1.0, 2.0, 5.0)] + [1e6])


def connector(pins: int) -> BoughtPart:
    """Return the pin header of one row with a number of `pins`, 2 to 40."""
    symbol = f"Connector_Generic:Conn_01x{pins:02d}"
    footprint = f"Connector_PinHeader_2.54mm:PinHeader_1x{pins:02d}_P2.54mm_Vertical"
    names = " ".join(f"Pin_{number}" for number in range(1, pins + 1))
    return _part("J", symbol, footprint, "Samtec", f"TSW-1{pins:02d}-07-G-S", names)


def is_of_series(resistance: Floats) -> bool:
    """Return whether every `resistance` (ohm) is one of the series E96, so that a fixed resistor can be bought."""
    return bool(np.allclose(preferred(resistance, _SERIES), resistance, rtol=_EXACT, atol=0.0))


def resistor_code(resistance: float) -> str:
    """Return the three digits and the letter in place of the point by which Vishay's part numbers say `resistance`.

    >>> resistor_code(4990.0), resistor_code(499e3), resistor_code(68.1)
    ('4K99', '499K', '68R1')
    """
    for letter, unit in (("M", 1e6), ("K", 1e3), ("R", 1.0)):
        if resistance >= unit * (1.0 - _EXACT):
            return f"{resistance / unit:#.3g}"[:4].removesuffix(".").replace(".", letter) + letter * (
                resistance / unit >= 100.0 * (1.0 - _EXACT)
            )
    must, do = "be 1 ohm or more", "give a larger resistance"
    raise UnsupportedError(explain("resistor", must=must, got=f"{resistance:g} ohm", do=do))


def trimmer_size(resistance: float) -> tuple[float, str]:
    """Return full resistance (ohm) and part number of the smallest trimmer that can be set to `resistance` (ohm)."""
    fitting = _TRIMMERS[_TRIMMERS / resistance >= _MARGIN]
    if not fitting.size:
        must, do = "be at most 980 kohm unless it is of the series E96", "choose other sizes"
        raise UnsupportedError(explain("resistor", must=must, got=f"{resistance:g} ohm", do=do))
    size = float(fitting[0])
    digits = f"{size:.0f}"
    return size, f"3296W-1-{digits[:2]}{len(digits) - 2}LF"


def capacitor_number(capacitance: float) -> str:
    """Return the part number of a capacitor of `capacitance` (F); `UnsupportedError` for one that is not listed."""
    for size, number in _CAPACITORS.items():
        if abs(capacitance - size) <= _EXACT * size:
            return number
    must = "be " + " or ".join(f"{size:g}" for size in _CAPACITORS) + " F"
    raise UnsupportedError(explain("capacitor", must=must, got=f"{capacitance:g} F", do="add its part number"))
