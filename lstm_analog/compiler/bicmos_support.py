"""Add the circuits of reference, bias rows and clocks to a chip of transistor cells, and clock it by one pin."""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.compiler.bicmos import Bicmos
from lstm_analog.compiler.bicmos_builder import VCC, TransistorBuilder, Wires
from lstm_analog.compiler.bicmos_cell import bias_row_library
from lstm_analog.compiler.bicmos_conditions import Bias
from lstm_analog.compiler.bicmos_services import BIAS_ROW, MIRROR, SERVICES, Services, circuits
from lstm_analog.compiler.compiled import Drive
from lstm_analog.compiler.timing import COPY, RESET, Cycle, compute_line
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.network.cells import Cells, Library
from lstm_analog.network.parts import DATUM

CLOCK_PIN, RESET_PIN = "pin_clock", "pin_reset"
"""The sources of a chip that makes its own clocks."""


def check_services(technology: Bicmos, layers: int) -> None:
    """Raise unless chips of `technology` with its services can have so many `layers` and the bias of its conditions."""
    if layers > 1:
        must, do = "be one where one pin makes the clocks", "compile each layer as a chip, or leave services out"
        raise UnsupportedError(explain("layers", must=must, got=layers, do=do))
    if technology.pairs is None:
        must, do = "be MOS transistors where the bias row is on the chip", "use electrical.SKY130_MOS"
        raise UnsupportedError(explain("pairs", must=must, got="bipolar ones, with base currents", do=do))
    if technology.conditions.bias is not Bias.PTAT:
        must, do = "be PTAT where the reference is on the chip", "give Conditions(bias=Bias.PTAT)"
        raise InvalidValueError(explain("bias", must=must, got=technology.conditions.bias.name, do=do))


def one_pin(clock: Cycle) -> Cycle:
    """Return `clock` for one pin: masters are open from reset and setup on, slaves whenever masters are not."""
    masters, slaves = frozenset({compute_line(0)}), frozenset({COPY})
    until = clock.position(compute_line(0))
    steps = (replace(e, high=e.high | (masters if n <= until else slaves)) for n, e in enumerate(clock.step))
    return replace(clock, reset=replace(clock.reset, high=clock.reset.high | masters), step=tuple(steps))


def add_services(builder: TransistorBuilder, services: Services, lines: dict[str, Wires], cells: int) -> None:
    """Add reference, bias rows and clocks by `services` to the chip in `builder`, which has so many `cells`.

    `lines` are the two nodes of each clock line.
    """
    technology = builder.technology
    met = technology.conditions
    pins = [_pin(builder, *each) for each in ((CLOCK_PIN, compute_line(0)), (RESET_PIN, RESET))]
    vcc, vss = builder.nodes(VCC, 1, 1.0), np.full(1, DATUM)
    mirror = [builder.nodes(line, 1, 1.0) for line in MIRROR]
    driven = [side for line in (compute_line(0), COPY, RESET) for side in lines[line]]
    whole = Library(
        models=technology.models,
        subcircuits=circuits(technology.devices, services, met.slope, cells),
        devices=technology.devices.defined,
    )
    banks = [(SERVICES, whole, np.stack([*pins, *driven, *mirror, vcc, vss]))]
    if builder.bias_rows:
        rows = [np.stack([*builder.pair(label, 1, 1.0), vcc, vss, *mirror]) for label in builder.bias_rows]
        banks.append((BIAS_ROW, bias_row_library(technology, services), np.hstack(rows)))
    for name, library, ends in banks:
        builder.parts.append(Cells(label=name, device=name, library=library, temperature=met.temperature, pins=ends))


def _pin(builder: TransistorBuilder, label: str, line: str) -> Indices:
    """Return the node of the source `label`, which is at the supply while the clock `line` is high."""
    builder.drives.append(Drive(label=label, signal=line, gain=builder.technology.conditions.supply, offset=0.0))
    return builder.sources(label, np.zeros(1))
