"""Lower an LSTM of one layer to transistor cells between resistor crossbars.

Every signal is a difference of two voltages, `_p` less `_n`. A weight is two equal resistors R = 1/(G_u |w|), crossed
where it is negative; a column is terminated so that its total conductance makes kT/q of 1 of z, 2 kT/q for tanh's.
Clocks, reset levels, rails and inputs are ideal sources; the supply feeds the cells through a shunt.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Indices
from lstm_analog.compiler.bicmos import Bicmos, fitted
from lstm_analog.compiler.bicmos_builder import SIDES, TransistorBuilder, Wires
from lstm_analog.compiler.bicmos_cell import DEVICE, library
from lstm_analog.compiler.bicmos_columns import Columns, add_columns, bias_row, columns_of
from lstm_analog.compiler.bicmos_conditions import thermal_voltage
from lstm_analog.compiler.compiled import Compiled, Drive, Layout, Spot, layout, lower, reset_label
from lstm_analog.compiler.scaling import Fit, Ranges, fit_ranges, reach
from lstm_analog.compiler.signals import SignalNetwork
from lstm_analog.compiler.timing import CLOCKED, COPY, RESET, Cycle, Timing, compute_line, cycle
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.cells import SHUNT, Cells
from lstm_analog.network.parts import DATUM, Junctions

SUPPLY, VCC = "supply", "vcc"
"""The supply, and the node behind its shunt."""
_NAMES = (
    "every signal is _p less _n; l0_ zi zf zg zo: columns; l0_c, l0_h: the state, read at the end of a step; "
    "_new the master of c, l0_tanh its divided voltage, _start reset levels, _one bias, clk_ clocks"
)


@fit_ranges.register
def _(technology: Bicmos, ranges: Ranges, fit: Fit) -> Bicmos:
    return technology if fit is Fit.KEEP else fitted(technology, ranges.c)


@reach.register
def _(technology: Bicmos) -> Ranges:
    """Return the largest |c| at which the pair of f c is linear; columns check their weights themselves."""
    return Ranges(x=np.inf, z=np.inf, c=technology.linear_range * technology.state_scale, rows=np.inf)


@lower.register
def lower_bicmos(technology: Bicmos, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as transistor cells of `technology` under `timing`.

    `settling` is the compute phase in time constants of the technology.

    Raises
    ------
    UnsupportedError
        If there is more than one layer, the layer is no plain LSTM, or the timing is not CLOCKED.
    InvalidValueError
        If a column's weights are too large for its termination, or the calibration is of other sizes.
    """
    columns = _supported(signals, timing)
    clock = clock_of(technology, settling)
    builder = TransistorBuilder(technology)
    _build(builder, signals, columns)
    network = builder.network((), _provenance(technology, timing, clock))
    return Compiled(
        network=network,
        cycle=clock,
        layout=_layout(signals),
        timing=timing,
        settling=settling,
        time_constant=technology.time_constant,
        drives=tuple(builder.drives),
    )


def clock_of(technology: Bicmos, settling: float) -> Cycle:
    """Return the clock of `technology`: a compute phase of `settling` time constants, and a shorter copy phase."""
    tau = technology.time_constant
    clock = cycle(CLOCKED, stages=1, time_constant=tau, settling=settling, gap=technology.gap / tau)
    shorter = float(f"{settling * tau * technology.copy_share:.12g}")
    steps = (replace(entry, duration=shorter) if entry.name == COPY else entry for entry in clock.step)
    return replace(clock, step=tuple(steps))


def _supported(signals: SignalNetwork, timing: Timing) -> Columns:
    if timing is not CLOCKED:
        do = "use BEHAVIOURAL for a gated leak"
        raise UnsupportedError(explain("timing", must="be CLOCKED for transistor cells", got=timing.name, do=do))
    if len(signals.stages) != 1:
        do = "use BEHAVIOURAL for more: the next layer would need row drivers of its own"
        raise UnsupportedError(explain("layers", must="be 1 in transistor cells", got=len(signals.stages), do=do))
    return columns_of(signals.stages[0])


def _build(builder: TransistorBuilder, signals: SignalNetwork, columns: Columns) -> None:
    technology, feed = builder.technology, signals.feeds[0].signal
    size, conditions = columns.c.size, technology.conditions
    volts = technology.volts_per_unit * technology.warmth
    supply = builder.sources(SUPPLY, np.full(1, conditions.supply))
    vcc = builder.nodes(VCC, 1, 1.0)
    builder.parts.append(Junctions(label="vcc_node", nodes=vcc))
    builder.resistors(SHUNT, supply, vcc, np.array(1.0 / technology.shunt))
    clocks = [_clock(builder, line) for line in (compute_line(0), COPY, RESET)]
    builder.differential(feed.label, feed.size, technology.row_level, volts, 0.0)
    drivers = [builder.pair(signal.label, signal.size, volts) for signal in (feed, columns.h)]
    weights = columns.rows.weights
    if columns.rows.bias is not None:
        label = f"{columns.rows.label}_one"
        drivers.append(bias_row(builder, label, volts))
        weights = np.column_stack((weights, columns.rows.bias))
    add_columns(builder, columns, drivers, weights)
    _divider(builder, columns.c.label, size)
    starts = [
        builder.differential(reset_label(state.label), size, level, volt, 0.0)
        for state, level, volt in (
            (columns.c, technology.cell_reset, technology.unit_of_c / technology.trims.cell_follower),
            (columns.h, technology.hidden_reset, volts / technology.trims.hidden_follower),
        )
    ]
    _cells(builder, columns, clocks, vcc, starts)


def _clock(builder: TransistorBuilder, line: str) -> Wires:
    """Return the sources of the clock `line` and of its complement, which swing over the whole supply."""
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
    upper, lower_one = technology.divider * (1.0 - ratio), technology.divider * ratio
    level = (technology.tanh_level - ratio * technology.master_level) / (1.0 - ratio)
    rail = builder.sources(f"{label}_rail", np.full(1, level))
    masters = builder.pair(f"{label}_new", size, technology.unit_of_c)
    sensed = technology.slope_factor * thermal_voltage(technology.conditions.temperature)
    ends = builder.pair(f"{label}_tanh", size, 2.0 * sensed)
    builder.parts.append(Junctions(label=f"{label}_tanh_nodes", nodes=np.concatenate(ends)))
    for side, master, end in zip(SIDES, masters, ends, strict=True):
        builder.resistors(f"{label}_upper{side}", master, end, np.array(1.0 / upper))
        builder.resistors(f"{label}_lower{side}", end, np.repeat(rail, size), np.array(1.0 / lower_one))


def _cells(
    builder: TransistorBuilder, columns: Columns, clocks: list[Wires], vcc: Indices, starts: list[Wires]
) -> None:
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
    pins = (*gates, *states, *shared, *(node for pair in starts for node in pair))
    bank = Cells(
        label=f"{c.rpartition('_')[0]}_cells",
        device=DEVICE,
        library=library(technology),
        temperature=technology.conditions.temperature,
        pins=np.stack(pins),
    )
    builder.parts.append(bank)


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
