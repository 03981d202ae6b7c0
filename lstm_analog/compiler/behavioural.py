"""Lower a signal network to the behavioural circuit.

Each weight is a transconductance into its row, which is loaded by R and C, the pole of z. Stacked pairs form gate and
product at once, and their currents add in one load. A switch connects that load to the master capacitor; a buffer and a
second switch connect the master to the slave.
"""

from dataclasses import replace
from functools import singledispatch

import numpy as np

from lstm_analog.compiler.behavioural_parts import BehaviouralParts, master
from lstm_analog.compiler.compiled import Compiled, layout, leaking_tap, leaks, lower, reset_label, single_storages
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.compiler.network_builder import adders, gated_leak
from lstm_analog.compiler.signals import Diagonal, Memory, Product, Reading, SignalNetwork, SignalOperation, Sum, Tap
from lstm_analog.compiler.timing import COPY, RESET, Timing, compute_line, cycle, leak_line
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import ALWAYS, Junctions, Part, Transconductors
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
    stages = signals.stages
    clock = cycle(timing, stages=len(stages), time_constant=tau, settling=settling, gap=technology.gap)
    single = single_storages(signals, timing)
    unknowns = Unknowns(groups=tuple(_groups(technology, signals, timing, single)))
    make = BehaviouralParts(
        technology=technology,
        timing=timing,
        lines=clock.lines,
        unknowns=unknowns,
        leak_time=clock.reset.duration,
        single=single,
    )
    parts = [make.sources(feed.signal.label, np.zeros(feed.signal.size)) for feed in signals.feeds]
    for number, stage in enumerate(stages):
        parts += [part for operation in stage.operations for part in _parts(operation, make, number)]
    network = Network(
        domain=ELECTRICAL,
        unknowns=unknowns,
        parts=tuple(parts),
        lines=clock.lines,
        provenance=(
            ("technology", technology.name),
            ("timing", timing.value),
            ("clock", f"step {clock.step_time:.6g} s, time constant {tau:.6g} s, {settling:g} of them a phase"),
            ("names", _names(signals)),
        ),
    )
    return Compiled(
        network=network.verify(),
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


def _groups(technology: Behavioural, signals: SignalNetwork, timing: Timing, single: frozenset[str]) -> list[Group]:
    sizes = [(feed.signal.label, feed.signal.size) for feed in signals.feeds]
    for operation in signals.operations:
        if isinstance(operation, Sum):
            sizes += [(f"{operation.label}_one", 1)] if operation.bias is not None else []
            sizes += [(target.label, target.size) for target in operation.targets]
        else:
            label, names = operation.target.label, [""]
            if isinstance(operation, Memory):
                leaking = [] if label in single else ["_new", "_buf"]
                names = [*(leaking if leaks(operation, timing) else ["_sum", "_new", "_buf"]), "", "_start"]
            sizes += [(f"{label}{name}", operation.target.size) for name in names]
    return [Group(label=label, size=size, scale=technology.volts_per_unit) for label, size in sizes]


@singledispatch
def _parts(operation: SignalOperation, make: BehaviouralParts, number: int) -> list[Part]:
    """Return the part banks of an `operation` of the stage `number`, counted from 0."""
    must, do = "be one that this technology has parts for", "write its parts"
    raise UnsupportedError(explain("operation", must=must, got=type(operation).__name__, do=do))


@_parts.register
def _(total: Sum, make: BehaviouralParts, number: int) -> list[Part]:
    """Return the rows of a sum: `C dv/dt = sum_i g_i v_i - v/R` with g = w/R, so that v settles at the weighted sum."""
    technology, label = make.technology, total.label
    rows = np.concatenate([make.unknowns[target.label] for target in total.targets])
    inputs, weights = make.nodes(*total.drivers), total.weights
    parts: list[Part] = []
    if total.bias is not None:
        parts.append(make.sources(f"{label}_one", np.full(1, technology.volts_per_unit)))
        inputs = np.append(inputs, make.unknowns[f"{label}_one"])
    strength = np.empty((rows.size, inputs.size))  # written once and then frozen: the largest array there is
    np.divide(weights, technology.row_resistance, out=strength[:, : weights.shape[1]])
    if total.bias is not None:
        np.divide(total.bias, technology.row_resistance, out=strength[:, -1])
    strength.flags.writeable = False
    return [
        *parts,
        Transconductors(label=label, inputs=inputs, rows=rows, transconductance=strength),
        *(_diagonal(make, diagonal) for diagonal in total.diagonals),
        make.to_datum(f"{label}_load", rows, technology.row_resistance),
        make.capacitors(f"{label}_cap", rows),
    ]


def _diagonal(make: BehaviouralParts, diagonal: Diagonal) -> Part:
    """Return one weight for each unit, as a bank of linear pairs."""
    label, unit = f"{diagonal.target.label}_diag", make.technology.volts_per_unit / make.technology.row_resistance
    tap = Tap(shape=Shape.LINEAR, reading=diagonal.driver)
    return make.pairs(label, ALWAYS, make.unknowns[diagonal.target.label], unit * diagonal.weights, (tap,))


@_parts.register
def _(product: Product, make: BehaviouralParts, number: int) -> list[Part]:
    """Return pairs whose product current flows into a load at a junction, which has no time constant."""
    label, node = product.target.label, make.unknowns[product.target.label]
    unit = make.technology.volts_per_unit / make.technology.load_resistance
    return [
        make.pairs(f"{label}_pair", ALWAYS, node, unit, product.factors),
        make.to_datum(f"{label}_load", node, make.technology.load_resistance),
        Junctions(label=f"{label}_node", nodes=node),
    ]


@_parts.register
def _(memory: Memory, make: BehaviouralParts, number: int) -> list[Part]:
    build = _leak if leaks(memory, make.timing) else _clocked
    return [*build(make, memory, number), *_reset(make, memory)]


def _clocked(make: BehaviouralParts, memory: Memory, number: int) -> list[Part]:
    """Return master and slave: product currents in one load; `compute<n>` charges the master, `copy` the slave."""
    technology, label = make.technology, memory.target.label
    node = make.unknowns
    total, fresh = node[f"{label}_sum"], node[master(label)]
    unit = technology.volts_per_unit / technology.load_resistance
    held = Tap(shape=Shape.LINEAR, reading=Reading(signal=memory.target, held=True))
    kept = [] if memory.keep is None else [make.pairs(f"{label}_keep", ALWAYS, total, unit, (memory.keep, held))]
    return [
        *kept,
        make.pairs(f"{label}_add", ALWAYS, total, unit, memory.add),
        make.to_datum(f"{label}_load", total, technology.load_resistance),
        Junctions(label=f"{label}_node", nodes=total),
        make.switches(f"{label}_take", compute_line(number), total, fresh, technology.switch_resistance),
        make.capacitors(f"{label}_master", fresh),
        *_slave(make, label),
    ]


def _slave(make: BehaviouralParts, label: str) -> list[Part]:
    fresh, buffer, slave = (make.unknowns[each] for each in (master(label), f"{label}_buf", label))
    return [
        adders(f"{label}_follow", buffer, fresh),
        make.switches(f"{label}_copy", COPY, buffer, slave, make.technology.copy_resistance),
        make.capacitors(f"{label}_slave", slave),
    ]


def _leak(make: BehaviouralParts, memory: Memory, number: int) -> list[Part]:
    """Return a gated leak.

    A memory that rows of its own stage read must stay constant while the storage leaks, so it gets a slave for them.
    """
    label, tap = memory.target.label, leaking_tap(memory)
    store = make.nodes(Reading(signal=memory.target, held=False))
    falling = make.factor(replace(tap, slope=-tap.slope, offset=0.0 - tap.offset))
    add = tuple(make.factor(factor) for factor in memory.add)
    rate, unit = make.technology.capacitance / make.leak_time, make.technology.volts_per_unit
    banks = gated_leak(label, make.line(leak_line(number)), store, falling, add, rate=rate, unit=unit)
    slave = [] if label in make.single else _slave(make, label)
    return [*banks, make.capacitors(f"{label}_store", store), *slave]


def _reset(make: BehaviouralParts, memory: Memory) -> list[Part]:
    """Return the switches and sources that set a memory before the first step: its slave, and a storage that leaks."""
    label, held = memory.target.label, [make.unknowns[memory.target.label]]
    if leaks(memory, make.timing) and label not in make.single:
        held.append(make.unknowns[master(label)])
    start = np.tile(make.unknowns[reset_label(label)], len(held))
    return [
        make.sources(reset_label(label), np.zeros(memory.target.size)),
        make.switches(f"{label}_reset", RESET, start, np.concatenate(held), make.technology.copy_resistance),
    ]
