"""What a chip of transistor cells needs around them, as circuits: reference current, bias row, rails, clocks.

* **Reference.** Two bipolar transistors with areas of 1 to 8 at one current, I = (kT/q) ln 8 / R, proportional to the
  absolute temperature and made over a resistor of the chip (Widlar 1971, Brokaw 1974). A resistor R in the base of the
  smaller takes the base current of the larger off the result, which would have its emitter current else. Every cell
  has a p-channel mirror of it. Cascodes hold the drains and the collectors, so that it does not follow the supply.
* **Bias row.** 1 is a tail of twice the reference over a resistor, followed as h is.
* **Rails.** Both terminations of a column end in a node of their own, which a resistor feeds from the supply. What it
  carries does not depend on signals, for these come as opposite pairs.
* **Clocks.** Two NOR gates, each held by the other's output, delayed: one pin makes both phases, never high together.

Throughout, `devices` are the transistors of the process, `services` the sizes, `slope` the reference current over that
of the design, `cells` the number of cells of the chip.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lstm_analog.compiler.bicmos_devices import Devices, text
from lstm_analog.doors import checked_record
from lstm_analog.network.cells import Subcircuit
from lstm_analog.network.quantities import check_fields

SERVICES, BIAS_ROW = "services", "bias_row"
"""The subcircuits: reference and generator of clocks, one of a chip, and the drivers of bias rows."""
MIRROR = ("pb", "pc")
"""The lines to the gates of all transistors that mirror the reference, and of their cascodes."""
WIRE = "cw_"
"""The beginning of the names of capacitances of wires, which are not drawn as capacitors."""
_CLOCK_PINS = ("take", "take_b", "copy", "copy_b", "reset", "reset_b")


@checked_record
@dataclass(frozen=True, kw_only=True)
class Services:
    """Sizes of the circuits around cells.

    Attributes
    ----------
    reference_resistance : float
        Both resistors of the reference (ohm).
    bias_row_resistance : float
        The load that makes 1 of the bias row (ohm).
    mirror : tuple of two floats
        Width and length (um) of the p-channel transistors of the mirror of the reference.
    cascode : tuple of two floats
        Width and length (um) of the p-channel transistors that hold their drains.
    delay : tuple of two floats
        Width and length (um) of the n-channel transistors that delay one phase of the clock after the other; of
        p-channel ones three times the width. Longer: phases farther apart.
    drive : float
        Width (um) of the n-channel transistor that drives a clock line, for each cell.
    wires : tuple of two floats
        Capacitance (F) of a wire within the generator of clocks, and of a clock line for each cell. ngspice 39 died at
        edges of a generator without.
    """

    reference_resistance: float
    bias_row_resistance: float
    mirror: tuple[float, float]
    cascode: tuple[float, float]
    delay: tuple[float, float]
    drive: float
    wires: tuple[float, float]

    def __post_init__(self) -> None:
        check_fields(self, "services")


def mirrored(devices: Devices, services: Services, name: str, out: str) -> tuple[str, str]:
    """Return the cards `name` of the transistor that sends the current of `services` to `out`, with its cascode."""
    gate, cascode = MIRROR
    mirror = devices.pmos.card(name, f"{out}_{name} {gate} vcc vcc", *services.mirror)
    return mirror, devices.pmos.card(f"{name}c", f"{out} {cascode} {out}_{name} vcc", *services.cascode)


def circuits(devices: Devices, services: Services, slope: float, cells: int) -> tuple[Subcircuit, ...]:
    """Return the reference, the generator of clocks, and the circuit that contains both."""
    inside = (reference(devices, services, slope), clocks(devices, services, cells))
    ends = (*inside[1].terminals[:-2], *MIRROR, "vcc", "vss")
    cards = tuple(f"x{each.name} {' '.join(each.terminals)} {each.name}" for each in inside)
    return (*inside, Subcircuit(name=SERVICES, terminals=ends, outputs=(*_CLOCK_PINS, *MIRROR), cards=cards))


def reference(devices: Devices, services: Services, slope: float) -> Subcircuit:
    """Return the reference of `services`, whose current is `slope` times that of the design: pb is its mirror's gate.

    m3 feeds the bases, so that they take nothing of the current of q1; m4, its gate at the same node, holds the
    collector of q2 near its base. Without current m5 pulls pc down; q3 ends that.
    """
    ohms = text(services.reference_resistance / slope)
    npn, nmos = devices.npn, devices.nmos
    cards = (
        *mirrored(devices, services, "1", "a"),
        devices.pmos.card("2", "pb pb vcc vcc", *services.mirror),
        devices.pmos.card("2c", "pc pc pb vcc", *services.cascode),
        *(npn.card("1", "a b vss", 1.0), f"rb vb b {ohms}", npn.card("2", "d vb e", 8.0), f"re e vss {ohms}"),
        nmos.card("4", "pc a d d", 20.0, 1.0),
        *(nmos.card("3", "vcc a vb vb", 20.0, 1.0), "rh vb vss 150000.0", "c1 a vss 2e-12"),
        *("rs vcc s 2000000.0", npn.card("3", "s vb vss", 2.0), nmos.card("5", "pc s vss vss", 2.0, 1.0)),
    )
    return Subcircuit(name="reference", terminals=(*MIRROR, "vcc", "vss"), outputs=(), cards=cards)


def clocks(devices: Devices, services: Services, cells: int) -> Subcircuit:
    """Return the generator that makes both phases and the reset, with complements, for so many `cells` of `services`.

    From clk comes take, from its complement copy; each waits until the other is low and has been so for a while.
    """
    cards = (
        *_inverter(devices, "c", "clk", "clkb", 2.0),
        *_nor(devices, "t", ("clkb", "copy_d"), "take_0"),
        *_nor(devices, "k", ("clk", "take_d"), "copy_0"),
        *_delay(devices, services, "take"),
        *_delay(devices, services, "copy"),
        *(card for line, start in _STARTS for card in _buffer(devices, line, start, services.drive * cells)),
    )
    inner = dict.fromkeys(
        node for card in cards for node in card.split()[1:4] if node not in ("vcc", "vss", "clk", "rst")
    )
    loads = (services.wires[1] * cells if node in _CLOCK_PINS else services.wires[0] for node in inner)
    cards += tuple(f"{WIRE}{node} {node} vss {text(farads)}" for node, farads in zip(inner, loads, strict=True))
    return Subcircuit(name="clocks", terminals=("clk", "rst", *_CLOCK_PINS, "vcc", "vss"), outputs=(), cards=cards)


_STARTS = (("take", "take_0"), ("copy", "copy_0"), ("reset", "rst"))
"""The lines and what they come from."""


def _inverter(devices: Devices, name: str, start: str, end: str, width: float, length: float = 0.6) -> Iterator[str]:
    """Yield the cards of an inverter `name` from `start` to `end`, its n-channel transistor of `width` and `length`."""
    yield devices.nmos.card(f"{name}n", f"{end} {start} vss vss", width, length)
    yield devices.pmos.card(f"{name}p", f"{end} {start} vcc vcc", 3.0 * width, length)


def _nor(devices: Devices, name: str, starts: tuple[str, str], end: str) -> Iterator[str]:
    """Yield the cards of a NOR gate `name` of `starts` to `end`."""
    first, second = starts
    yield devices.nmos.card(f"{name}n1", f"{end} {first} vss vss", 2.0, 0.6)
    yield devices.nmos.card(f"{name}n2", f"{end} {second} vss vss", 2.0, 0.6)
    yield devices.pmos.card(f"{name}p1", f"{name}m {first} vcc vcc", 12.0, 0.6)
    yield devices.pmos.card(f"{name}p2", f"{end} {second} {name}m vcc", 12.0, 0.6)


def _delay(devices: Devices, services: Services, line: str) -> Iterator[str]:
    """Yield the cards of two slow inverters from `line` to its delayed copy."""
    yield from _inverter(devices, f"{line}1", line, f"{line}_x", *services.delay)
    yield from _inverter(devices, f"{line}2", f"{line}_x", f"{line}_d", *services.delay)


def _buffer(devices: Devices, line: str, start: str, width: float) -> Iterator[str]:
    """Yield the cards of the inverters that drive `line` and its complement from `start`, the last ones of `width`."""
    small = max(2.0, 0.5 * round(width / 2.0))
    yield from _inverter(devices, f"{line}3", start, f"{line}_y", small)
    yield from _inverter(devices, f"{line}4", f"{line}_y", line, width)
    yield from _inverter(devices, f"{line}5", f"{line}_y", f"{line}_z", small)
    yield from _inverter(devices, f"{line}6", f"{line}_z", f"{line}_b", 2.0 * width)
