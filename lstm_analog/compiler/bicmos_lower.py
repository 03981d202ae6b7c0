"""Lower an LSTM to transistor cells between resistor crossbars.

Every signal is a difference of two voltages, `_p` less `_n`. A weight is two equal resistors R = 1/(G_u |w|), crossed
where it is negative; a column is terminated so that its total conductance makes kT/q of 1 of z, 2 kT/q for tanh's.
Clocks, reset levels, rails and inputs are ideal sources; the supply feeds the cells through a shunt. A cell leads only
the slave of h out, so each layer copies its masters before the layer above computes.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.bicmos import Bicmos, fitted
from lstm_analog.compiler.bicmos_builder import SIDES, VCC, TransistorBuilder, Wires
from lstm_analog.compiler.bicmos_cell import DEVICE, library
from lstm_analog.compiler.bicmos_columns import Columns, add_columns, add_head, bias_row, columns_of, rail_nodes
from lstm_analog.compiler.bicmos_drawn import drawn
from lstm_analog.compiler.bicmos_services import MIRROR
from lstm_analog.compiler.bicmos_support import add_services, check_services, one_pin
from lstm_analog.compiler.compiled import Compiled, Drive, Layout, Spot, layout, lower, reset_label
from lstm_analog.compiler.scaling import Fit, Ranges, fit_ranges, reach
from lstm_analog.compiler.signals import SignalNetwork, Sum
from lstm_analog.compiler.timing import CLOCKED, COPY, RESET, Cycle, Interval, Timing, compute_line, cycle
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.cells import SHUNT, Cells
from lstm_analog.network.parts import DATUM

SUPPLY = "supply"
"""The source of the supply, before its shunt."""
_NAMES = (
    "every signal is _p less _n; l0_ zi zf zg zo: columns; l0_c, l0_h: the state, read at the end of a step; "
    "_new the master of c, l0_tanh its divided voltage, _start reset levels, _one bias, clk_ clocks"
)


@fit_ranges.register
def _(technology: Bicmos, ranges: Ranges, fit: Fit) -> Bicmos:
    chosen = fitted(technology, ranges.c)
    larger = chosen.state_scale < technology.state_scale  # units
    return technology if fit is Fit.KEEP or (larger and fit is Fit.SHRINK) else chosen


@reach.register
def _(technology: Bicmos) -> Ranges:
    """Return the largest |c| at which the pair of f c is linear, for h too; columns check their weights themselves."""
    largest = technology.linear_range * technology.state_scale
    return Ranges(x=np.inf, z=np.inf, c=largest, h=largest, rows=np.inf)


@lower.register
def lower_bicmos(technology: Bicmos, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as transistor cells of `technology` under `timing`.

    `settling` is the compute phase in time constants of the technology.

    Raises
    ------
    UnsupportedError
        If a head has a pass of its own, a layer is no plain LSTM, or the timing is not CLOCKED.
    InvalidValueError
        If a column's weights are too large for its termination, or the calibration is of other sizes.
    """
    layers = _supported(signals, timing)
    if technology.services is not None:
        check_services(technology, len(layers))
    clock = clock_of(technology, settling, len(layers), head=signals.stages[-1].head is not None)
    builder = TransistorBuilder(technology)
    _build(builder, signals, layers)
    network = builder.network(_provenance(technology, timing, clock))
    if technology.passives is not None:
        met = technology.conditions
        network = drawn(network, technology.passives, celsius=met.temperature, sheet=met.sheet)
    return Compiled(
        network=network,
        cycle=clock,
        layout=_layout(signals),
        timing=timing,
        settling=settling,
        time_constant=technology.time_constant,
        drives=tuple(builder.drives),
    )


def clock_of(technology: Bicmos, settling: float, layers: int = 1, *, head: bool = False) -> Cycle:
    """Return the clock of `technology` for a number of `layers`, and a `head`: compute, then copy, one after the other.

    A compute phase has `settling` time constants, a copy phase is shorter; a head has nothing to copy.
    """
    tau = technology.time_constant
    clock = cycle(CLOCKED, stages=layers + head, time_constant=tau, settling=settling, gap=technology.gap / tau)
    shorter = float(f"{settling * tau * technology.copy_share:.12g}")
    pauses = {f"hold{number}": copy_line(number, layers) for number in range(layers)}
    steps: list[Interval] = []
    for entry in clock.step:
        if entry.name != COPY:
            steps.append(entry)
        if entry.name in pauses:
            line = pauses[entry.name]
            steps.append(Interval(name=line, duration=shorter, high=frozenset({line}), settles=True))
            steps += [replace(entry, name=f"{line}_done")] if head or line != COPY else []
    copies = tuple(line for line in pauses.values() if line != COPY)
    clock = replace(clock, lines=(*clock.lines, *copies), step=tuple(steps))
    return clock if technology.services is None else one_pin(clock)


