"""Turns a stage into a list of numpy calls with their arrays bound; a run makes these calls and decides nothing."""

import numpy as np

from lstm_analog.arrays import Array, Floats, span
from lstm_analog.engines.native import Positive
from lstm_analog.engines.phase.wiring import Wiring
from lstm_analog.engines.settle.binding import BoundStage, Matrices
from lstm_analog.engines.settle.exponentials import filling, responses
from lstm_analog.engines.settle.flows import entries, write_inflow
from lstm_analog.engines.settle.newton import newton
from lstm_analog.engines.settle.ports import PortEnds, are_bridges, unheld
from lstm_analog.engines.settle.stages import ComponentStage, Mode
from lstm_analog.expressions import Call, adding, combining, make, putting, sigmoid
from lstm_analog.network.parts import DATUM
from lstm_analog.network.parts.ports import CONTROL, opened

_SPLIT = sigmoid(2.0 * CONTROL)
"""Share of the upper one in the total conductance of two exponential ports that open against each other."""


def calls(stage: ComponentStage, efforts: Array, matrices: Matrices) -> tuple[Call, ...]:
    """Return the calls that set the nodes of `stage` in `efforts` (*lead, unknowns).

    `matrices` are those that the stages of the run share.
    """
    if stage.mode is Mode.NEWTON:
        return newton(stage, efforts)
    bound = BoundStage(stage=stage, efforts=efforts, matrices=matrices)
    (_set_several if stage.level.members.shape[1] > 1 else _set_single)(bound)
    return tuple(bound.calls)


def _set_single(bound: BoundStage) -> None:
    """Set components of one member, linear or exponential."""
    places, exponential = span(bound.stage.nodes), bound.stage.mode is Mode.EXPONENTIAL
    target = bound.efforts[..., places] if isinstance(places, slice) else bound.room(places.size)
    if exponential and not isinstance(places, slice):
        bound.call(np.copyto, target, bound.read(places))
    (_advance if exponential else _balance)(bound, target)
    if not isinstance(places, slice):
        bound.calls.append(putting(bound.efforts, places, target))


def _balance(bound: BoundStage, target: Array) -> None:
    """Write e = inflow / conductance to `target`."""
    conductance, ports = -bound.stage.wiring.own[..., 0, 0], bound.ports
    if not ports:
        write_inflow(bound, 0, 1.0 / conductance, target)
    elif not conductance.any() and _alone(bound.stage.wiring) and are_bridges(ports, target.shape[-1]):
        _bridge(bound, ports[0], ports[1], target)
    else:
        total = _flow_and_conductance(bound, conductance, np.ones_like(conductance), target)
        bound.calls.append(Positive(values=np.swapaxes(total, -1, -2), refusal=unheld))
        bound.call(np.divide, target, total, target)


def _flow_and_conductance(bound: BoundStage, constant: Floats, weight: Floats, target: Array) -> Array:
    """Write the inflow at own effort zero to `target`, return the own conductance, both times `weight` (..., n).

    `constant` (..., n) is the part of the conductance that nothing controls; the ports add theirs.
    """
    write_inflow(bound, 0, weight, target)
    total = bound.room(bound.stage.nodes.size)
    bound.call(np.copyto, total, bound.number(constant * weight))
    for port in bound.ports:
        opening, product = (bound.room(port.part.p.size) for _ in range(2))
        bound.law(port.part, opened(port.part.shape), entries(weight, port.into), opening)
        bound.calls.append(adding(total, port.into, -1, opening))
        bound.call(np.multiply, opening, bound.read(span(port.others)), product)
        bound.calls.append(adding(target, port.into, -1, product))
    return total


def _bridge(bound: BoundStage, top: PortEnds, bottom: PortEnds, target: Array) -> None:
    """Write bottom + sigmoid(2u) (top - bottom) to `target`: e^u / (e^u + e^-u) = (1 + tanh u)/2."""
    share = bound.room(target.shape[-1])
    bound.law(top.part, _SPLIT, np.ones(1), share)
    high, low = bound.read(span(top.others)), bound.read(span(bottom.others))
    if (bottom.others == DATUM).all():
        bound.call(np.multiply, share, high, target)
        return
    between = bound.room(target.shape[-1])
    bound.call(np.subtract, high, low, between)
    bound.call(np.multiply, between, share, between)
    bound.call(np.add, between, low, target)


def _advance(bound: BoundStage, target: Array) -> None:
    """Advance slow storages e in `target` by the time T of the phase, as if their inflow stood still.

    e <- e exp(-aT) + inflow/C T phi(aT) with phi(u) = (1 - exp(-u))/u, and a the own conductance over C.
    """
    wires, flow = bound.stage.wiring, bound.room(bound.stage.nodes.size)
    conductance, pace = -wires.own[..., 0, 0], bound.stage.duration / wires.capacity[..., 0]
    if bound.ports:
        moved = _flow_and_conductance(bound, conductance, pace, flow)
        filled = bound.room(bound.stage.nodes.size)
        bound.calls.extend(filling(moved, filled))
        bound.call(np.multiply, moved, target, moved)
        bound.call(np.subtract, flow, moved, flow)
        bound.call(np.multiply, flow, filled, flow)
    else:
        moved = np.array(conductance * pace)
        filled = np.empty_like(moved)
        make(filling(moved, filled))
        write_inflow(bound, 0, pace * filled, flow, folded=False)
        bound.call(np.multiply, target, bound.number(np.exp(-moved)), target)
    bound.call(np.add, target, flow, target)


def _set_several(bound: BoundStage) -> None:
    """Set linear components of several members, by what flows into each member and where storages were."""
    members, states = bound.stage.level.members, bound.stage.level.dynamic
    gains, keeps = responses(bound.stage.wiring, states, bound.stage.duration)
    flows = [bound.room(len(members)) for _ in members.T]
    for row, flow in enumerate(flows):
        write_inflow(bound, row, np.ones(len(members)), flow)
    old = [bound.read(span(column)) for column in members.T[:states]]
    results = [bound.room(len(members)) for _ in range(gains.shape[-2])]
    for row, result in enumerate(results):
        weights = [*(gains[..., row, each] for each in range(len(flows)))]
        weights += [keeps[..., row, each] for each in range(states)]
        bound.calls.extend(combining(result, [*flows, *old], [bound.number(each) for each in weights]))
    bound.calls.extend(putting(bound.efforts, span(members[:, row]), result) for row, result in enumerate(results))


def _alone(wires: Wiring) -> bool:
    """Return whether nothing but loads that depend on the level's own efforts feeds through `wires`."""
    return not (wires.wires or wires.sheets or wires.offset.any() or any(not load.own for load in wires.loads))
