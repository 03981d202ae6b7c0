"""Lower a signal network to the behavioural circuit.

Each weight is a transconductance into its row, which is loaded by R and C, the pole of z. Stacked pairs form gate and
product at once, and their currents add in one load. A switch connects that load to the master capacitor; a buffer and a
second switch connect the master to the slave.
"""

from dataclasses import replace
from functools import singledispatch

import numpy as np

from lstm_analog.compiler.behavioural_builder import BehaviouralBuilder
from lstm_analog.compiler.compiled import Compiled, layout, leaking_tap, leaks, lower, reset_label, single_storages
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.compiler.network_builder import gated_leak
from lstm_analog.compiler.signals import Memory, Product, Reading, SignalNetwork, SignalOperation, Sum, Tap
from lstm_analog.compiler.timing import COPY, RESET, Timing, compute_line, cycle, leak_line
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.parts import Transconductors
from lstm_analog.network.shapes import Shape

_OTHERS = {
    "q": "q: what the reset gate multiplies",
    "rq": "rq: r q",
    "rh": "rh: r h",
    "fh": "fh: f h",
    "p": "p: h before the projection, zh: after it",
    "y": "y: the head, read as the pre-activations are",
}
"""Explanations of signals that only some LSTMs have, by the last word of their label."""


@lower.register
def lower_behavioural(technology: Behavioural, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as a circuit of `technology`, clocked by `timing` with phases of `settling` time constants."""
    return behavioural_circuit(technology, signals, timing, settling, technology.time_constant)


def behavioural_circuit(
    technology: Behavioural, signals: SignalNetwork, timing: Timing, settling: float, tau: float
) -> Compiled:
    """Return `signals` as a circuit of `technology`, clocked by `timing` with phases of `settling` times `tau` (s)."""
    stages, single = signals.stages, single_storages(signals, timing)
    clock = cycle(timing, stages=len(stages), time_constant=tau, settling=settling, gap=technology.gap)
    builder = BehaviouralBuilder(technology, timing, clock.lines, clock.reset.duration, single)
    _add_groups(builder, signals)
    for feed in signals.feeds:
        builder.sources(feed.signal.label, np.zeros(feed.signal.size))
    for number, stage in enumerate(stages):
        for operation in stage.operations:
            _build(operation, builder, number)
    provenance = (
        ("technology", technology.name),
        ("timing", timing.value),
        ("clock", f"step {clock.step_time:.6g} s, time constant {tau:.6g} s, {settling:g} of them a phase"),
        ("names", _names(signals)),
    )
    return Compiled(
        network=builder.network(provenance),
        cycle=clock,
        layout=layout(signals),
        timing=timing,
        settling=settling,
        time_constant=tau,
    )


def _names(signals: SignalNetwork) -> str:
    """Return a sentence that explains the labels of the network, for its provenance."""
    chains = [chain for stage in signals.stages for chain in stage.chains]
    rows = dict.fromkeys(row.label.partition("_")[2] for chain in chains for row in chain.rows)
    prefix = {True: "l<layer>r", False: "l<layer>"}[bool(chains) and all(chain.backward for chain in chains)]
    state = ", ".join(f"{prefix}_{m}" for m in ("c", "h") if m == "h" or any(c.cell is not None for c in chains))
    targets = [t for op in signals.operations for t in (op.targets if isinstance(op, Sum) else (op.target,))]
    words = dict.fromkeys(target.label.rpartition("_")[2] for target in targets)
    others = "".join(f"; {_OTHERS[word]}" for word in words if word in _OTHERS)
    backward = "; l<layer>r_: backward" if any(chain.backward for chain in chains) else ""
    return (
        f"{prefix}_ {' '.join(rows)}: pre-activations, read when their layer has computed; {state}: the state, read at "
        "the end of a step; _sum load of products, _new master, _buf its buffer, _start reset, _one bias"
        f"{others}{backward}"
    )


def _add_groups(builder: BehaviouralBuilder, signals: SignalNetwork) -> None:
    """Add the groups of nodes of `signals`, each operation's where it is computed, though others read it before."""
    for feed in signals.feeds:
        builder.nodes(feed.signal.label, feed.signal.size)
    for operation in signals.operations:
        if isinstance(operation, Sum):
            if operation.bias is not None:
                builder.nodes(f"{operation.label}_one", 1)
            for target in operation.targets:
                builder.nodes(target.label, target.size)
            continue
        label, names = operation.target.label, [""]
        if isinstance(operation, Memory):
            leaking = [] if label in builder.single else ["_new", "_buf"]
            names = [*(leaking if leaks(operation, builder.timing) else ["_sum", "_new", "_buf"]), "", "_start"]
        for name in names:
            builder.nodes(f"{label}{name}", operation.target.size)


@singledispatch
def _build(operation: SignalOperation, builder: BehaviouralBuilder, number: int) -> None:
    """Add the part banks of an `operation` of the stage `number`, counted from 0."""
    must, do = "be one that this technology has parts for", "write its parts"
    raise UnsupportedError(explain("operation", must=must, got=type(operation).__name__, do=do))


@_build.register
def _(total: Sum, builder: BehaviouralBuilder, number: int) -> None:
    """Add the rows of a sum: `C dv/dt = sum_i g_i v_i - v/R` with g = w/R, so that v settles at the weighted sum."""
    technology, label = builder.technology, total.label
    rows = np.concatenate([builder.nodes(target.label, target.size) for target in total.targets])
    inputs, weights = builder.places(*total.drivers), total.weights
    if total.bias is not None:
        inputs = np.append(inputs, builder.sources(f"{label}_one", np.full(1, technology.volts_per_unit)))
    strength = np.empty((rows.size, inputs.size))  # written once and then frozen: the largest array there is
    np.divide(weights, technology.row_resistance, out=strength[:, : weights.shape[1]])
    if total.bias is not None:
        np.divide(total.bias, technology.row_resistance, out=strength[:, -1])
    strength.flags.writeable = False
    builder.parts.append(Transconductors(label=label, inputs=inputs, rows=rows, transconductance=strength))
    for diagonal in total.diagonals:
        target, taps = diagonal.target, (Tap(shape=Shape.LINEAR, reading=diagonal.driver),)
        out = builder.nodes(target.label, target.size)
        builder.pairs(f"{target.label}_diag", out, taps, technology.row_resistance, diagonal.weights)
    builder.to_datum(f"{label}_load", rows, 1.0 / technology.row_resistance)
    builder.capacitors(f"{label}_cap", rows)


@_build.register
def _(product: Product, builder: BehaviouralBuilder, number: int) -> None:
    """Add pairs whose product current flows into a load at a junction."""
    label, node = product.target.label, builder.nodes(product.target.label, product.target.size)
    builder.pairs(f"{label}_pair", node, product.factors, builder.technology.load_resistance, 1.0)
    builder.loads(label, node)


@_build.register
def _(memory: Memory, builder: BehaviouralBuilder, number: int) -> None:
    """Add the storages of a memory, and the switches and sources that set them before the first step."""
    label, size, leaking = memory.target.label, memory.target.size, leaks(memory, builder.timing)
    (_add_leak if leaking else _add_master)(builder, memory, number)
    slave = builder.nodes(label, size)
    held = [slave]
    if not leaking or label not in builder.single:
        fresh, buffer = (builder.nodes(f"{label}{suffix}", size) for suffix in ("_new", "_buf"))
        builder.adders(f"{label}_follow", buffer, fresh)
        builder.transistors(f"{label}_copy", COPY, buffer, slave, builder.technology.copy_resistance)
        builder.capacitors(f"{label}_slave", slave)
        held += [fresh] if leaking else []
    start = np.tile(builder.sources(reset_label(label), np.zeros(size)), len(held))
    builder.transistors(f"{label}_reset", RESET, start, np.concatenate(held), builder.technology.copy_resistance)


def _add_master(builder: BehaviouralBuilder, memory: Memory, number: int) -> None:
    """Add a master that product currents in one load charge while `compute<n>` is high."""
    technology, label, size = builder.technology, memory.target.label, memory.target.size
    total, fresh = builder.nodes(f"{label}_sum", size), builder.nodes(f"{label}_new", size)
    if memory.keep is not None:
        held = Tap(shape=Shape.LINEAR, reading=Reading(signal=memory.target, held=True))
        builder.pairs(f"{label}_keep", total, (memory.keep, held), technology.load_resistance, 1.0)
    builder.pairs(f"{label}_add", total, memory.add, technology.load_resistance, 1.0)
    builder.loads(label, total)
    builder.transistors(f"{label}_take", compute_line(number), total, fresh, technology.switch_resistance)
    builder.capacitors(f"{label}_master", fresh)


def _add_leak(builder: BehaviouralBuilder, memory: Memory, number: int) -> None:
    """Add a gated leak.

    A memory that rows of its own stage read must stay constant while the storage leaks, so it gets a slave for them.
    """
    label, tap = memory.target.label, leaking_tap(memory)
    store = builder.places(Reading(signal=memory.target, held=False))
    falling = builder.factor(replace(tap, slope=-tap.slope, offset=0.0 - tap.offset))
    line, add = builder.lines.index(leak_line(number)), tuple(map(builder.factor, memory.add))
    rate, unit = builder.technology.capacitance / builder.leak_time, builder.technology.volts_per_unit
    builder.parts += gated_leak(label, line, store, falling, add, rate=rate, unit=unit)
    builder.capacitors(f"{label}_store", store)
