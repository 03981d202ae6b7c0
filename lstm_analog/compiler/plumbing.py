"""Lowers signals to plumbing (design.md, section 7): capillary sums, half-bridges, relays, tanks.

A row is two manifolds: each weight a capillary from its source into the plus or the minus one, a dummy capillary to the
datum so that both total G_u S; then p+ - p- = p_unit z/S. Two opposed exponential ports between a top and a bottom rail
settle at bottom + sigmoid(z) (top - bottom); with twice the gain between the unit rails at p_unit tanh(z). A top rail
tied to a pressure makes a product. Pilot chambers draw no flow, so every bridge feeds a relay. In dynamic detail a
spool stands between the manifolds and the ports of a bridge, or the drain and the filling valve of a gated leak.
"""

from dataclasses import replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout, Layout, layout, lower, reset_label
from lstm_analog.compiler.draft import HIGH, LOW, Control, Draft
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.compiler.signals import Memory, Quantity, Reading, SignalNetwork, Stage, Sum, Tap
from lstm_analog.compiler.timing import COPY, GATED_LEAK, RESET, Timing, compute_line, cycle, leak_line
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network, Unknowns
from lstm_analog.network.parts import DATUM, Crossbars, Factor, Pairs, Ports
from lstm_analog.network.shapes import Shape

_ROUNDING = 1e-12
"""Share of a manifold's conductance below which a dummy capillary would be no more than rounding."""


