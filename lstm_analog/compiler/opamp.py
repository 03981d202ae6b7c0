"""Lower a signal network to op-amps.

A weighted sum is a crossbar of conductance pairs and two op-amps a row: the first inverts the positive side into the
summing node of the second. A curve of a signal is a differential pair behind an attenuator, a product a multiplier, a
sum of products an op-amp. A memory is two sample-and-holds, master and slave.
"""

from dataclasses import replace
from functools import singledispatch

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, Layout, layout, lower, reset_label
from lstm_analog.compiler.opamp_builder import Input, OpAmpBuilder
from lstm_analog.compiler.opamp_sizes import FULL_SETTLING, OpAmpCircuit, feedback, thermal_voltage
from lstm_analog.compiler.scaling import Fit, Ranges, factor, fit_ranges, reach
from lstm_analog.compiler.signals import (
    Memory,
    Product,
    Quantity,
    Reading,
    Signal,
    SignalNetwork,
    SignalOperation,
    Sum,
    Tap,
)
from lstm_analog.compiler.timing import COPY, RESET, Cycle, Timing, compute_line, cycle
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.parts import Crossbars
from lstm_analog.network.shapes import Shape

HEADROOM = 0.9
"""Fraction of the rail that signals may take. Larger: more signal over offsets, but the op-amp's gain falls there."""
LEAST = 1.1
"""Least voltage of 1 of z or c over 2 V_T, so that the divider before a pair attenuates."""

_NAMES = (
    "l<layer>_ zi zf zg zo: pre-activations, read when their layer has computed; l<layer>_c, l<layer>_h: the state, "
    "read at the end of a step; l<layer>r_: backward; y: the head; _new its master, _cap hold capacitors, _x states of "
    "op-amps, _start reset, _one bias"
)


