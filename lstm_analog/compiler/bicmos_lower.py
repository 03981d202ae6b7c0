"""Lowers an LSTM of one layer to transistor cells between resistor crossbars.

Every signal is a difference of two voltages, `_p` less `_n`. A weight is two equal resistors R = 1/(G_u |w|), crossed
where it is negative; a column is terminated so that its total conductance makes kT/q of 1 of z, 2 kT/q for tanh's.
Clocks, reset levels, rails and inputs are ideal sources; the supply feeds the cells through a shunt.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.bicmos import Bicmos, thermal_voltage
from lstm_analog.compiler.bicmos_cell import DEVICE, TERMINALS, library
from lstm_analog.compiler.compiled import Compiled, Drive, LayerLayout, Layout, Spot, lower, reset_label
from lstm_analog.compiler.signals import Quantity, Signal, SignalNetwork, Stage
from lstm_analog.compiler.timing import CLOCKED, COPY, READ_OUT, RESET, Cycle, Timing, compute_line, cycle
from lstm_analog.errors import InvalidValueError, UnsupportedError, explain
from lstm_analog.network.cells import Cells
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import Conductors, Crossbars, Junctions, Part, Sources
from lstm_analog.network.shapes import Shape

SIDES = {"_p": 0.5, "_n": -0.5}
"""The two wires of a signal and their shares of it."""
SUPPLY, VCC, SHUNT = "supply", "vcc", "shunt"
"""The supply, the node behind its shunt, and the shunt."""
_NAMES = (
    "every signal is _p less _n; l0_ zi zf zg zo: columns; l0_c, l0_h: the state, read at the end of a step; "
    "_new the master of c, l0_tanh its divided voltage, _start reset levels, _one bias, clk_ clocks"
)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The four columns of a layer, and the states: the signals of a `Stage` by what the cell does with them."""

    input: Signal
    forget: Signal
    candidate: Signal
    output: Signal
    c: Signal
    h: Signal


@dataclass(frozen=True, kw_only=True)
class _Chip:
    """The network as it grows: `groups` with the scale of their unit, `parts`, and how sources are driven."""

    technology: Bicmos
    groups: dict[str, Group] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    drives: list[Drive] = field(default_factory=list)

    def nodes(self, label: str, size: int, scale: float) -> Indices:
        """Return the unknowns of the group `label`, made with `size` of them, `scale` V a unit, if it is new."""
        self.groups.setdefault(label, Group(label=label, size=size, scale=scale))
        return Unknowns(groups=tuple(self.groups.values()))[label]

    def sources(self, label: str, effort: Floats, scale: float = 1.0) -> Indices:
        """Return the nodes of sources at `effort` (m,), in V."""
        nodes = self.nodes(label, effort.size, scale)
        self.parts.append(Sources(label=label, nodes=nodes, effort=effort))
        return nodes

    def differential(self, label: str, size: int, level: float, volts: float, rest: float) -> tuple[Indices, Indices]:
        """Return both sides of sources around `level`, driven by the signal `label`, at `rest` units unless driven."""
        for side, share in SIDES.items():
            self.sources(label + side, np.full(size, level + share * volts * rest), volts)
            self.drives.append(Drive(label=label + side, signal=label, gain=share * volts, offset=level))
        return self.pair(label, size, volts)

    def pair(self, label: str, size: int, scale: float) -> tuple[Indices, Indices]:
        """Return the nodes of both sides of the signal `label`."""
        plus, minus = (self.nodes(label + side, size, scale) for side in SIDES)
        return plus, minus

    def resistors(self, label: str, a: Indices, b: Indices, conductance: Floats) -> None:
        """Add resistors of `conductance` (S)."""
        self.parts.append(Conductors(label=label, a=a, b=b, conductance=conductance))


