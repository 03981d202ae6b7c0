"""Lowers signals to plumbing (design.md, section 7): capillary sums, half-bridges, relays, tanks.

A row is two manifolds: each weight a capillary from its source into the plus or the minus one, a dummy capillary to the
datum so that both total G_u S; then p+ - p- = p_unit z/S. Two opposed exponential ports between a top and a bottom rail
settle at bottom + sigmoid(z) (top - bottom); with twice the gain between the unit rails at p_unit tanh(z). A top rail
tied to a pressure makes a product. Pilot chambers draw no flow, so every bridge feeds a relay.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.compiler.compiled import Compiled, LayerLayout, Layout, layout, lower, reset_label
from lstm_analog.compiler.hydraulic import Detail, Hydraulic
from lstm_analog.compiler.signals import Memory, Quantity, Reading, SignalNetwork, Stage, Sum, Tap
from lstm_analog.compiler.timing import COPY, GATED_LEAK, RESET, Timing, compute_line, cycle, leak_line
from lstm_analog.errors import UnsupportedError, explain
from lstm_analog.network.domain import HYDRAULIC
from lstm_analog.network.graph import Group, Network, Unknowns
from lstm_analog.network.parts import (
    ALWAYS,
    DATUM,
    Crossbars,
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
)
from lstm_analog.network.shapes import Shape

HIGH, LOW = "rail_hi", "rail_lo"
"""The rails at plus and minus one pressure unit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Control:
    """What a valve is opened by: the signal is `scale` (p - n), arrays (m,), scale per Pa."""

    p: Indices
    n: Indices
    scale: Floats


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """The network as it grows: groups get their unknowns in the order in which they are asked for."""

    technology: Hydraulic
    timing: Timing
    lines: tuple[str, ...]
    leak_time: float
    groups: dict[str, Group] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    controls: dict[str, _Control] = field(default_factory=dict)

    def nodes(self, label: str, size: int) -> Indices:
        """Return the unknowns of the group `label`, which is made with `size` of them if new."""
        if label not in self.groups:
            self.starts[label] = 1 + sum(group.size for group in self.groups.values())
            self.groups[label] = Group(label=label, size=size, scale=self.technology.pressure_unit)
        return np.arange(self.starts[label], self.starts[label] + size)

    def chamber(self, label: str, size: int) -> Indices:
        """Return the nodes of a small volume: a junction in ideal detail, else a storage."""
        nodes = self.nodes(label, size)
        if self.technology.detail is Detail.IDEAL:
            self.parts.append(Junctions(label=f"{label}_node", nodes=nodes))
        else:
            self.tank(f"{label}_pilot", nodes, self.technology.pilot)
        return nodes

    def tank(self, label: str, nodes: Indices, capacitance: float) -> None:
        """Add storages."""
        self.parts.append(Storages(label=label, nodes=nodes, capacitance=np.array(capacitance)))

    def relay(self, label: str, *inputs: Indices) -> Indices:
        """Add followers of the sum of `inputs` and return their nodes."""
        nodes, unbound = self.nodes(label, inputs[0].size), np.array(np.inf)
        terms = tuple(Term(inputs=pin, gain=np.array(1.0)) for pin in inputs)
        relay = Followers(
            label=f"{label}_relay", nodes=nodes, terms=terms, offset=np.array(0.0), low=-unbound, high=unbound
        )
        self.parts.append(relay)
        return nodes

    def sources(self, label: str, effort: Floats) -> Indices:
        """Add sources at `effort` (m,) and return their nodes."""
        nodes = self.nodes(label, effort.size)
        self.parts.append(Sources(label=label, nodes=nodes, effort=effort))
        return nodes

    def solenoid(self, label: str, line: str, a: Indices, b: Indices) -> None:
        """Add solenoid valves with their tank lines from `a` to `b`."""
        opened = self.technology.tank_line.conductance(self.technology.fluid)
        leak = opened * self.technology.seat_leak
        valve = Switches(
            label=label, line=self.lines.index(line), a=a, b=b, closed=np.array(opened), opened=np.array(leak)
        )
        self.parts.append(valve)

    def bridge(self, label: str, control: _Control, gain: float, top: Indices, bottom: Indices) -> Indices:
        """Add two opposed ports and return the nodes between them: bottom + sigmoid(gain z) (top - bottom)."""
        middle = self.chamber(label, control.p.size)
        for name, sign, a, b in (("top", 1.0, top, middle), ("bot", -1.0, middle, bottom)):
            port = Ports(
                label=f"{label}_{name}",
                line=ALWAYS,
                shape=Shape.EXP,
                a=a,
                b=b,
                p=control.p,
                n=control.n,
                conductance=np.array(self.technology.port_conductance),
                scale=0.5 * sign * gain * control.scale,
                offset=np.array(0.0),
            )
            self.parts.append(port)
        return middle

    def rail(self, label: str, size: int) -> Indices:
        """Return the node of a rail, `size` times."""
        return np.repeat(self.nodes(label, 1), size)


