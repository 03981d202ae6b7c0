"""Lowers signals to the behavioural circuit.

Each weight is a transconductance into its row, loaded by R and C, the pole of z. Stacked pairs do gate and product at
once; their currents add in one load, a switch leads on to the master capacitor, a buffer and a second switch to the
slave.
"""

from dataclasses import dataclass

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, layout, lower, reset_label
from lstm_analog.compiler.electrical import Behavioural
from lstm_analog.compiler.signals import Memory, Quantity, Reading, Signal, SignalNetwork, Stage, Sum, Tap
from lstm_analog.compiler.timing import COPY, GATED_LEAK, RESET, Timing, compute_line, cycle, leak_line
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.domain import ELECTRICAL
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Conductors,
    Factor,
    Followers,
    Junctions,
    Pairs,
    Part,
    Ports,
    Sources,
    Storages,
    Switches,
    Term,
    Transconductors,
)
from lstm_analog.network.shapes import Shape

_NAMES = (
    "l<layer>_ zi zf zg zo: pre-activations, read when their layer has computed; l<layer>_c, l<layer>_h: the state, "
    "read at the end of a step; _sum load of products, _new master, _buf its buffer, _start reset, _one bias"
)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What every part of the lowering needs to know."""

    technology: Behavioural
    timing: Timing
    lines: tuple[str, ...]
    unknowns: Unknowns
    leak_time: float

    def line(self, name: str) -> int:
        return self.lines.index(name)

    def nodes(self, *readings: Reading) -> Indices:
        return np.concatenate([self.unknowns[self._group(reading)] for reading in readings])

    def _group(self, reading: Reading) -> str:
        signal = reading.signal
        fresh = signal.quantity is Quantity.HIDDEN or (
            signal.quantity is Quantity.CELL and self.timing is not GATED_LEAK
        )
        return _new(signal.label) if fresh and not reading.held else signal.label


@lower.register
def lower_behavioural(technology: Behavioural, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as a circuit of `technology`, clocked by `timing`, phases of `settling` time constants."""
    tau, stages = technology.time_constant, signals.stages
    clock = cycle(timing, stages=len(stages), time_constant=tau, settling=settling, gap=technology.gap)
    unknowns = Unknowns(groups=tuple(_groups(technology, signals, timing)))
    plan = _Plan(
        technology=technology, timing=timing, lines=clock.lines, unknowns=unknowns, leak_time=clock.reset.duration
    )
    parts = [_sources(plan, signals.inputs.label, np.zeros(signals.inputs.size))]
    parts += [part for number, stage in enumerate(stages) for part in _stage_parts(plan, number, stage)]
    network = Network(
        domain=ELECTRICAL,
        unknowns=unknowns,
        parts=tuple(parts),
        lines=clock.lines,
        provenance=(
            ("technology", technology.name),
            ("timing", timing.value),
            ("clock", f"step {clock.step_time:.6g} s, time constant {tau:.6g} s, {settling:g} of them a phase"),
            ("names", _NAMES),
        ),
    )
    return Compiled(
        network=network.verify(),
        cycle=clock,
        layout=layout(signals, timing),
        timing=timing,
        settling=settling,
        time_constant=tau,
    )


def _new(label: str) -> str:
    return f"{label}_new"


def _sum(label: str) -> str:
    return f"{label}_sum"


def _buffer(label: str) -> str:
    return f"{label}_buf"


def _bias(label: str) -> str:
    return f"{label}_one"


def _leaks(memory: Memory, timing: Timing) -> bool:
    return timing is GATED_LEAK and memory.keep is not None


def _groups(technology: Behavioural, signals: SignalNetwork, timing: Timing) -> list[Group]:
    sizes = [(signals.inputs.label, signals.inputs.size)]
    for stage in signals.stages:
        sizes += [(_bias(stage.sum.label), 1)] if stage.sum.bias is not None else []
        sizes += [(target.label, target.size) for target in stage.sum.targets]
        for memory in stage.memories:
            label, size = memory.target.label, memory.target.size
            clocked = [] if _leaks(memory, timing) else [_sum(label), _new(label), _buffer(label)]
            sizes += [(name, size) for name in (*clocked, label, reset_label(label))]
    return [Group(label=label, size=size, scale=technology.volts_per_unit) for label, size in sizes]


def _stage_parts(plan: _Plan, number: int, stage: Stage) -> list[Part]:
    parts = _rows(plan, stage.sum)
    for memory in stage.memories:
        parts += _leak(plan, memory, number) if _leaks(memory, plan.timing) else _clocked(plan, memory, number)
        parts += _reset(plan, memory.target)
    return parts


def _rows(plan: _Plan, total: Sum) -> list[Part]:
    """Rows: `C dv/dt = sum_i g_i v_i - v/R`, g = w/R, so v settles at the weighted sum."""
    technology, label = plan.technology, total.label
    rows = np.concatenate([plan.unknowns[target.label] for target in total.targets])
    inputs, weights = plan.nodes(*total.drivers), total.weights
    parts: list[Part] = []
    if total.bias is not None:
        one = plan.unknowns[_bias(label)]
        parts.append(_sources(plan, _bias(label), np.full(1, technology.volts_per_unit)))
        inputs, weights = np.append(inputs, one), np.column_stack((weights, total.bias))
    return [
        *parts,
        Transconductors(label=label, inputs=inputs, rows=rows, transconductance=weights / technology.row_resistance),
        _to_datum(f"{label}_load", rows, technology.row_resistance),
        _capacitors(plan, f"{label}_cap", rows),
    ]


