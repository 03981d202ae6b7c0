"""Lower a signal network to plumbing (docs/hydraulics.md#design): capillary sums, half-bridges, relays, tanks.

A row is two manifolds: each weight a capillary from its source into the plus or the minus one, a dummy capillary to the
datum so that both total G_u S; then p+ - p- = p_unit z/S. Two opposed exponential ports between a top and a bottom rail
settle at bottom + sigmoid(z) (top - bottom); with twice the gain between the unit rails, at p_unit tanh(z). A top rail
at the pressure of a signal makes a product. A bridge must not deliver flow, so it feeds a relay. In dynamic detail a
spool stands between the manifolds and the ports of a bridge, or the drain and the filling valve of a gated leak.
"""

from dataclasses import replace
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import (
    Compiled,
    Layout,
    Spot,
    layout,
    leaking_tap,
    leaks,
    lower,
    reset_label,
    single_storages,
)
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.compiler.manifolds import dense_weights, dummies, minus, plus, signed_totals, split_rows, totals
from lstm_analog.compiler.network_builder import gated_leak
from lstm_analog.compiler.plumbing_builder import HIGH, LOW, Control, PlumbingBuilder, add_bridge, add_lever, add_spool
from lstm_analog.compiler.signals import Memory, Product, Quantity, Reading, SignalNetwork, SignalOperation, Sum, Tap
from lstm_analog.compiler.timing import COPY, RESET, Timing, compute_line, cycle, leak_line
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.parts import DATUM, Crossbars, Factor
from lstm_analog.network.shapes import Shape