def copy_line(layer: int, layers: int) -> str:
    """Return the clock line on which the slaves of `layer` of so many `layers` are filled."""
    return COPY if layer == layers - 1 else f"{COPY}{layer}"


def _supported(signals: SignalNetwork, timing: Timing) -> tuple[tuple[Columns, ...], ...]:
    """Return the columns of each chain of each layer of `signals`."""
    if timing is not CLOCKED:
        do = "use BEHAVIOURAL for a gated leak"
        raise UnsupportedError(explain("timing", must="be CLOCKED for transistor cells", got=timing.name, do=do))
    layers = [stage for stage in signals.stages if stage.chains]
    if not layers:
        must, do = "stand on a layer of its own pass in transistor cells", "compute it from run.h, or use BEHAVIOURAL"
        raise UnsupportedError(explain("head", must=must, got="a pass of its own", do=do))
    return tuple(tuple(columns_of(chain.operations) for chain in stage.chains) for stage in layers)


def _build(builder: TransistorBuilder, signals: SignalNetwork, layers: tuple[tuple[Columns, ...], ...]) -> None:
    technology = builder.technology
    volts = technology.unit_of_h
    supply = builder.sources(SUPPLY, np.full(1, technology.conditions.supply))
    vcc = builder.nodes(VCC, 1, 1.0)
    builder.junctions("vcc_node", vcc)
    builder.conductors(SHUNT, supply, vcc, 1.0 / technology.shunt)
    lines = [(compute_line(number), copy_line(number, len(layers)), RESET) for number in range(len(layers))]
    distinct = tuple(dict.fromkeys(line for each in lines for line in each))
    clocks = dict(zip(distinct, (_clock(builder, line) for line in distinct), strict=True))
    for feed in signals.feeds:
        builder.differential(feed.signal.label, feed.signal.size, technology.row_level, volts, 0.0)
    pins: list[tuple[Indices, ...]] = []
    for layer, names in zip(layers, lines, strict=True):
        for columns in layer:
            add_columns(builder, columns, *_rows(builder, columns.rows, volts))
            _divider(builder, columns.c.label, columns.c.size)
            pins.append(
                _pins(builder, columns, [clocks[name] for name in names], vcc, _starts(builder, columns, volts))
            )
    head = signals.stages[-1].head
    if head is not None:
        add_head(builder, head.sum, *_rows(builder, head.sum, volts))
    labels = [columns.c.label.rpartition("_")[0] for layer in layers for columns in layer]
    bank = Cells(
        label=f"{labels[0]}_cells" if len(labels) == 1 else "cells",
        device=DEVICE,
        library=library(technology),
        temperature=technology.conditions.temperature,
        pins=np.hstack([np.stack(each) for each in pins]),
    )
    builder.parts.append(bank)
    if technology.services is not None:
        add_services(builder, technology.services, clocks, bank.pins.shape[1])


def _rows(builder: TransistorBuilder, rows: Sum, volts: float) -> tuple[list[Wires], Floats]:
    """Return what drives the weights of `rows`, `volts` for 1, the bias row last, and these weights with the bias."""
    drivers = [builder.pair(reading.signal.label, reading.signal.size, volts) for reading in rows.drivers]
    if rows.bias is None:
        return drivers, rows.weights
    drivers.append(bias_row(builder, f"{rows.label}_one", volts))
    return drivers, np.column_stack((rows.weights, rows.bias))


def _starts(builder: TransistorBuilder, columns: Columns, volts: float) -> list[Wires]:
    """Return the sources of the reset levels of c and h."""
    technology, size = builder.technology, columns.c.size
    return [
        builder.differential(reset_label(state.label), size, level, volt, 0.0)
        for state, level, volt in (
            (columns.c, technology.cell_reset, technology.unit_of_c / technology.trims.cell_follower),
            (columns.h, technology.hidden_reset, volts / technology.trims.hidden_follower),
        )
    ]