@lower.register
def lower_hydraulic(technology: Hydraulic, signals: SignalNetwork, timing: Timing, settling: float) -> Compiled:
    """Return `signals` as plumbing of `technology`, clocked by `timing`, phases of `settling` time constants."""
    tau, unit = technology.time_constant, technology.pressure_unit
    clock = cycle(timing, stages=len(signals.stages), time_constant=tau, settling=settling, gap=technology.gap)
    draft = _Draft(technology=technology, timing=timing, lines=clock.lines, leak_time=clock.reset.duration)
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


def _stage(draft: _Draft, number: int, stage: Stage) -> None:
    _rows(draft, stage.sum)
    for memory in stage.memories:
        gated = draft.timing is GATED_LEAK and memory.keep is not None
        if gated:
            _leak(draft, memory, number)
        else:
            _clocked(draft, memory, number)


def _driver(draft: _Draft, reading: Reading) -> Indices:
    """Return the nodes that feed a signal to others: a source, or the relay of a tank."""
    signal = reading.signal
    if signal.quantity is Quantity.INPUT:
        return draft.nodes(signal.label, signal.size)
    return draft.nodes(_held(signal.label) if reading.held else _fresh(signal.label), signal.size)


def _rows(draft: _Draft, total: Sum) -> None:
    unit, least = draft.technology.unit_conductance, draft.technology.least_total
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
        plus_load=np.maximum(unit * gains - positive.sum(axis=1), 0.0),
        minus_load=np.maximum(unit * gains - negative.sum(axis=1), 0.0),
    )
    draft.parts.append(bank)
    scales = np.split(gains / draft.technology.pressure_unit, np.cumsum([target.size for target in total.targets])[:-1])
    for target, p, n, scale in zip(total.targets, *sides, scales, strict=True):
        draft.controls[target.label] = _Control(p=p, n=n, scale=scale)


def _control(draft: _Draft, reading: Reading) -> _Control:
    signal = reading.signal
    if signal.label in draft.controls:
        return draft.controls[signal.label]
    nodes = draft.nodes(_tank(draft, reading), signal.size)
    scale = np.full(signal.size, 1.0 / draft.technology.pressure_unit)
    return _Control(p=nodes, n=np.full_like(nodes, DATUM), scale=scale)


def _tank(draft: _Draft, reading: Reading) -> str:
    """Return the group of the tank that holds a memory: the master while it is fresh, else the slave."""
    label = reading.signal.label
    single = reading.signal.quantity is Quantity.CELL and draft.timing is GATED_LEAK
    return label if reading.held or single else f"{label}_new"


def _product(draft: _Draft, label: str, gate: Tap, value: Tap) -> Indices:
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


def _clocked(draft: _Draft, memory: Memory, number: int) -> None:
    """Master and slave tanks: products add in a totalizing relay; `compute` fills the master, `copy` the slave."""
    label, size = memory.target.label, memory.target.size
    slave = draft.nodes(label, size)
    held = Tap(shape=Shape.LINEAR, reading=Reading(signal=memory.target, held=True))
    products = [] if memory.keep is None else [_product(draft, f"{label}_keep", memory.keep, held)]
    products.append(_product(draft, f"{label}_add", *memory.add))
    total = draft.relay(f"{label}_sum", *products)
    master = draft.nodes(f"{label}_new", size)
    draft.solenoid(f"{label}_take", compute_line(number), total, master)
    draft.tank(f"{label}_master", master, draft.technology.tank)
    draft.solenoid(f"{label}_copy", COPY, draft.relay(_fresh(label), master), slave)
    draft.tank(f"{label}_slave", slave, draft.technology.tank)
    draft.relay(_held(label), slave)
    _reset(draft, label, slave)


def _leak(draft: _Draft, memory: Memory, number: int) -> None:
    """Gated leak: `C dp/dt = -C a p + q`, a drain valve and a flow-control valve, open for the time T (section 5)."""
    label, tap = memory.target.label, memory.keep
    if tap is None or tap.shape is not Shape.SIGMOID:
        got, do = "none" if tap is None else tap.shape.value, "use CLOCKED"
        raise UnsupportedError(explain(f"{label} keep", must="be a sigmoid in a gated leak", got=got, do=do))
    store = draft.nodes(label, memory.target.size)
    control, line = _control(draft, tap.reading), draft.lines.index(leak_line(number))
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
        factors=(*(_factor(draft, factor) for factor in memory.add), filling),
    )
    draft.parts.extend((drain, fill))
    draft.tank(f"{label}_store", store, draft.technology.tank)
    _reset(draft, label, store)


def _factor(draft: _Draft, tap: Tap) -> Factor:
    control = _control(draft, tap.reading)
    return Factor(shape=tap.shape, p=control.p, n=control.n, scale=control.scale, offset=np.array(0.0))


def _reset(draft: _Draft, label: str, tank: Indices) -> None:
    start = draft.sources(reset_label(label), np.zeros(tank.size))
    draft.solenoid(f"{label}_reset", RESET, start, tank)
