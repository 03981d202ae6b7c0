"""Turns a stage into a list of numpy calls with their arrays bound; a run makes these calls and decides nothing.

Efforts are (..., unknowns, batch), chips leading. Every call writes into an array that was allocated for it. Parameters
are (..., m); where chips lead, an axis of length 1 for the batch follows them.
"""

from functools import partial

import numpy as np
import scipy

from lstm_analog.arrays import Array, Floats, Span, numbered
from lstm_analog.engines.native import Positive
from lstm_analog.engines.phase.wiring import Load, Route, Sheet, Wire, Wiring
from lstm_analog.engines.settle.buffers import Buffers, Matrices
from lstm_analog.engines.settle.newton import newton
from lstm_analog.engines.settle.stages import ComponentStage, Mode, PortEnds, some_of
from lstm_analog.errors import SimulationError, explain
from lstm_analog.expressions import Call, make, reading, sigmoid, where_less
from lstm_analog.network.laws import High, flow_into, rows
from lstm_analog.network.parts import DATUM, Pairs, law
from lstm_analog.network.parts.ports import CONTROL, opened
from lstm_analog.network.shapes import Shape

_SPLIT = sigmoid(2.0 * CONTROL)
"""Share of the upper one in the total conductance of two exponential ports that open against each other."""
_SAME = 1e-13
"""Difference of a gain from 1 up to which an effort is copied: what is behind a closed switch equals what is before."""


def calls(stage: ComponentStage, efforts: Array, matrices: Matrices) -> tuple[Call, ...]:
    """Return the calls that set the nodes of `stage` in `efforts` (..., unknowns, batch).

    `matrices` are those that the stages of the run share.
    """
    if stage.mode is Mode.NEWTON:
        return newton(stage, efforts)
    buffers = Buffers(efforts=efforts, matrices=matrices)
    if stage.level.members.shape[1] > 1:
        _several(buffers, stage)
        return tuple(buffers.calls)
    nodes = stage.nodes
    view = buffers.view(nodes)
    target = buffers.room(nodes.size) if view is None else view
    if stage.mode is Mode.LINEAR:
        _level(buffers, stage, target)
    else:
        if view is None:
            buffers.call(np.take, efforts, nodes, -2, target, "clip")
        _advance(buffers, stage, target)
    if view is None:
        buffers.write(nodes, target)
    return tuple(buffers.calls)


def _level(buffers: Buffers, stage: ComponentStage, target: Array) -> None:
    """Write e = inflow / conductance to `target`."""
    conductance, ports = -stage.wiring.own[..., 0, 0], stage.ports
    if not ports:
        _inflow(buffers, stage, 0, 1.0 / conductance, target)
    elif not conductance.any() and _alone(stage.wiring) and _are_bridges(ports, target.shape[-2]):
        _bridge(buffers, ports[0], ports[1], target)
    else:
        total = _flow_and_conductance(buffers, stage, conductance, np.ones_like(conductance), target)
        buffers.calls.append(Positive(values=total, refusal=_unheld))
        buffers.call(np.divide, target, total, target)


def _unheld(conductance: float) -> SimulationError:
    """Return the error of an unknown whose ports have shut, so that no `conductance` above zero is left."""
    what, must = "an unknown behind ports", "be held by a conductance above zero in a phase in which it settles"
    got, do = f"{conductance:.3g}", "tie it to something else too, or run it with Waveform"
    return SimulationError(explain(what, must=must, got=got, do=do))


def _alone(wires: Wiring) -> bool:
    """Return whether nothing but loads that depend on the level's own efforts feeds through `wires`."""
    return not (wires.wires or wires.sheets or wires.offset.any() or any(not load.own for load in wires.loads))


def _flow_and_conductance(
    buffers: Buffers, stage: ComponentStage, constant: Floats, weight: Floats, target: Array
) -> Array:
    """Write the inflow at own effort zero to `target` and return the own conductance, both times `weight` (..., n).

    `constant` (..., n) is the part of the conductance that nothing controls; the ports add theirs.
    """
    _inflow(buffers, stage, 0, weight, target)
    total = buffers.room(stage.nodes.size)
    buffers.call(np.copyto, total, buffers.number(constant * weight))
    for port in stage.ports:
        opening, product = (buffers.room(port.part.p.size) for _ in range(2))
        buffers.law(port.part, opened(port.part.shape), _at(weight, port.into), opening)
        buffers.add(total, port.into, opening)
        buffers.call(np.multiply, opening, buffers.read(port.others), product)
        buffers.add(target, port.into, product)
    return total


def _at(weight: Floats, into: Span) -> Floats:
    """Return the entries `into` of `weight` (..., n), or all where there is one for all."""
    return weight if weight.shape[-1] == 1 else weight[..., into]