def _clock(builder: TransistorBuilder, line: str) -> Wires:
    """Return the sources of the clock `line` and of its complement, which swing over the whole supply."""
    if builder.technology.services is not None:
        nodes = [builder.nodes(f"clk_{line}{suffix}", 1, 1.0) for suffix in ("", "_b")]
        return nodes[0], nodes[1]
    high = builder.technology.conditions.supply
    nodes = []
    for suffix, rest, gain in (("", 0.0, high), ("_b", high, -high)):
        label = f"clk_{line}{suffix}"
        nodes.append(builder.sources(label, np.full(1, rest)))
        builder.drives.append(Drive(label=label, signal=line, gain=gain, offset=rest))
    return nodes[0], nodes[1]


def _divider(builder: TransistorBuilder, label: str, size: int) -> None:
    """Add the divider from the master of c to the inputs of its tanh; its rail keeps their common mode."""
    technology = builder.technology
    ratio = technology.trims.divider_ratio * technology.state_scale
    to_master, to_rail = technology.divider * (1.0 - ratio), technology.divider * ratio
    level = (technology.tanh_level - ratio * technology.master_level) / (1.0 - ratio)
    rail = rail_nodes(builder, f"{label}_rail", level, np.full(size, 2.0 * (level - technology.tanh_level) / to_rail))
    masters = builder.pair(f"{label}_new", size, technology.unit_of_c)
    ends = builder.pair(f"{label}_tanh", size, 2.0 * technology.sensed_volts)
    builder.junctions(f"{label}_tanh_nodes", np.concatenate(ends))
    for side, master, end in zip(SIDES, masters, ends, strict=True):
        builder.conductors(f"{label}_upper{side}", master, end, 1.0 / to_master)
        builder.conductors(f"{label}_lower{side}", end, rail, 1.0 / to_rail)


def _pins(
    builder: TransistorBuilder, columns: Columns, clocks: list[Wires], vcc: Indices, starts: list[Wires]
) -> tuple[Indices, ...]:
    """Return the nodes at each terminal of the cells of `columns`."""
    technology, size, c = builder.technology, columns.c.size, columns.c.label
    gates = [
        node
        for target in (columns.input, columns.forget, columns.candidate, columns.output)
        for node in builder.pair(target.label, size, 1.0)
    ]
    states = [
        node
        for label in (f"{c}_tanh", columns.h.label, f"{c}_new", c)
        for node in builder.pair(label, size, technology.unit_of_c)
    ]
    datum = np.full(1, DATUM)
    shared = [np.repeat(node, size) for node in (*(side for pair in clocks for side in pair), vcc, datum)]
    lines = () if technology.services is None else MIRROR
    mirror = (np.repeat(builder.nodes(line, 1, 1.0), size) for line in lines)
    return (*gates, *states, *shared, *(node for pair in starts for node in pair), *mirror)


def _layout(signals: SignalNetwork) -> Layout:
    """Return the layout of `signals`, each read as the difference of its two sides."""

    def across(spot: Spot) -> Spot:
        return replace(spot, group=f"{spot.group}_p", against=f"{spot.group}_n")

    plain = layout(signals).with_rows(across)
    layers = (replace(one, h=across(one.h), c=None if one.c is None else across(one.c)) for one in plain.layers)
    return replace(plain, layers=tuple(layers))


def _provenance(technology: Bicmos, timing: Timing, clock: Cycle) -> tuple[tuple[str, str], ...]:
    conditions = technology.conditions
    wafer = f", corner {conditions.corner or 'typical'}, slope {conditions.slope:g}"
    met = f"{conditions.temperature:g} C, supply {conditions.supply:g} V, {conditions.bias.value} bias{wafer}"
    return (
        ("technology", technology.name),
        ("timing", timing.value),
        ("clock", f"step {clock.step_time:.6g} s, time constant {technology.time_constant:.6g} s"),
        ("conditions", met),
        ("models", f"{technology.devices.name}, digest {technology.models_digest}"),
        ("calibration", technology.trims.simulator),
        ("names", _NAMES),
    )
