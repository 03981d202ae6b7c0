"""Turns a stage into calls of numpy bound to arrays, which a run makes without decisions: one function a mode."""

from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import scipy

from lstm_analog.arrays import Array, Floats, Indices, Span, span
from lstm_analog.engines.native import Otherwise, Positive
from lstm_analog.engines.phase.wiring import Wiring
from lstm_analog.engines.settle.binding import (
    BoundStage,
    Matrices,
    efforts_as_fields,
    entries,
    field_of,
    some_of,
)
from lstm_analog.engines.settle.stages import ComponentStage, Mode, places_beside
from lstm_analog.engines.waveform.fields import BatchParts, Field, Waves, covers
from lstm_analog.engines.waveform.inflow import Inflow
from lstm_analog.engines.waveform.levels import Frame, Task
from lstm_analog.engines.waveform.newton import newton_steps
from lstm_analog.engines.waveform.state import NetworkState
from lstm_analog.errors import SimulationError, explain
from lstm_analog.expressions import Call, adding, combining, make, putting, reading, sigmoid, where_less
from lstm_analog.network.laws import rows
from lstm_analog.network.parts import DATUM, Ports
from lstm_analog.network.parts.ports import CONTROL, opened
from lstm_analog.network.shapes import Shape

_TOLERANCE = 1e-13
"""Error of an effort, in units of signal, that Newton's method may leave; larger: fewer iterations."""
_SPLIT = sigmoid(2.0 * CONTROL)
"""Share of the first in the total conductance of two exponential ports: e^u / (e^u + e^-u), u being its control."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _PortEnds:
    """Laminar ports, a `part` of n, between the members at places `into` of a stage and the unknowns `others`, (n,)."""

    part: Ports
    into: Span
    others: Indices


def calls(stage: ComponentStage, efforts: Array, matrices: Matrices) -> tuple[Call, ...]:
    """Return the calls that set the nodes of `stage` in `efforts` (*lead, unknowns).

    `matrices` are those that the stages of the run share.
    """
    if stage.mode is Mode.NEWTON:
        return _newton(stage, efforts)
    bound = BoundStage(stage=stage, efforts=efforts, matrices=matrices)
    (_set_several if stage.level.members.shape[1] > 1 else _set_single)(bound)
    return tuple(bound.calls)


def _set_single(bound: BoundStage) -> None:
    """Append the calls that set components of one member, linear or exponential."""
    places, exponential = span(bound.stage.nodes), bound.stage.mode is Mode.EXPONENTIAL
    target = bound.efforts[..., places] if isinstance(places, slice) else bound.room(places.size)
    if exponential and not isinstance(places, slice):
        bound.call(np.copyto, target, bound.read(places))
    (_advance if exponential else _balance)(bound, target)
    if not isinstance(places, slice):
        bound.calls.append(putting(bound.efforts, places, target))


def _balance(bound: BoundStage, target: Array) -> None:
    """Append the calls that write e = inflow / conductance to `target`."""
    conductance, ports = -bound.stage.wiring.own[..., 0, 0], _port_ends(bound.stage.wiring)
    if not ports:
        bound.write_inflow(0, 1.0 / conductance, target)
    elif _are_dividers(bound.stage.wiring, ports, target.shape[-1]):
        _divide(bound, ports[0], ports[1], target)
    else:
        total = _flow_and_conductance(bound, ports, conductance, np.ones_like(conductance), target)
        bound.calls.append(Positive(values=np.swapaxes(total, -1, -2), refusal=_unheld))
        bound.call(np.divide, target, total, target)


def _flow_and_conductance(
    bound: BoundStage, ports: list[_PortEnds], constant: Floats, weight: Floats, target: Array
) -> Array:
    """Return an array for the conductance at each member; append the calls that fill it, and `target` with the inflow.

    The inflow is that at own efforts of zero; both are times `weight` (..., n). `constant` (..., n) is the part of the
    conductance that nothing controls, to which the `ports` add theirs.
    """
    bound.write_inflow(0, weight, target)
    total = bound.room(bound.stage.nodes.size)
    bound.call(np.copyto, total, bound.operand(constant * weight))
    for port in ports:
        opening, product = (bound.room(port.part.p.size) for _ in range(2))
        bound.write_value(port.part, opened(port.part.shape), entries(weight, port.into), opening)
        bound.calls.append(adding(total, port.into, opening))
        bound.call(np.multiply, opening, bound.read(span(port.others)), product)
        bound.calls.append(adding(target, port.into, product))
    return total


def _divide(bound: BoundStage, top: _PortEnds, bottom: _PortEnds, target: Array) -> None:
    """Append the calls that write to `target` what two ports that open against each other divide.

    It is bottom + share (top - bottom), these being the efforts at the far ends of the ports, and the share `_SPLIT`.
    """
    share = bound.room(target.shape[-1])
    bound.write_value(top.part, _SPLIT, np.ones(1), share)
    high, low = bound.read(span(top.others)), bound.read(span(bottom.others))
    if (bottom.others == DATUM).all():
        bound.call(np.multiply, share, high, target)
        return
    between = bound.room(target.shape[-1])
    bound.call(np.subtract, high, low, between)
    bound.call(np.multiply, between, share, between)
    bound.call(np.add, between, low, target)


def _advance(bound: BoundStage, target: Array) -> None:
    """Append the calls that advance storages e in `target` by the time T of the phase, as if their inflow stood still.

    e <- e exp(-aT) + inflow/C T phi(aT) with phi(u) = (1 - exp(-u))/u, and a the own conductance over C.
    """
    wires, flow = bound.stage.wiring, bound.room(bound.stage.nodes.size)
    conductance, pace = -wires.own[..., 0, 0], bound.stage.duration / wires.capacity[..., 0]
    if ports := _port_ends(wires):
        moved = _flow_and_conductance(bound, ports, conductance, pace, flow)
        filled = bound.room(bound.stage.nodes.size)
        bound.calls.extend(filling(moved, filled))
        bound.call(np.multiply, moved, target, moved)
        bound.call(np.subtract, flow, moved, flow)
        bound.call(np.multiply, flow, filled, flow)
    else:
        moved = np.array(conductance * pace)
        filled = np.empty_like(moved)
        make(filling(moved, filled))
        bound.write_inflow(0, pace * filled, flow)
        bound.call(np.multiply, target, bound.operand(np.exp(-moved)), target)
    bound.call(np.add, target, flow, target)


def _set_several(bound: BoundStage) -> None:
    """Append the calls that set linear components of several members, from inflows and old efforts of storages."""
    members, states = bound.stage.level.members, bound.stage.level.dynamic
    gains, keeps = _responses(bound.stage.wiring, states, bound.stage.duration)
    flows = [bound.room(len(members)) for _ in members.T]
    for row, flow in enumerate(flows):
        bound.write_inflow(row, np.ones(len(members)), flow)
    old = [bound.read(span(column)) for column in members.T[:states]]
    results = [bound.room(len(members)) for _ in range(gains.shape[-2])]
    for row, result in enumerate(results):
        weights = [*(gains[..., row, each] for each in range(len(flows)))]
        weights += [keeps[..., row, each] for each in range(states)]
        bound.calls.extend(combining(result, [*flows, *old], [bound.operand(each) for each in weights]))
    bound.calls.extend(putting(bound.efforts, span(members[:, row]), result) for row, result in enumerate(results))


def filling(moved: Array, out: Array) -> tuple[Call, ...]:
    """Return the calls that write phi(u) = (1 - exp(-u))/u of u = `moved` to `out`.

    They also set u to the least normal number where |u| is below it. It is negative where a conductance is.
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