def _clocked(plan: _Plan, memory: Memory, number: int) -> list[Part]:
    """Master and slave: product currents into one load; the switch `compute` charges the master, `copy` the slave."""
    technology, label = plan.technology, memory.target.label
    node = plan.unknowns
    total, master, buffer, slave = node[_sum(label)], node[_new(label)], node[_buffer(label)], node[label]
    unit = technology.volts_per_unit / technology.load_resistance
    held = Tap(shape=Shape.LINEAR, reading=Reading(signal=memory.target, held=True))
    kept = [] if memory.keep is None else [_pairs(plan, f"{label}_keep", ALWAYS, total, unit, (memory.keep, held))]
    return [
        *kept,
        _pairs(plan, f"{label}_add", ALWAYS, total, unit, memory.add),
        _to_datum(f"{label}_load", total, technology.load_resistance),
        Junctions(label=f"{label}_node", nodes=total),
        _switches(plan, f"{label}_take", compute_line(number), total, master, technology.switch_resistance),
        _capacitors(plan, f"{label}_master", master),
        _followers(f"{label}_follow", master, buffer),
        _switches(plan, f"{label}_copy", COPY, buffer, slave, technology.copy_resistance),
        _capacitors(plan, f"{label}_slave", slave),
    ]


def _leak(plan: _Plan, memory: Memory, number: int) -> list[Part]:
    """Gated leak: `C de/dt = -C a e + q`, a = softplus(-z)/T, q = C add softplus(-z)/(sigmoid(-z) T), for the time T.

    With gates held this is exactly `c' = sigmoid(z) c + add`: exp(-softplus(-z)) = sigmoid(z).
    """
    label, tap = memory.target.label, memory.keep
    if tap is None or tap.shape is not Shape.SIGMOID:
        got, do = "none" if tap is None else tap.shape.value, "use CLOCKED"
        raise UnsupportedError(explain(f"{label} keep", must="be a sigmoid in a gated leak", got=got, do=do))
    store, control = plan.unknowns[label], plan.nodes(tap.reading)
    datum, line = np.full_like(store, DATUM), plan.line(leak_line(number))
    rate = plan.technology.capacitance / plan.leak_time
    drain = Ports(
        label=f"{label}_drain",
        line=line,
        shape=Shape.SOFTPLUS,
        a=store,
        b=datum,
        p=datum,
        n=control,
        conductance=np.array(rate),
        scale=np.array(1.0 / plan.technology.volts_per_unit),
        offset=np.array(0.0),
    )
    filling = Factor(shape=Shape.SOFTPLUS_RATIO, p=datum, n=control, scale=drain.scale, offset=drain.offset)
    fill = Pairs(
        label=f"{label}_fill",
        line=line,
        out=store,
        current=np.array(rate * plan.technology.volts_per_unit),
        factors=(*(_factor(plan, factor) for factor in memory.add), filling),
    )
    return [drain, fill, _capacitors(plan, f"{label}_store", store)]


def _reset(plan: _Plan, target: Signal) -> list[Part]:
    start, slave = reset_label(target.label), plan.unknowns[target.label]
    return [
        _sources(plan, start, np.zeros(target.size)),
        _switches(plan, f"{target.label}_reset", RESET, plan.unknowns[start], slave, plan.technology.copy_resistance),
    ]


def _sources(plan: _Plan, label: str, effort: Floats) -> Part:
    return Sources(label=label, nodes=plan.unknowns[label], effort=effort)


def _capacitors(plan: _Plan, label: str, nodes: Indices) -> Part:
    return Storages(label=label, nodes=nodes, capacitance=np.array(plan.technology.capacitance))


def _to_datum(label: str, nodes: Indices, resistance: float) -> Part:
    return Conductors(label=label, a=nodes, b=np.full_like(nodes, DATUM), conductance=np.array(1.0 / resistance))


def _switches(plan: _Plan, label: str, line: str, a: Indices, b: Indices, resistance: float) -> Part:
    closed, opened = np.array(1.0 / resistance), np.array(plan.technology.off_conductance)
    return Switches(label=label, line=plan.line(line), a=a, b=b, closed=closed, opened=opened)


def _followers(label: str, inputs: Indices, nodes: Indices) -> Part:
    none, unbound = np.array(0.0), np.array(np.inf)
    terms = (Term(inputs=inputs, gain=np.array(1.0)),)
    return Followers(label=label, nodes=nodes, terms=terms, offset=none, low=-unbound, high=unbound)


def _pairs(plan: _Plan, label: str, line: int, out: Indices, current: float, taps: tuple[Tap, ...]) -> Part:
    factors = tuple(_factor(plan, tap) for tap in taps)
    return Pairs(label=label, line=line, out=out, current=np.array(current), factors=factors)


def _factor(plan: _Plan, tap: Tap) -> Factor:
    nodes = plan.nodes(tap.reading)
    scale = np.array(1.0 / plan.technology.volts_per_unit)
    return Factor(shape=tap.shape, p=nodes, n=np.full_like(nodes, DATUM), scale=scale, offset=np.array(0.0))