@lower.register
def lower_hydraulic(technology: Hydraulic, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as plumbing of `technology`, clocked by `timing` with phases of `settling` time constants."""
    tau, unit = technology.time_constant, technology.pressure_unit
    clock = cycle(timing, stages=len(signals.stages), time_constant=tau, settling=settling, gap=technology.gap)
    builder = PlumbingBuilder(technology, timing, clock.lines, clock.reset.duration, single_storages(signals, timing))
    for feed in signals.feeds:
        builder.sources(feed.signal.label, np.zeros(feed.signal.size))
    builder.sources(HIGH, np.array([unit]))
    builder.sources(LOW, np.array([-unit]))
    for number, stage in enumerate(signals.stages):
        for operation in stage.operations:
            _build(operation, builder, number)
    network = builder.network(
        (("technology", technology.name), ("detail", technology.detail.value), ("timing", timing.value)),
        builder.filling(),
    )
    return Compiled(
        network=network,
        cycle=clock,
        layout=_layout(technology, signals),
        timing=timing,
        settling=settling,
        time_constant=tau,
    )


def _layout(technology: Hydraulic, signals: SignalNetwork) -> Layout:
    """Return the layout of `signals`: a weighted sum is S times the difference of its manifolds."""
    gains: dict[str, Floats] = {}
    for total in (op for op in signals.operations if isinstance(op, Sum)):
        shares = split_rows(total, totals(total, technology.least_total))
        gains |= {target.label: share for target, share in zip(total.targets, shares, strict=True)}

    def across(spot: Spot) -> Spot:
        gain = tuple(gains[spot.group].tolist())
        return replace(spot, group=plus(spot.group), against=minus(spot.group), gain=gain)

    return layout(signals).with_rows(across)


@singledispatch
def _build(operation: SignalOperation, builder: PlumbingBuilder, number: int) -> None:
    """Add the parts of an `operation` of the stage of that `number`."""
    must, do = "be one that this technology has parts for", "write its parts"
    raise UnsupportedError(explain("operation", must=must, got=type(operation).__name__, do=do))


def _driver(builder: PlumbingBuilder, reading: Reading) -> Indices:
    """Return the nodes that deliver a signal to other parts: a source, a relay, or the relay of a tank."""
    signal = reading.signal
    if signal.quantity is not Quantity.MEMORY:
        return builder.nodes(signal.label, signal.size)
    return builder.nodes(f"{signal.label}_{'held' if reading.held else 'fresh'}", signal.size)


@_build.register
def _(total: Sum, builder: PlumbingBuilder, number: int) -> None:
    unit, gains = builder.technology.unit_conductance, totals(total, builder.technology.least_total)
    rails = [] if total.bias is None else [builder.nodes(HIGH, 1)]
    inputs = np.concatenate([*(_driver(builder, reading) for reading in total.drivers), *rails])
    sides = [[builder.chamber(name(target.label), target.size) for target in total.targets] for name in (plus, minus)]
    loads = [dummies(unit * gains, unit * used) for used in signed_totals(total)]
    bank = Crossbars(
        label=total.label,
        inputs=inputs,
        plus=np.concatenate(sides[0]),
        minus=np.concatenate(sides[1]),
        positive=unit * np.maximum(dense_weights(total), 0.0),
        negative=unit * np.maximum(-dense_weights(total), 0.0),
        plus_load=loads[0],
        minus_load=loads[1],
    )
    builder.parts.append(bank)
    scales = split_rows(total, gains / builder.technology.pressure_unit)
    for target, p, n, scale in zip(total.targets, *sides, scales, strict=True):
        builder.controls[target.label] = Control(p=p, n=n, scale=scale)
    for diagonal in total.diagonals:
        label, ends = diagonal.target.label, builder.controls[diagonal.target.label]
        builder.capillaries(f"{label}_diag", diagonal.weights, _driver(builder, diagonal.driver), ends.p, ends.n)


def _control(builder: PlumbingBuilder, tap: Tap) -> Control:
    """Return the control of a valve that follows `tap`: the manifolds of a sum, a tank, or a relay."""
    signal = tap.reading.signal
    control = builder.controls.get(signal.label)
    if control is None:
        memory = signal.quantity is Quantity.MEMORY
        nodes = builder.nodes(_tank(builder, tap.reading), signal.size) if memory else _driver(builder, tap.reading)
        scale = np.full(signal.size, 1.0 / builder.technology.pressure_unit)
        control = Control(p=nodes, n=np.full_like(nodes, DATUM), scale=scale)
    return replace(control, scale=tap.slope * control.scale, offset=tap.offset)


def _tank(builder: PlumbingBuilder, reading: Reading) -> str:
    """Return the group of the tank that `reading` reads: the slave for the held value, the master for the new one."""
    label = reading.signal.label
    return label if reading.held or label in builder.single else f"{label}_new"


_BOUNDS = {Shape.LINEAR: (-np.inf, np.inf), Shape.RELU: (0.0, np.inf), Shape.CLIP: (0.0, 1.0)}
"""The range, in pressure units, of a relay that computes a shape: its end stops are the kinks of the curve."""


def _product(builder: PlumbingBuilder, label: str, *taps: Tap) -> Indices:
    """Add sigmoid(gate) times a value, or a value alone; return its nodes, from which no flow may be drawn."""
    *gates, value = taps
    if not gates:
        return _value(builder, label, value)
    (gate,) = gates
    _check_gate(label, gate)
    control = _control(builder, gate)
    return add_bridge(
        builder, label, control, Shape.SIGMOID, _value(builder, label, value), np.full(control.p.size, DATUM)
    )


def _check_gate(label: str, gate: Tap) -> None:
    if gate.shape is not Shape.SIGMOID:
        do = "train it with a sigmoid or use an electrical technology: an equal-percentage port opens by exp"
        raise UnsupportedError(explain(f"{label} gate in plumbing", must="be a sigmoid", got=gate.shape.value, do=do))


def _check_value(label: str, tap: Tap) -> None:
    if tap.shape is not Shape.TANH and tap.shape not in _BOUNDS:
        must, do = "be tanh, linear, relu or a hard sigmoid", "use an electrical technology"
        raise UnsupportedError(explain(f"{label} value in plumbing", must=must, got=tap.shape.value, do=do))


def _value(builder: PlumbingBuilder, label: str, tap: Tap) -> Indices:
    """Return nodes at the value of `tap`, for the product `label`; flow may be drawn from them."""
    reading, size = tap.reading, tap.reading.signal.size
    alone = reading.signal.label in builder.single and not reading.held
    if tap.plain and reading.signal.quantity is not Quantity.SUM and not alone:
        return _driver(builder, reading)
    if tap.shape is Shape.TANH:
        rails = [np.repeat(builder.nodes(rail, 1), size) for rail in (HIGH, LOW)]
        bridge = add_bridge(builder, f"{label}_tanh", _control(builder, tap), Shape.TANH, *rails)
        return builder.relay(f"{label}_val", bridge)
    _check_value(label, tap)
    return add_lever(builder, f"{label}_val", _control(builder, tap), *_BOUNDS[tap.shape])


@_build.register
def _(product: Product, builder: PlumbingBuilder, number: int) -> None:
    label = product.target.label
    builder.relay(label, _product(builder, f"{label}_mid", *product.factors))


@_build.register
def _(memory: Memory, builder: PlumbingBuilder, number: int) -> None:
    build = _leak if leaks(memory, builder.timing) else _clocked
    build(builder, memory, number)


def _clocked(builder: PlumbingBuilder, memory: Memory, number: int) -> None:
    """Add master and slave tanks: a relay adds the products; line `compute<n>` fills the master, `copy` the slave."""
    label, size = memory.target.label, memory.target.size
    slave = builder.nodes(label, size)
    held = Tap(shape=Shape.LINEAR, reading=Reading(signal=memory.target, held=True))
    products = [] if memory.keep is None else [_product(builder, f"{label}_keep", memory.keep, held)]
    products.append(_product(builder, f"{label}_add", *memory.add))
    total = builder.relay(f"{label}_sum", *products)
    master = builder.nodes(f"{label}_new", size)
    builder.solenoid(f"{label}_take", compute_line(number), total, master)
    builder.memory(f"{label}_master", master)
    _slave(builder, label, master, slave)
    _reset(builder, label, slave)


def _slave(builder: PlumbingBuilder, label: str, master: Indices, slave: Indices) -> None:
    builder.solenoid(f"{label}_copy", COPY, builder.relay(f"{label}_fresh", master), slave)
    builder.memory(f"{label}_slave", slave)
    builder.relay(f"{label}_held", slave)


def _leak(builder: PlumbingBuilder, memory: Memory, number: int) -> None:
    """Add a gated leak: a drain valve and a flow-control valve, open for a set time.

    A memory that rows of its own stage read must stay constant while the tank leaks, so it gets a slave for them.
    """
    label, size, tap = memory.target.label, memory.target.size, leaking_tap(memory)
    for gate in memory.add[:-1]:
        _check_gate(label, gate)
    _check_value(label, memory.add[-1])
    single, technology = label in builder.single, builder.technology
    store = builder.nodes(label if single else f"{label}_new", size)
    control = add_spool(builder, f"{label}_drain", _control(builder, tap))
    falling = replace(control, p=control.n, n=control.p, offset=0.0 - control.offset).factor(tap.shape)
    line, rate = builder.lines.index(leak_line(number)), technology.tank / builder.leak_time
    add = tuple(_factor(builder, f"{label}_fill{k}", factor) for k, factor in enumerate(memory.add))
    builder.parts += gated_leak(label, line, store, falling, add, rate=rate, unit=technology.pressure_unit)
    builder.memory(f"{label}_store", store)
    if not single:
        _slave(builder, label, store, builder.nodes(label, size))
    _reset(builder, label, store, *([] if single else [builder.nodes(label, size)]))


def _factor(builder: PlumbingBuilder, label: str, tap: Tap) -> Factor:
    return add_spool(builder, label, _control(builder, tap)).factor(tap.shape)


def _reset(builder: PlumbingBuilder, label: str, *tanks: Indices) -> None:
    """Add filling cocks, which set the `tanks` of a memory at the start: bubble-tight valves on a short hose."""
    start = builder.sources(reset_label(label), np.zeros(tanks[0].size))
    builder.cock(f"{label}_reset", RESET, np.tile(start, len(tanks)), np.concatenate(tanks))