@lower.register
def lower_bicmos(technology: Bicmos, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as transistor cells of `technology`; `settling` is the compute phase in its time constants.

    Raises
    ------
    UnsupportedError
        If there is more than one layer, the layer is no plain LSTM, or the timing is not CLOCKED.
    InvalidValueError
        If a column's weights are too large for its termination, or the calibration is of other sizes.
    """
    columns = _supported(signals, timing)
    calibrated_for(technology)
    clock = clock_of(technology, settling)
    chip = _Chip(technology=technology)
    _build(chip, signals, columns)
    network = Network(
        domain=ELECTRICAL,
        unknowns=Unknowns(groups=tuple(chip.groups.values())),
        parts=tuple(chip.parts),
        lines=(),
        provenance=_provenance(technology, timing, clock),
    )
    return Compiled(
        network=network.verify(),
        cycle=clock,
        layout=_layout(technology, signals, columns),
        timing=timing,
        settling=settling,
        time_constant=technology.time_constant,
        drives=tuple(chip.drives),
    )


def calibrated_for(technology: Bicmos) -> None:
    """Raise `InvalidValueError` if the calibration of `technology` was made for other sizes."""
    made_for, digest = technology.calibration.technology, technology.digest
    if made_for != digest:
        must, got = f"be made for these sizes, digest {digest[:12]}", made_for[:12] or "none"
        do = "run study.calibrate on the technology and compile with what it returns"
        raise InvalidValueError(explain("calibration", must=must, got=got, do=do))


def clock_of(technology: Bicmos, settling: float) -> Cycle:
    """Return the clock: a compute phase of `settling` time constants, a shorter copy phase, pauses between."""
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


def columns_of(stage: Stage) -> Columns:
    """Return the signals of `stage` by what a cell does with them; `UnsupportedError` unless it is a plain LSTM."""
    c, h = stage.memory[Quantity.CELL], stage.memory[Quantity.HIDDEN]
    taps = (*c.add, *h.add, *(() if c.keep is None else (c.keep,)))
    shapes = [tap.shape for tap in taps]
    expected = [Shape.SIGMOID, Shape.TANH, Shape.SIGMOID, Shape.TANH, Shape.SIGMOID]
    if shapes != expected or h.keep is not None or taps[3].reading.signal != c.target:
        got = ", ".join(shape.value for shape in shapes)
        must, do = "be sigmoid(f) c + sigmoid(i) tanh(g), then sigmoid(o) tanh(c)", "use BEHAVIOURAL for other forms"
        raise UnsupportedError(explain("a layer in transistor cells", must=must, got=got, do=do))
    zi, zg, zo, _, zf = (tap.reading.signal for tap in taps)
    return Columns(input=zi, forget=zf, candidate=zg, output=zo, c=c.target, h=h.target)


def _build(chip: _Chip, signals: SignalNetwork, columns: Columns) -> None:
    technology, stage = chip.technology, signals.stages[0]
    size, conditions = columns.c.size, technology.conditions
    volts = technology.volts_per_unit * technology.warmth
    supply = chip.sources(SUPPLY, np.full(1, conditions.supply))
    vcc = chip.nodes(VCC, 1, 1.0)
    chip.parts.append(Junctions(label="vcc_node", nodes=vcc))
    chip.resistors(SHUNT, supply, vcc, np.array(1.0 / technology.shunt))
    clocks = [_clock(chip, line) for line in (compute_line(0), COPY, RESET)]
    chip.differential(signals.inputs.label, signals.inputs.size, technology.row_level, volts, 0.0)
    drivers = [chip.pair(label, n, volts) for label, n in ((signals.inputs.label, signals.inputs.size), (columns.h.label, size))]
    weights = stage.sum.weights
    if stage.sum.bias is not None:
        label = f"{stage.sum.label}_one"
        drivers.append(_one(chip, label, volts))
        weights = np.column_stack((weights, stage.sum.bias))
    _columns(chip, stage, columns, drivers, weights)
    _divider(chip, columns.c.label, size)
    starts = [
        chip.differential(reset_label(state.label), size, level, volt, 0.0)
        for state, level, volt in (
            (columns.c, technology.cell_reset, cell_volts(technology) / technology.calibration.cell_follower),
            (columns.h, technology.hidden_reset, volts / technology.calibration.hidden_follower),
        )
    ]
    _cells(chip, columns, clocks, vcc, starts)


def cell_volts(technology: Bicmos) -> float:
    """Return the differential voltage (V) of 1 of c at the slave's follower."""
    return technology.calibration.cell_volts * technology.warmth / technology.state_scale


def _one(chip: _Chip, label: str, volts: float) -> tuple[Indices, Indices]:
    """Return the two sources of the bias row, at 1."""
    for side, share in SIDES.items():
        chip.sources(label + side, np.full(1, chip.technology.row_level + share * volts), volts)
    return chip.pair(label, 1, volts)


def _clock(chip: _Chip, line: str) -> tuple[Indices, Indices]:
    """Return the sources of the clock `line` and of its complement, which swing over the whole supply."""
    high = chip.technology.conditions.supply
    nodes = []
    for suffix, rest, gain in (("", 0.0, high), ("_b", high, -high)):
        label = f"clk_{line}{suffix}"
        nodes.append(chip.sources(label, np.full(1, rest)))
        chip.drives.append(Drive(label=label, signal=line, gain=gain, offset=rest))
    return nodes[0], nodes[1]


def _columns(
    chip: _Chip, stage: Stage, columns: Columns, drivers: list[tuple[Indices, Indices]], weights: Floats
) -> None:
    """Add the columns: their nodes, the crossbar of `weights` (4 H, drivers) from the `drivers`, the terminations."""
    technology, label = chip.technology, stage.sum.label
    conditions = technology.conditions
    pairs = [
        chip.pair(target.label, target.size, thermal_voltage(conditions.temperature) * fold)
        for target in stage.sum.targets
        for fold in (2.0 if target == columns.candidate else 1.0,)
    ]
    plus, minus = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    chip.parts.append(Junctions(label=f"{label}_nodes", nodes=np.concatenate((plus, minus))))
    inputs = np.concatenate([pair[side] for side in (0, 1) for pair in drivers])
    own, crossed = (technology.unit_conductance * np.maximum(sign * weights, 0.0) for sign in (1.0, -1.0))
    none = np.array(0.0)
    chip.parts.append(
        Crossbars(
            label=label,
            inputs=inputs,
            plus=plus,
            minus=minus,
            positive=np.hstack((own, crossed)),
            negative=np.hstack((crossed, own)),
            plus_load=none,
            minus_load=none,
        )
    )
    rows = np.split(np.abs(weights).sum(axis=1), len(pairs))
    for target, (p, n), total in zip(stage.sum.targets, pairs, rows, strict=True):
        rail = technology.tanh_rail if target == columns.candidate else technology.sigmoid_rail
        node = chip.sources(f"{target.label}_rail", np.full(1, rail))
        rest = termination(technology, columns, target, total)
        chip.resistors(f"{target.label}_term_p", p, np.repeat(node, p.size), rest)
        chip.resistors(f"{target.label}_term_n", n, np.repeat(node, n.size), rest)


def termination(technology: Bicmos, columns: Columns, target: Signal, total: Floats) -> Floats:
    """Return the conductance (S) that a column of `target` still needs beside its weights, `total` (H,) of |w|.

    Raises `InvalidValueError` where the weights are more than the column may have.
    """
    conductance = column_conductance(technology, columns, target)
    limit = conductance / technology.unit_conductance
    worst = int(total.argmax())
    if not total[worst] < limit:
        do = "scale the weights down, or choose a smaller unit_conductance with larger volts_per_unit"
        must, got = f"have sum |w| below {limit:.3g}", f"{total[worst]:.3g} at unit {worst}"
        raise InvalidValueError(explain(f"column {target.label}", must=must, got=got, do=do))
    return conductance - technology.unit_conductance * total


def column_conductance(technology: Bicmos, columns: Columns, target: Signal) -> float:
    """Return the total conductance (S) of a column of `target`: 1 of z makes kT/q there, 2 kT/q at a tanh."""
    c = technology.calibration
    trims = {columns.input: c.input_gain, columns.forget: c.forget_gain, columns.output: c.output_gain}
    folds = 2.0 if target == columns.candidate else 1.0
    textbook = technology.unit_conductance * technology.volts_per_unit / (folds * technology.thermal_volts)
    return trims.get(target, c.candidate_gain) * textbook


def _divider(chip: _Chip, label: str, size: int) -> None:
    """Add the divider from the master of c to the inputs of its tanh; its rail keeps their common mode."""
    technology = chip.technology
    ratio = technology.calibration.divider_ratio * technology.state_scale
    upper, lower_one = technology.divider * (1.0 - ratio), technology.divider * ratio
    level = (technology.tanh_level - ratio * technology.master_level) / (1.0 - ratio)
    rail = chip.sources(f"{label}_rail", np.full(1, level))
    masters = chip.pair(f"{label}_new", size, cell_volts(technology))
    ends = chip.pair(f"{label}_tanh", size, 2.0 * thermal_voltage(technology.conditions.temperature))
    chip.parts.append(Junctions(label=f"{label}_tanh_nodes", nodes=np.concatenate(ends)))
    for side, master, end in zip(SIDES, masters, ends, strict=True):
        chip.resistors(f"{label}_upper{side}", master, end, np.array(1.0 / upper))
        chip.resistors(f"{label}_lower{side}", end, np.repeat(rail, size), np.array(1.0 / lower_one))


def _cells(
    chip: _Chip,
    columns: Columns,
    clocks: list[tuple[Indices, Indices]],
    vcc: Indices,
    starts: list[tuple[Indices, Indices]],
) -> None:
    technology, size, c = chip.technology, columns.c.size, columns.c.label
    gates = [
        node
        for target in (columns.input, columns.forget, columns.candidate, columns.output)
        for node in chip.pair(target.label, size, 1.0)
    ]
    states = [
        node
        for label in (f"{c}_tanh", columns.h.label, f"{c}_new", c)
        for node in chip.pair(label, size, cell_volts(technology))
    ]
    shared = [np.repeat(node, size) for node in (*(side for pair in clocks for side in pair), vcc)]
    pins = (*gates, *states, *shared, *(node for pair in starts for node in pair))
    assert len(pins) == len(TERMINALS)
    bank = Cells(
        label="l0_cells",
        device=DEVICE,
        library=library(technology),
        temperature=technology.conditions.temperature,
        pins=np.stack(pins),
    )
    chip.parts.append(bank)


def _layout(technology: Bicmos, signals: SignalNetwork, columns: Columns) -> Layout:
    def spot(signal: Signal, interval: str) -> Spot:
        return Spot(group=f"{signal.label}_p", interval=interval, against=f"{signal.label}_n")

    layer = LayerLayout(
        z=tuple(spot(target, "hold0") for target in signals.stages[0].sum.targets),
        c=spot(columns.c, READ_OUT),
        h=spot(columns.h, READ_OUT),
        reset_c=reset_label(columns.c.label),
        reset_h=reset_label(columns.h.label),
    )
    return Layout(inputs=signals.inputs.label, layers=(layer,))


def _provenance(technology: Bicmos, timing: Timing, clock: Cycle) -> tuple[tuple[str, str], ...]:
    conditions = technology.conditions
    met = f"{conditions.temperature:g} C, supply {conditions.supply:g} V, {conditions.bias.value} bias"
    return (
        ("technology", technology.name),
        ("timing", timing.value),
        ("clock", f"step {clock.step_time:.6g} s, time constant {technology.time_constant:.6g} s"),
        ("conditions", met),
        ("calibration", technology.calibration.simulator or "textbook"),
        ("names", _NAMES),
    )