@lower.register
def lower_opamps(technology: OpAmpCircuit, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as a circuit of `technology`, clocked by `timing` with phases of `settling` time constants.

    Raises `UnsupportedError` for a timing other than CLOCKED, and for curves other than sigmoid, tanh and linear.
    """
    if timing is not Timing.CLOCKED:
        must, do = "be CLOCKED for op-amps", "use BEHAVIOURAL for a gated leak"
        raise UnsupportedError(explain("timing", must=must, got=timing.name, do=do))
    tau = technology.time_constant
    clock = _clock(technology, len(signals.stages), settling)
    cells = {chain.cell.label for stage in signals.stages for chain in stage.chains if chain.cell is not None}
    builder = OpAmpBuilder(technology, clock.lines, frozenset(cells))
    for feed in signals.feeds:
        builder.sources(feed.signal.label, np.zeros(feed.signal.size), technology.input_volts)
    for number, stage in enumerate(signals.stages):
        for memory in (op for op in stage.operations if isinstance(op, Memory)):
            _place(builder, memory.target)  # the states first: operations read them
        for operation in stage.operations:
            _build(operation, builder, number)
    provenance = (
        ("technology", technology.name),
        ("timing", timing.value),
        ("clock", f"step {clock.step_time:.6g} s, time constant {tau:.6g} s, {settling:g} of them a phase"),
        ("names", _NAMES),
    )
    return Compiled(
        network=builder.network(provenance),
        cycle=clock,
        layout=_layout(signals),
        timing=timing,
        settling=settling,
        time_constant=tau,
    )


def _layout(signals: SignalNetwork) -> Layout:
    """Return the layout of `signals`; the head is read at the end of its compute interval.

    Later, charging the slaves disturbs the outputs of the masters at the start of the copy phase, and the head with it.
    """
    plain = layout(signals)
    if plain.head is None:
        return plain
    y = replace(plain.head.y, interval=compute_line(len(signals.stages) - 1))
    return replace(plain, head=replace(plain.head, y=y))


@reach.register
def _(technology: OpAmpCircuit) -> Ranges:
    """Return the ranges that op-amps can follow, `HEADROOM` of the rail: of all signals, and of the first of a row."""
    room = HEADROOM * technology.amplifier.rail
    rows = room / technology.row_volts
    x, c, h = (room / volts for volts in (technology.input_volts, technology.cell_volts, technology.signal_volts))
    return Ranges(x=x, z=rows, c=c, h=h, rows=rows)


@fit_ranges.register
def _(technology: OpAmpCircuit, ranges: Ranges, fit: Fit) -> OpAmpCircuit:
    """Return `technology` with volts chosen for x, c, z and h; those of c and z, which pairs read, stay above `LEAST`.

    Those of h are not widened: gates and biases, up to 1, have the same.
    """
    room, least = reach(technology), LEAST * 2.0 * thermal_voltage(technology.pair.temperature)
    x, cell, row, signal = (
        technology.input_volts * factor(ranges.x, room.x, fit),
        technology.cell_volts * factor(ranges.c, room.c, fit),
        technology.row_volts * factor(max(ranges.z, ranges.rows), room.rows, fit),
        technology.signal_volts * min(factor(ranges.h, room.h, fit), 1.0),
    )
    cell, row = max(cell, min(least, technology.cell_volts)), max(row, min(least, technology.row_volts))
    return replace(technology, input_volts=x, cell_volts=cell, row_volts=row, signal_volts=signal)


def _clock(technology: OpAmpCircuit, stages: int, settling: float) -> Cycle:
    """Return the clock, with copy phases of the length that `technology` gives them."""
    tau = technology.time_constant
    clock = cycle(Timing.CLOCKED, stages=stages, time_constant=tau, settling=settling, gap=technology.gap / tau)
    copy = float(f"{technology.copy_phase * settling / FULL_SETTLING:.12g}")
    return replace(clock, step=tuple(replace(i, duration=copy) if i.name == COPY else i for i in clock.step))


def _volts(builder: OpAmpBuilder, signal: Signal) -> float:
    technology = builder.technology
    volts = {
        Quantity.INPUT: technology.input_volts,
        Quantity.SUM: technology.row_volts,
        Quantity.PRODUCT: technology.signal_volts,
        Quantity.MEMORY: technology.cell_volts if signal.label in builder.cells else technology.signal_volts,
    }
    return volts[signal.quantity]


def _place(builder: OpAmpBuilder, signal: Signal, suffix: str = "") -> Indices:
    return builder.nodes(f"{signal.label}{suffix}", signal.size, _volts(builder, signal))


def _driver(builder: OpAmpBuilder, reading: Reading) -> Indices:
    """Return the nodes that drive a signal into a crossbar; those of the master for a memory computed in this step.

    All rows load the driver, which may have to deliver amperes: it is an ideal buffer within the op-amp's loop. Inputs
    are sources and multipliers have such a buffer already.
    """
    signal = reading.signal
    if signal.quantity in (Quantity.INPUT, Quantity.PRODUCT):
        return _place(builder, signal)
    suffix = "_new" if signal.quantity is Quantity.MEMORY and not reading.held else ""
    label = f"{signal.label}{suffix}_line"
    if builder.has_group(label):
        return _place(builder, signal, f"{suffix}_line")
    return builder.buffers(label, _place(builder, signal, suffix), _volts(builder, signal))


@singledispatch
def _build(operation: SignalOperation, builder: OpAmpBuilder, number: int) -> None:
    """Add the part banks of an `operation` of the stage `number`, counted from 0."""
    must, do = "be one that this technology has parts for", "write its parts"
    raise UnsupportedError(explain("operation", must=must, got=type(operation).__name__, do=do))


def _weights(total: Sum) -> tuple[tuple[Reading, ...], Floats]:
    """Return the readings of `total` and its weights (m, n), with the weights of its diagonals as diagonal columns."""
    rows = np.concatenate([np.full(target.size, number) for number, target in enumerate(total.targets)])
    columns = [total.weights]
    for diagonal in total.diagonals:
        column = np.zeros((rows.size, diagonal.weights.size))
        column[rows == total.targets.index(diagonal.target)] = np.diag(diagonal.weights)
        columns.append(column)
    return (*total.drivers, *(diagonal.driver for diagonal in total.diagonals)), np.hstack(columns)


@_build.register
def _(total: Sum, builder: OpAmpBuilder, number: int) -> None:
    """Add the rows of a sum: `za = -R i+`, `z = -R (i- + za/R) = R (i+ - i-)`.

    R is such that the largest weight has the largest conductance; R is rounded up if it is of a series.
    """
    technology, label = builder.technology, total.label
    out = np.concatenate([_place(builder, target) for target in total.targets])
    drivers, weights = _weights(total)
    weights = weights / np.concatenate([np.full(d.signal.size, _volts(builder, d.signal)) for d in drivers])
    inputs = np.concatenate([_driver(builder, driver) for driver in drivers])
    if total.bias is not None:
        one = builder.sources(f"{label}_one", np.full(1, technology.signal_volts), technology.signal_volts)
        inputs, weights = np.append(inputs, one), np.column_stack((weights, total.bias / technology.signal_volts))
    plus, minus, inverted = (
        builder.nodes(f"{label}_{side}", out.size, technology.row_volts) for side in ("plus", "minus", "inverted")
    )
    none, data = np.array(0.0), technology.crossbar
    largest = float(np.abs(weights).max(initial=0.0)) or 1.0
    resistance = feedback(data, technology.row_volts * largest)
    shares = weights * technology.row_volts / (resistance * (data.largest - data.least))
    crossbar = Crossbars(
        label=label,
        inputs=inputs,
        plus=plus,
        minus=minus,
        positive=data.conductances(shares),
        negative=data.conductances(-shares),
        plus_load=none,
        minus_load=none,
    )
    builder.parts.append(crossbar)
    builder.inverters(f"{label}_first", plus, inverted, resistance)
    builder.resistors(f"{label}_cross", inverted, minus, resistance)
    builder.inverters(f"{label}_second", minus, out, resistance)


@_build.register
def _(product: Product, builder: OpAmpBuilder, number: int) -> None:
    label, volts = product.target.label, _volts(builder, product.target)
    _product(builder, f"{label}_of", product.factors, _place(builder, product.target), volts)


@_build.register
def _(memory: Memory, builder: OpAmpBuilder, number: int) -> None:
    """Add the multipliers and adder of the new state, then its master and its slave."""
    target, volts = memory.target, _volts(builder, memory.target)
    held = Tap(shape=Shape.LINEAR, reading=Reading(signal=target, held=True))
    products = {"add": memory.add} | ({} if memory.keep is None else {"keep": (memory.keep, held)})
    fresh, new, slave = (_place(builder, target, suffix) for suffix in ("_sum", "_new", ""))
    if len(products) == 1:
        _product(builder, f"{target.label}_add", memory.add, fresh, volts)
    else:
        _sum(builder, target, products, fresh)
    builder.sample_and_holds(f"{target.label}_master", compute_line(number), fresh, new, volts)
    store = builder.sample_and_holds(f"{target.label}_slave", COPY, new, slave, volts)
    start = builder.sources(reset_label(target.label), np.zeros(target.size), volts)
    builder.samplers(f"{target.label}_reset", RESET, start, store)


def _sum(builder: OpAmpBuilder, target: Signal, products: dict[str, tuple[Tap, ...]], fresh: Indices) -> None:
    """Add an inverting op-amp that sums the inverted products."""
    volts, resistance = _volts(builder, target), builder.technology.sum_resistance
    summing = _place(builder, target, "_in")
    for name, taps in products.items():
        inverted = _place(builder, target, f"_{name}")
        _product(builder, f"{target.label}_{name}", taps, inverted, -volts)
        builder.resistors(f"{target.label}_{name}_in", inverted, summing, resistance)
    builder.inverters(f"{target.label}_adder", summing, fresh, resistance)


def _product(builder: OpAmpBuilder, label: str, taps: tuple[Tap, ...], out: Indices, volts: float) -> None:
    builder.multipliers(label, tuple(_input(builder, label, tap) for tap in taps), out, volts)


def _input(builder: OpAmpBuilder, label: str, tap: Tap) -> Input:
    """Return the input of a multiplier for `tap`: its signal if it is linear, else the output of a pair."""
    signal = tap.reading.signal
    fresh = signal.quantity is Quantity.MEMORY and not tap.reading.held
    nodes, volts = _place(builder, signal, "_sum" if fresh else ""), _volts(builder, signal)
    reading = Input(nodes=nodes, volts=volts, slope=tap.slope, offset=tap.offset)
    if tap.shape is Shape.LINEAR:
        return reading
    return builder.pairs(f"{label}_{signal.label.rpartition('_')[2]}", tap.shape, reading)