def _advance(buffers: Buffers, stage: ComponentStage, target: Array) -> None:
    """Advance slow storages e in `target` by the time T of the phase, as if their inflow stood still.

    e <- e exp(-aT) + inflow/C T phi(aT) with phi(u) = (1 - exp(-u))/u, and a the own conductance over C.
    """
    conductance, pace = -stage.wiring.own[..., 0, 0], stage.duration / stage.wiring.capacity[..., 0]
    inflow = buffers.room(stage.nodes.size)
    if stage.ports:
        moved = _flow_and_conductance(buffers, stage, conductance, pace, inflow)
        filled = buffers.room(stage.nodes.size)
        buffers.calls.extend(filling(moved, filled))
        buffers.call(np.multiply, moved, target, moved)
        buffers.call(np.subtract, inflow, moved, inflow)
        buffers.call(np.multiply, inflow, filled, inflow)
    else:
        moved = np.array(conductance * pace)
        filled = np.empty_like(moved)
        make(filling(moved, filled))
        _inflow(buffers, stage, 0, pace * filled, inflow, folded=False)
        buffers.call(np.multiply, target, buffers.number(np.exp(-moved)), target)
    buffers.call(np.add, target, inflow, target)


def filling(moved: Array, out: Array) -> tuple[Call, ...]:
    """Return the calls that write phi(u) = (1 - exp(-u))/u of u = `moved` to `out`, and limit |u| from below.

    u is below 0 where a port gives what it should take.
    """
    least = np.finfo(moved.dtype).tiny
    return (
        partial(np.absolute, moved, out),
        partial(where_less, out, least, least, moved, out=moved),
        partial(np.negative, moved, out),
        partial(np.expm1, out, out),
        partial(np.divide, out, moved, out),
        partial(np.negative, out, out),
    )


def _several(buffers: Buffers, stage: ComponentStage) -> None:
    """Set linear components of several members: e = G^-1 inflow, or what the matrix exponential makes of storages.

    With the members a without storage eliminated, C de/dt = S e + r has the solution e(T) = exp(MT) e(0) + T phi(MT)
    C^-1 r with M = C^-1 S and phi(X) = X^-1 (exp(X) - 1); both are blocks of one exponential (Van Loan 1978).
    """
    wires, states, members = stage.wiring, stage.level.dynamic, stage.level.members
    gains, keeps = _responses(wires, states, stage.duration)
    flows = [buffers.room(len(members)) for _ in members.T]
    weight = np.ones(len(members))
    for row, flow in enumerate(flows):
        _inflow(buffers, stage, row, weight, flow)
    results = [buffers.room(len(members)) for _ in range(gains.shape[-2])]
    for row, result in enumerate(results):
        buffers.combine(flows, list(np.moveaxis(gains[..., row, :], -1, 0)), result)
    for row, result in enumerate(results[:states]):
        old = [buffers.side_by_side(members[:, column]) for column in range(states)]
        buffers.combine(old, [keeps[..., row, column] for column in range(states)], result, added=True)
    for row, result in enumerate(results):
        buffers.write(members[:, row], result)


def _responses(wires: Wiring, states: int, duration: float) -> tuple[Floats, Floats]:
    """Return the matrices that make the efforts of each of m components from flows and from old efforts.

    The efforts are the first times the flows into the k members plus the second times the old efforts of storages.
    Without storages the first is the inverse of the conductances, (..., m, k, k), and the second is empty. With some,
    only these are set: (..., m, states, k) and (..., m, states, states), the blocks that `_several` names.
    """
    own = wires.own
    if not states:
        return -np.linalg.inv(own).astype(np.float64), np.zeros((1, 0, 0))
    width = own.shape[-1]
    among = -np.linalg.inv(own[..., states:, states:])
    carried = own[..., :states, states:] @ among  # (..., states, junctions): flow into junctions, passed on
    slopes = own[..., :states, :states] + carried @ own[..., states:, :states]
    per_capacity = 1.0 / wires.capacity[..., None]
    rates = slopes * per_capacity * duration
    lead = rates.shape[:-2]
    whole = np.zeros((*lead, 2 * states, 2 * states))
    whole[..., :states, :states] = rates
    whole[..., :states, states:] = np.eye(states)
    grown = scipy.linalg.expm(whole)
    keeps, filling = grown[..., :states, :states], grown[..., :states, states:] * duration
    into = np.concatenate(
        [
            np.broadcast_to(np.eye(states), (*lead, states, states)),
            np.broadcast_to(carried, (*lead, states, width - states)),
        ],
        axis=-1,
    )
    return filling @ (into * per_capacity), keeps


