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
from lstm_analog.compiler.draft import HIGH, LOW, Control, Draft
from lstm_analog.compiler.hydraulic import Hydraulic
from lstm_analog.compiler.manifolds import dense_weights, dummies, minus, plus, signed_totals, split_rows, totals
from lstm_analog.compiler.signals import Memory, Product, Quantity, Reading, SignalNetwork, SignalOperation, Sum, Tap
from lstm_analog.compiler.timing import COPY, RESET, Timing, compute_line, cycle, leak_line
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Network, Unknowns
from lstm_analog.network.parts import DATUM, Crossbars, Factor, Pairs, Ports
from lstm_analog.network.shapes import Shape


@lower.register
def lower_hydraulic(technology: Hydraulic, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as plumbing of `technology`, clocked by `timing` with phases of `settling` time constants."""
    tau, unit = technology.time_constant, technology.pressure_unit
    clock = cycle(timing, stages=len(signals.stages), time_constant=tau, settling=settling, gap=technology.gap)
    draft = Draft(
        technology=technology,
        timing=timing,
        lines=clock.lines,
        leak_time=clock.reset.duration,
        single=single_storages(signals, timing),
    )
    for feed in signals.feeds:
        draft.sources(feed.signal.label, np.zeros(feed.signal.size))
    draft.sources(HIGH, np.array([unit]))
    draft.sources(LOW, np.array([-unit]))
    for number, stage in enumerate(signals.stages):
        for operation in stage.operations:
            _build(operation, draft, number)
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
        filling=draft.filling(),
    )
    return Compiled(
        network=network.verify(),
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


def _held(label: str) -> str:
    return f"{label}_held"


def _fresh(label: str) -> str:
    return f"{label}_fresh"


@singledispatch
def _build(operation: SignalOperation, draft: Draft, number: int) -> None:
    """Add the parts of an `operation` of the stage of that `number`."""
    must, do = "be one that this technology has parts for", "write its parts"
    raise UnsupportedError(explain("operation", must=must, got=type(operation).__name__, do=do))


def _driver(draft: Draft, reading: Reading) -> Indices:
    """Return the nodes that deliver a signal to other parts: a source, a relay, or the relay of a tank."""
    signal = reading.signal
    if signal.quantity is not Quantity.MEMORY:
        return draft.nodes(signal.label, signal.size)
    return draft.nodes(_held(signal.label) if reading.held else _fresh(signal.label), signal.size)


@_build.register
def _(total: Sum, draft: Draft, number: int) -> None:
    unit, gains = draft.technology.unit_conductance, totals(total, draft.technology.least_total)
    rails = [] if total.bias is None else [draft.nodes(HIGH, 1)]
    inputs = np.concatenate([*(_driver(draft, reading) for reading in total.drivers), *rails])
    sides = [[draft.chamber(name(target.label), target.size) for target in total.targets] for name in (plus, minus)]
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
    draft.parts.append(bank)
    scales = split_rows(total, gains / draft.technology.pressure_unit)
    for target, p, n, scale in zip(total.targets, *sides, scales, strict=True):
        draft.controls[target.label] = Control(p=p, n=n, scale=scale)
    for diagonal in total.diagonals:
        label, ends = diagonal.target.label, draft.controls[diagonal.target.label]
        draft.capillaries(f"{label}_diag", diagonal.weights, _driver(draft, diagonal.driver), ends.p, ends.n)


def _control(draft: Draft, tap: Tap) -> Control:
    """Return the control of a valve that follows `tap`: the manifolds of a sum, a tank, or a relay."""
    signal = tap.reading.signal
    control = draft.controls.get(signal.label)
    if control is None:
        memory = signal.quantity is Quantity.MEMORY
        nodes = draft.nodes(_tank(draft, tap.reading), signal.size) if memory else _driver(draft, tap.reading)
        scale = np.full(signal.size, 1.0 / draft.technology.pressure_unit)
        control = Control(p=nodes, n=np.full_like(nodes, DATUM), scale=scale)
    return replace(control, scale=tap.slope * control.scale, offset=tap.offset)


def _tank(draft: Draft, reading: Reading) -> str:
    """Return the group of the tank that `reading` reads: the slave for the held value, the master for the new one."""
    label = reading.signal.label
    return label if reading.held or label in draft.single else f"{label}_new"


_BOUNDS = {Shape.LINEAR: (-np.inf, np.inf), Shape.RELU: (0.0, np.inf), Shape.CLIP: (0.0, 1.0)}
"""The range, in pressure units, of a relay that computes a shape: its end stops are the kinks of the curve."""


def _product(draft: Draft, label: str, *taps: Tap) -> Indices:
    """Add sigmoid(gate) times a value, or a value alone; return its nodes, from which no flow may be drawn."""
    *gates, value = taps
    if not gates:
        return _value(draft, label, value)
    (gate,) = gates
    _check_gate(label, gate)
    control = _control(draft, gate)
    return draft.bridge(label, control, 1.0, _value(draft, label, value), np.full(control.p.size, DATUM))


def _check_gate(label: str, gate: Tap) -> None:
    if gate.shape is not Shape.SIGMOID:
        do = "train it with a sigmoid or use an electrical technology: an equal-percentage port opens by exp"
        raise UnsupportedError(explain(f"{label} gate in plumbing", must="be a sigmoid", got=gate.shape.value, do=do))


def _check_value(label: str, tap: Tap) -> None:
    if tap.shape is not Shape.TANH and tap.shape not in _BOUNDS:
        must, do = "be tanh, linear, relu or a hard sigmoid", "use an electrical technology"
        raise UnsupportedError(explain(f"{label} value in plumbing", must=must, got=tap.shape.value, do=do))


def _value(draft: Draft, label: str, tap: Tap) -> Indices:
    """Return nodes at the value of `tap`, for the product `label`; flow may be drawn from them."""
    reading, size = tap.reading, tap.reading.signal.size
    alone = reading.signal.label in draft.single and not reading.held
    if tap.plain and reading.signal.quantity is not Quantity.SUM and not alone:
        return _driver(draft, reading)
    if tap.shape is Shape.TANH:
        rails = [np.repeat(draft.nodes(rail, 1), size) for rail in (HIGH, LOW)]
        return draft.relay(f"{label}_val", draft.bridge(f"{label}_tanh", _control(draft, tap), 2.0, *rails))
    _check_value(label, tap)
    return draft.lever(f"{label}_val", _control(draft, tap), *_BOUNDS[tap.shape])


@_build.register
def _(product: Product, draft: Draft, number: int) -> None:
    label = product.target.label
    draft.relay(label, _product(draft, f"{label}_mid", *product.factors))


@_build.register
def _(memory: Memory, draft: Draft, number: int) -> None:
    build = _leak if leaks(memory, draft.timing) else _clocked
    build(draft, memory, number)


def _clocked(draft: Draft, memory: Memory, number: int) -> None:
    """Add master and slave tanks: a relay adds the products; line `compute<n>` fills the master, `copy` the slave."""
    label, size = memory.target.label, memory.target.size
    slave = draft.nodes(label, size)
    held = Tap(shape=Shape.LINEAR, reading=Reading(signal=memory.target, held=True))
    products = [] if memory.keep is None else [_product(draft, f"{label}_keep", memory.keep, held)]
    products.append(_product(draft, f"{label}_add", *memory.add))
    total = draft.relay(f"{label}_sum", *products)
    master = draft.nodes(f"{label}_new", size)
    draft.solenoid(f"{label}_take", compute_line(number), total, master)
    draft.memory(f"{label}_master", master)
    _slave(draft, label, master, slave)
    _reset(draft, label, slave)


def _slave(draft: Draft, label: str, master: Indices, slave: Indices) -> None:
    draft.solenoid(f"{label}_copy", COPY, draft.relay(_fresh(label), master), slave)
    draft.memory(f"{label}_slave", slave)
    draft.relay(_held(label), slave)


def _leak(draft: Draft, memory: Memory, number: int) -> None:
    """Add a gated leak, `C dp/dt = -C a p + q`: a drain valve and a flow-control valve, open for the time T.

    docs/physics.md#gated-leak derives that it is exact.

    A memory that rows of its own stage read must stay constant while the tank leaks, so it gets a slave for them.
    """
    label, size, tap = memory.target.label, memory.target.size, leaking_tap(memory)
    for gate in memory.add[:-1]:
        _check_gate(label, gate)
    _check_value(label, memory.add[-1])
    single = label in draft.single
    store = draft.nodes(label if single else f"{label}_new", size)
    control = draft.spool(f"{label}_drain", _control(draft, tap))
    line = draft.lines.index(leak_line(number))
    rate, offset = draft.technology.tank / draft.leak_time, np.array(0.0 - control.offset)
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
        offset=offset,
    )
    filling = Factor(shape=Shape.SOFTPLUS_RATIO, p=control.n, n=control.p, scale=control.scale, offset=offset)
    fill = Pairs(
        label=f"{label}_fill",
        line=line,
        out=store,
        current=np.array(rate * draft.technology.pressure_unit),
        factors=(*(_factor(draft, f"{label}_fill{k}", factor) for k, factor in enumerate(memory.add)), filling),
    )
    draft.parts.extend((drain, fill))
    draft.memory(f"{label}_store", store)
    if not single:
        _slave(draft, label, store, draft.nodes(label, size))
    _reset(draft, label, store, *([] if single else [draft.nodes(label, size)]))


def _factor(draft: Draft, label: str, tap: Tap) -> Factor:
    control = draft.spool(label, _control(draft, tap))
    return Factor(shape=tap.shape, p=control.p, n=control.n, scale=control.scale, offset=np.array(control.offset))


def _reset(draft: Draft, label: str, *tanks: Indices) -> None:
    """Add filling cocks, which set the `tanks` of a memory at the start: bubble-tight valves on a short hose."""
    start = draft.sources(reset_label(label), np.zeros(tanks[0].size))
    draft.cock(f"{label}_reset", RESET, np.tile(start, len(tanks)), np.concatenate(tanks))