def _responses(wires: Wiring, states: int, duration: float) -> tuple[Floats, Floats]:
    """Return matrices A and B of each of m components fed through `wires`: its efforts are A flows + B old efforts.

    The flows are those into its k members; the old efforts are those of its storages, the first `states` members.
    Without storages all members are set: A (..., m, k, k) is the inverse of the conductances, B is empty. With some,
    only these are set, after `duration` T (s): A (..., m, states, k), B (..., m, states, states). The members without
    storage eliminated, C de/dt = S e + r has the solution e(T) = exp(MT) e(0) + T phi(MT) C^-1 r with M = C^-1 S and
    phi(X) = X^-1 (exp(X) - 1); both are blocks of one exponential (Van Loan 1978).
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


def _port_ends(wires: Wiring) -> list[_PortEnds]:
    """Return the laminar ports through which `wires` feeds single unknowns, once for each end that leads to them."""
    found = []
    for load, route in ((each, route) for each in wires.loads if each.own for route in each.routes):
        part = cast(Ports, some_of(load.part, route.elements))
        others = part.b if np.array_equal(rows(part)[route.terminal], part.a) else part.a
        found.append(_PortEnds(part=part, into=route.into, others=others))
    return found


def _unheld(conductance: float) -> SimulationError:
    """Return the error of an unknown whose ports have shut, which leaves a `conductance` of zero or below."""
    what, must = "an unknown behind ports", "be held by a conductance above zero in a phase in which it settles"
    got, do = f"{conductance:.3g}", "tie it to something else too, or run it with Waveform"
    return SimulationError(explain(what, must=must, got=got, do=do))


def _are_dividers(wires: Wiring, ports: list[_PortEnds], size: int) -> bool:
    """Return whether each of `size` unknowns is fed through `wires` by two opposed `ports` and by nothing else.

    Both have the same control, by which one opens exponentially while the other shuts.
    """
    if len(ports) != 2 or not all(covers(port.into, size) for port in ports):
        return False
    if (
        wires.wires
        or wires.sheets
        or wires.offset.any()
        or wires.own.any()
        or any(not load.own for load in wires.loads)
    ):
        return False
    a, b = (port.part for port in ports)
    same = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("p", "n", "conductance"))
    opposed = np.array_equal(a.scale, -b.scale) and np.array_equal(a.offset, -b.offset)
    return same and opposed and a.shape is b.shape is Shape.EXP and a.free and b.free


def _newton(stage: ComponentStage, efforts: Array) -> tuple[Call, ...]:
    """Return the calls that solve `stage` in `efforts` (*lead, unknowns), as a level of `Waveform` with one point.

    They raise `SimulationError` where Newton's method finds no fixed point.
    """
    lead, members = efforts.shape[:-1], stage.level.members
    own = [field_of(nodes, np.zeros((*lead, nodes.size))) for nodes in members.T]
    fields = [*efforts_as_fields(efforts), *own]
    undivided, none = BatchParts(lead=lead, size=lead[-1]), np.zeros((1, 1))
    task = Task(
        level=stage.level,
        inflow=Inflow(
            wiring=stage.wiring,
            fields=fields,
            state=NetworkState(effort=efforts, stamps=np.zeros(1, dtype=np.int64), known={}),
            high=stage.couplings.high,
            after=[],
            parts=undivided,
            slack=np.zeros(efforts.shape[-1]),
            guessing=False,
        ),
        targets=tuple(own),
        frame=Frame(derivative=none, finer_derivative=none, every=1, gap=0.0, parts=undivided, dtype=efforts.dtype),
        has_terms=False,
        points=None,
        end_only=False,
        computed=(True,) * len(own),
        waves=Waves(fields, places_beside(stage.level, efforts.shape[-1]), 1, None, undivided),
    )
    solving = newton_steps(task, _TOLERANCE * stage.couplings.scales[members], stage.couplings)
    return (
        *(call for field in own for call in _starting(efforts, field)),
        Otherwise(calls=tuple(solving), instead=_refuse),
        *(putting(efforts, span(field.nodes), field.end) for field in own),
    )


def _starting(efforts: Array, field: Field) -> list[Call]:
    """Return the calls that take the efforts at the start of a `field` from all `efforts` (*lead, unknowns)."""
    own, fetching = reading(efforts, span(field.nodes))
    return [*fetching, partial(np.copyto, field.start, own)]


def _refuse() -> None:
    must, do = "converge", "run it with Waveform"
    raise SimulationError(explain("Newton's method in a loop", must=must, got="no fixed point", do=do))