def _inflow(
    buffers: Buffers, stage: ComponentStage, row: int, weight: Floats, target: Array, *, folded: bool = True
) -> None:
    """Write the flow into `row` at own efforts zero, without that of ports, times `weight` (..., n), to `target`.

    A matrix product comes first, since the first flow is written in place, not added. With `folded` false a large
    matrix keeps its own numbers, which stages share, and its product is scaled.
    """
    wires = stage.wiring
    flows: list[Sheet | Wire | tuple[Load, Route]] = [sheet for sheet in wires.sheets if sheet.row == row]
    flows += [(load, route) for load in wires.loads if not load.own for route in load.routes if route.row == row]
    flows += [wire for wire in wires.wires if wire.row == row]
    size = target.shape[-2]
    started = bool(flows) and _covers(_into(flows[0]), size)
    if not started:
        buffers.call(np.copyto, target, 0.0)
    for number, flow in enumerate(flows):
        into = _into(flow)
        first = started and not number
        out = target if first else buffers.room(len(np.arange(size)[into]))
        _write_flow(buffers, stage, flow, _at(weight, into), out, folded)
        if not first:
            buffers.add(target, into, out)
    offset = wires.offset[..., row] * weight
    if offset.any():
        buffers.call(np.add, target, buffers.number(offset), target)


def _into(flow: Sheet | Wire | tuple[Load, Route]) -> Span:
    return flow[1].into if isinstance(flow, tuple) else flow.into


def _covers(into: Span, size: int) -> bool:
    return isinstance(into, slice) and into == slice(0, size)


def _write_flow(
    buffers: Buffers,
    stage: ComponentStage,
    flow: Sheet | Wire | tuple[Load, Route],
    weight: Floats,
    out: Array,
    folded: bool,
) -> None:
    """Write `weight` times the `flow` into the members that it feeds to `out`."""
    if isinstance(flow, tuple):
        _load(buffers, flow[0], flow[1], stage.couplings.high, weight, out)
    elif isinstance(flow, Wire):
        gain = flow.values * weight
        gain = np.where(np.abs(gain - 1.0) <= _SAME, 1.0, gain)
        buffers.scaled(buffers.read(numbered(flow.places)), gain, out)
    else:
        drive = buffers.side_by_side(numbered(flow.places))
        matrix = flow.matrix if flow.matrix.ndim == 2 else flow.matrix[..., 0, :, :]
        buffers.product(matrix, weight, drive, out, folded)


def _load(buffers: Buffers, load: Load, route: Route, high: High, weight: Floats, out: Array) -> None:
    """Write `weight` times the flow of `load` along `route` to `out`, with the clock lines `high`."""
    if isinstance(load.part, Pairs):
        part = some_of(load.part, route.elements)
        buffers.law(part, law(part).into["out"], weight, out)
        return
    efforts = np.swapaxes(buffers.efforts, -1, -2)
    flows = np.empty((*efforts.shape[:-1], *rows(load.part).shape))
    buffers.calls.extend(flow_into(load.part, efforts, high, flows))
    chosen, fetching = reading(flows[..., route.terminal, :], route.elements)
    buffers.calls.extend(fetching)
    buffers.call(np.multiply, np.swapaxes(chosen, -1, -2), buffers.number(weight), out)


def _are_bridges(ports: list[PortEnds], size: int) -> bool:
    """Return whether `ports` are two banks of `size` ports in the order of the level, each opposed to the other's."""
    return len(ports) == 2 and all(_covers(port.into, size) for port in ports) and _opposed(*ports)


def _opposed(top: PortEnds, bottom: PortEnds) -> bool:
    """Return whether two ports open exponentially against each other, so that they split as a sigmoid."""
    a, b = top.part, bottom.part
    return (
        a.shape is b.shape is Shape.EXP
        and a.free
        and b.free
        and np.array_equal(a.p, b.p)
        and np.array_equal(a.n, b.n)
        and np.array_equal(a.scale, -b.scale)
        and np.array_equal(a.offset, -b.offset)
        and np.array_equal(a.conductance, b.conductance)
    )


def _bridge(buffers: Buffers, top: PortEnds, bottom: PortEnds, target: Array) -> None:
    """Write bottom + sigmoid(2u) (top - bottom) to `target`: e^u / (e^u + e^-u) = (1 + tanh u)/2."""
    share = buffers.room(target.shape[-2])
    buffers.law(top.part, _SPLIT, np.ones(1), share)
    high, low = buffers.read(top.others), buffers.read(bottom.others)
    if (bottom.others == DATUM).all():
        buffers.call(np.multiply, share, high, target)
        return
    span = buffers.room(target.shape[-2])
    buffers.call(np.subtract, high, low, span)
    buffers.call(np.multiply, span, share, span)
    buffers.call(np.add, span, low, target)