@lower.register
def lower_hydraulic(technology: Hydraulic, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as plumbing of `technology`, clocked by `timing`, phases of `settling` time constants."""
    tau, unit = technology.time_constant, technology.pressure_unit
    clock = cycle(timing, stages=len(signals.stages), time_constant=tau, settling=settling, gap=technology.gap)
    draft = Draft(technology=technology, timing=timing, lines=clock.lines, leak_time=clock.reset.duration)
    draft.sources(signals.inputs.label, np.zeros(signals.inputs.size))
    draft.sources(HIGH, np.array([unit]))
    draft.sources(LOW, np.array([-unit]))
    for number, stage in enumerate(signals.stages):
        _stage(draft, number, stage)
    network = Network(
        domain=HYDRAULIC,
        unknowns=Unknowns(groups=tuple(draft.groups.values())),
        parts=tuple(draft.parts),
        lines=clock.lines,
        provenance=(
            ("technology", technology.name),
            ("detail", technology.detail.value),
            ("timing", timing.value),
        ),
    )
    return Compiled(
        network=network.verify(),
        cycle=clock,
        layout=_layout(technology, signals, timing),
        timing=timing,
        settling=settling,
        time_constant=tau,
    )


def _layout(technology: Hydraulic, signals: SignalNetwork, timing: Timing) -> Layout:
    """Return the layout: a pre-activation is S times the difference of its manifolds."""
    plain = layout(signals, timing)
    layers = [
        _manifold_layout(place, stage.sum, totals(stage.sum, technology.least_total))
        for place, stage in zip(plain.layers, signals.stages, strict=True)
    ]
    return replace(plain, layers=tuple(layers))


def _manifold_layout(place: LayerLayout, total: Sum, gains: Floats) -> LayerLayout:
    ends = np.cumsum([target.size for target in total.targets])
    spots = [
        replace(spot, group=_plus(spot.group), against=_minus(spot.group), gain=tuple(gain.tolist()))
        for spot, gain in zip(place.z, np.split(gains, ends[:-1]), strict=True)
    ]
    return replace(place, z=tuple(spots))


def totals(total: Sum, least: float) -> Floats:
    """Return S of each row of `total`, (m,): the larger sum of its weights of one sign, `least` at least."""
    weights = _weights(total)
    positive, negative = np.maximum(weights, 0.0).sum(axis=1), np.maximum(-weights, 0.0).sum(axis=1)
    result: Floats = np.maximum(np.maximum(positive, negative), least)
    return result


def _weights(total: Sum) -> Floats:
    return total.weights if total.bias is None else np.column_stack((total.weights, total.bias))


def _plus(label: str) -> str:
    return f"{label}_pos"


def _minus(label: str) -> str:
    return f"{label}_neg"


def _held(label: str) -> str:
    return f"{label}_held"


def _fresh(label: str) -> str:
    return f"{label}_fresh"


def _stage(draft: Draft, number: int, stage: Stage) -> None:
    _rows(draft, stage.sum)
    for memory in stage.memories:
        gated = draft.timing is GATED_LEAK and memory.keep is not None
        if gated:
            _leak(draft, memory, number)
        else:
            _clocked(draft, memory, number)


def _driver(draft: Draft, reading: Reading) -> Indices:
    """Return the nodes that feed a signal to others: a source, or the relay of a tank."""
    signal = reading.signal
    if signal.quantity is Quantity.INPUT:
        return draft.nodes(signal.label, signal.size)
    return draft.nodes(_held(signal.label) if reading.held else _fresh(signal.label), signal.size)


def _rows(draft: Draft, total: Sum) -> None:
    unit = draft.technology.unit_conductance
    weights, gains = _weights(total), totals(total, draft.technology.least_total)
    rails = [] if total.bias is None else [draft.nodes(HIGH, 1)]
    inputs = np.concatenate([*(_driver(draft, reading) for reading in total.drivers), *rails])
    sides = [[draft.chamber(name(target.label), target.size) for target in total.targets] for name in (_plus, _minus)]
    positive, negative = unit * np.maximum(weights, 0.0), unit * np.maximum(-weights, 0.0)
    bank = Crossbars(
        label=total.label,
        inputs=inputs,
        plus=np.concatenate(sides[0]),
        minus=np.concatenate(sides[1]),
        positive=positive,
        negative=negative,
        plus_load=_rest(unit * gains, positive),
        minus_load=_rest(unit * gains, negative),
    )
    draft.parts.append(bank)
    scales = np.split(gains / draft.technology.pressure_unit, np.cumsum([target.size for target in total.targets])[:-1])
    for target, p, n, scale in zip(total.targets, *sides, scales, strict=True):
        draft.controls[target.label] = Control(p=p, n=n, scale=scale)


def _rest(total: Floats, weights: Floats) -> Floats:
    """Return what the dummy capillaries add to `weights` (m, n) up to `total` (m,); none where it is rounding."""
    rest: Floats = total - weights.sum(axis=1)
    return np.where(rest > _ROUNDING * total, rest, 0.0)


def _control(draft: Draft, reading: Reading) -> Control:
    signal = reading.signal
    if signal.label in draft.controls:
        return draft.controls[signal.label]
    nodes = draft.nodes(_tank(draft, reading), signal.size)
    scale = np.full(signal.size, 1.0 / draft.technology.pressure_unit)
    return Control(p=nodes, n=np.full_like(nodes, DATUM), scale=scale)


def _tank(draft: Draft, reading: Reading) -> str:
    """Return the group of the tank that holds a memory: the master while it is fresh, else the slave."""
    label = reading.signal.label
    single = reading.signal.quantity is Quantity.CELL and draft.timing is GATED_LEAK
    return label if reading.held or single else f"{label}_new"


def _product(draft: Draft, label: str, gate: Tap, value: Tap) -> Indices:
    """Add sigmoid(gate) times a value and return its nodes, which no flow may be drawn from."""
    if gate.shape is not Shape.SIGMOID or value.shape not in (Shape.TANH, Shape.LINEAR):
        got, do = f"{gate.shape.value} x {value.shape.value}", "use an electrical technology"
        raise UnsupportedError(explain(f"{label} product", must="be sigmoid x tanh or linear", got=got, do=do))
    control = _control(draft, gate.reading)
    size = control.p.size
    if value.shape is Shape.LINEAR:
        top = _driver(draft, value.reading)
    else:
        rails = draft.rail(HIGH, size), draft.rail(LOW, size)
        top = draft.relay(f"{label}_val", draft.bridge(f"{label}_tanh", _control(draft, value.reading), 2.0, *rails))
    return draft.bridge(label, control, 1.0, top, np.full(size, DATUM))


def _clocked(draft: Draft, memory: Memory, number: int) -> None:
    """Master and slave tanks: products add in a totalizing relay; `compute` fills the master, `copy` the slave."""
    label, size = memory.target.label, memory.target.size
    slave = draft.nodes(label, size)
    held = Tap(shape=Shape.LINEAR, reading=Reading(signal=memory.target, held=True))
    products = [] if memory.keep is None else [_product(draft, f"{label}_keep", memory.keep, held)]
    products.append(_product(draft, f"{label}_add", *memory.add))
    total = draft.relay(f"{label}_sum", *products)
    master = draft.nodes(f"{label}_new", size)
    draft.solenoid(f"{label}_take", compute_line(number), total, master)
    draft.memory(f"{label}_master", master)
    draft.solenoid(f"{label}_copy", COPY, draft.relay(_fresh(label), master), slave)
    draft.memory(f"{label}_slave", slave)
    draft.relay(_held(label), slave)
    _reset(draft, label, slave)


def _leak(draft: Draft, memory: Memory, number: int) -> None:
    """Gated leak: `C dp/dt = -C a p + q`, a drain valve and a flow-control valve, open for the time T (section 5)."""
    label, tap = memory.target.label, memory.keep
    if tap is None or tap.shape is not Shape.SIGMOID:
        got, do = "none" if tap is None else tap.shape.value, "use CLOCKED"
        raise UnsupportedError(explain(f"{label} keep", must="be a sigmoid in a gated leak", got=got, do=do))
    store = draft.nodes(label, memory.target.size)
    control = draft.spool(f"{label}_drain", _control(draft, tap.reading))
    line = draft.lines.index(leak_line(number))
    rate, none = draft.technology.tank / draft.leak_time, np.array(0.0)
    drain = Ports(
        label=f"{label}_drain",
        line=line,
        shape=Shape.SOFTPLUS,
        a=store,
        b=np.full_like(store, DATUM),
        p=control.n,
        n=control.p,
        conductance=np.array(rate),
        scale=control.scale,
        offset=none,
    )
    filling = Factor(shape=Shape.SOFTPLUS_RATIO, p=control.n, n=control.p, scale=control.scale, offset=none)
    fill = Pairs(
        label=f"{label}_fill",
        line=line,
        out=store,
        current=np.array(rate * draft.technology.pressure_unit),
        factors=(*(_factor(draft, f"{label}_fill{k}", factor) for k, factor in enumerate(memory.add)), filling),
    )
    draft.parts.extend((drain, fill))
    draft.memory(f"{label}_store", store)
    _reset(draft, label, store)


def _factor(draft: Draft, label: str, tap: Tap) -> Factor:
    control = draft.spool(label, _control(draft, tap.reading))
    return Factor(shape=tap.shape, p=control.p, n=control.n, scale=control.scale, offset=np.array(0.0))


def _reset(draft: Draft, label: str, tank: Indices) -> None:
    """Add filling cocks, which set a memory at the start and stay shut: bubble-tight, on a short hose."""
    start = draft.sources(reset_label(label), np.zeros(tank.size))
    draft.cock(f"{label}_reset", RESET, start, tank)
