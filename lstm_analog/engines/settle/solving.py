"""Turns a stage into a list of numpy calls with their arrays bound; a run makes these calls and decides nothing.

Efforts are (*lead, unknowns), chips and the batch leading. They lie in memory with the batch innermost, and so do all
arrays that calls write to: each call has one that was allocated for it. Parameters are (..., m); where chips lead, an
axis of length 1 for the batch follows them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any, cast

import numpy as np

from lstm_analog.arrays import Array, Floats, Span, aligned, span
from lstm_analog.engines.native import Positive
from lstm_analog.engines.phase.wiring import Load, Places, Route, Sheet, Wire, Wiring
from lstm_analog.engines.settle.exponentials import filling, responses
from lstm_analog.engines.settle.newton import constant_efforts, newton
from lstm_analog.engines.settle.ports import PortEnds, are_bridges, port_ends, some_of, unheld
from lstm_analog.engines.settle.stages import EFFORTS, ComponentStage, Mode
from lstm_analog.engines.waveform.fields import Waves, covers
from lstm_analog.engines.waveform.parts import BatchParts
from lstm_analog.expressions import (
    Call,
    Expression,
    adding,
    combining,
    make,
    parameter,
    putting,
    reading,
    sigmoid,
)
from lstm_analog.network.laws import bank_of, flow_into, rows
from lstm_analog.network.parts import DATUM, Pairs, Part, law
from lstm_analog.network.parts.ports import CONTROL, opened

Matrices = dict[tuple[object, ...], tuple[Array, Array]]
"""Matrices with their weights multiplied in, each beside the matrix it was made of; by its name and the weights."""
_Flow = Sheet | Wire | tuple[Load, Route]

_WEIGHT = parameter("weight")
_LARGE = 2**17
"""Entries up to which a matrix is copied with its weights multiplied in; larger: more memory, fewer products a step."""
_SPLIT = sigmoid(2.0 * CONTROL)
"""Share of the upper one in the total conductance of two exponential ports that open against each other."""
_SAME = 1e-13
"""Difference of a gain from 1 up to which an effort is copied: what is behind a closed switch equals what is before."""


def calls(stage: ComponentStage, efforts: Array, matrices: Matrices) -> tuple[Call, ...]:
    """Return the calls that set the nodes of `stage` in `efforts` (*lead, unknowns).

    `matrices` are those that the stages of the run share.
    """
    if stage.mode is Mode.NEWTON:
        return newton(stage, efforts)
    bound = _BoundStage(stage=stage, efforts=efforts, matrices=matrices)
    if stage.level.members.shape[1] > 1:
        bound.set_several()
    else:
        bound.set_single()
    return tuple(bound.calls)


@cache
def _weighted(value: Expression) -> Expression:
    return value * _WEIGHT


@dataclass(frozen=True, kw_only=True, eq=False)
class _BoundStage:
    """The `calls` put together so far for a `stage`, which work on `efforts` (*lead, unknowns).

    `matrices` are shared by all stages of a run. In all methods, `values` and `weight` (..., n) are parameters.
    """

    stage: ComponentStage
    efforts: Array
    matrices: Matrices
    calls: list[Call] = field(default_factory=list)

    @cached_property
    def waves(self) -> Waves:
        """The efforts, as laws of parts read them."""
        every = np.arange(self.efforts.shape[-1])
        places, fields = Places(field=np.full(every.size, EFFORTS), place=every), constant_efforts(self.efforts)
        lead = self.efforts.shape[:-1]
        return Waves(fields, places, 1, None, BatchParts(lead=lead, size=lead[-1]))

    @cached_property
    def ports(self) -> list[PortEnds]:
        """The laminar ports that feed the nodes, by the ends that do."""
        return port_ends(self.stage.wiring)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Add a call of `function` with `arguments`."""
        self.calls.append(partial(function, *arguments))

    def room(self, size: int) -> Array:
        """Return a new array for `size` unknowns, (*lead, size)."""
        return np.empty_like(self.efforts, shape=(*self.efforts.shape[:-1], size))

    def read(self, places: Span) -> Array:
        """Return the efforts at `places` (n,): a view of neighbours or of one node, else an array to gather them in."""
        if not isinstance(places, slice) and places.size > 1 and (places == places[0]).all():
            places = slice(int(places[0]), int(places[0]) + 1)
        found, fetching = reading(self.efforts, places)
        self.calls.extend(fetching)
        return found

    def number(self, values: Array) -> Any:
        """Return `values` as an operand for efforts: one number if all are equal."""
        if values.size and (values == values.flat[0]).all():
            return float(values.flat[0])
        return np.ascontiguousarray(values, dtype=self.efforts.dtype)

    def law(self, part: Part, value: Expression, weight: Floats, out: Array) -> None:
        """Write `weight` times a `value` of the law of `part`, its line high, to `out`."""
        bank = bank_of(part)
        program = bank.reduced(_weighted(value))
        numbers = {**bank.parameters, _WEIGHT.name: weight}
        parameters = {name: self.number(numbers[name]) for name in program.parameters}
        efforts = {name: self.read(span(bank.nodes[name])) for name in program.efforts}
        self.calls.extend(program.bound(parameters).writing(efforts, [out]))

    def scale(self, base: Array, values: Array, out: Array) -> None:
        """Write `base` times `values` to `out`."""
        gain = self.number(np.where(np.abs(values - 1.0) <= _SAME, 1.0, values))
        if not isinstance(gain, float) or gain != 1.0:
            self.call(np.multiply, base, gain, out)
        elif base is not out:
            self.call(np.copyto, out, base)

    def set_single(self) -> None:
        """Set components of one member, linear or exponential."""
        places, exponential = span(self.stage.nodes), self.stage.mode is Mode.EXPONENTIAL
        target = self.efforts[..., places] if isinstance(places, slice) else self.room(places.size)
        if exponential and not isinstance(places, slice):
            self.call(np.copyto, target, self.read(places))
        (self._advance if exponential else self._balance)(target)
        if not isinstance(places, slice):
            self.calls.append(putting(self.efforts, places, target))

    def _balance(self, target: Array) -> None:
        """Write e = inflow / conductance to `target`."""
        conductance, ports = -self.stage.wiring.own[..., 0, 0], self.ports
        if not ports:
            self.inflow(0, 1.0 / conductance, target)
        elif not conductance.any() and _alone(self.stage.wiring) and are_bridges(ports, target.shape[-1]):
            self._bridge(ports[0], ports[1], target)
        else:
            total = self._flow_and_conductance(conductance, np.ones_like(conductance), target)
            self.calls.append(Positive(values=np.swapaxes(total, -1, -2), refusal=unheld))
            self.call(np.divide, target, total, target)

    def _flow_and_conductance(self, constant: Floats, weight: Floats, target: Array) -> Array:
        """Write the inflow at own effort zero to `target`, return the own conductance, both times `weight` (..., n).

        `constant` (..., n) is the part of the conductance that nothing controls; the ports add theirs.
        """
        self.inflow(0, weight, target)
        total = self.room(self.stage.nodes.size)
        self.call(np.copyto, total, self.number(constant * weight))
        for port in self.ports:
            opening, product = (self.room(port.part.p.size) for _ in range(2))
            self.law(port.part, opened(port.part.shape), _at(weight, port.into), opening)
            self.calls.append(adding(total, port.into, -1, opening))
            self.call(np.multiply, opening, self.read(span(port.others)), product)
            self.calls.append(adding(target, port.into, -1, product))
        return total

    def _bridge(self, top: PortEnds, bottom: PortEnds, target: Array) -> None:
        """Write bottom + sigmoid(2u) (top - bottom) to `target`: e^u / (e^u + e^-u) = (1 + tanh u)/2."""
        share = self.room(target.shape[-1])
        self.law(top.part, _SPLIT, np.ones(1), share)
        high, low = self.read(span(top.others)), self.read(span(bottom.others))
        if (bottom.others == DATUM).all():
            self.call(np.multiply, share, high, target)
            return
        between = self.room(target.shape[-1])
        self.call(np.subtract, high, low, between)
        self.call(np.multiply, between, share, between)
        self.call(np.add, between, low, target)

    def _advance(self, target: Array) -> None:
        """Advance slow storages e in `target` by the time T of the phase, as if their inflow stood still.

        e <- e exp(-aT) + inflow/C T phi(aT) with phi(u) = (1 - exp(-u))/u, and a the own conductance over C.
        """
        wires, flow = self.stage.wiring, self.room(self.stage.nodes.size)
        conductance, pace = -wires.own[..., 0, 0], self.stage.duration / wires.capacity[..., 0]
        if self.ports:
            moved = self._flow_and_conductance(conductance, pace, flow)
            filled = self.room(self.stage.nodes.size)
            self.calls.extend(filling(moved, filled))
            self.call(np.multiply, moved, target, moved)
            self.call(np.subtract, flow, moved, flow)
            self.call(np.multiply, flow, filled, flow)
        else:
            moved = np.array(conductance * pace)
            filled = np.empty_like(moved)
            make(filling(moved, filled))
            self.inflow(0, pace * filled, flow, folded=False)
            self.call(np.multiply, target, self.number(np.exp(-moved)), target)
        self.call(np.add, target, flow, target)

    def set_several(self) -> None:
        """Set linear components of several members, by what flows into each member and where storages were."""
        members, states = self.stage.level.members, self.stage.level.dynamic
        gains, keeps = responses(self.stage.wiring, states, self.stage.duration)
        flows = [self.room(len(members)) for _ in members.T]
        for row, flow in enumerate(flows):
            self.inflow(row, np.ones(len(members)), flow)
        old = [self.read(span(column)) for column in members.T[:states]]
        results = [self.room(len(members)) for _ in range(gains.shape[-2])]
        for row, result in enumerate(results):
            weights = [*(gains[..., row, each] for each in range(len(flows)))]
            weights += [keeps[..., row, each] for each in range(states)]
            self.calls.extend(combining(result, [*flows, *old], [self.number(each) for each in weights]))
        self.calls.extend(putting(self.efforts, span(members[:, row]), result) for row, result in enumerate(results))

    def inflow(self, row: int, weight: Floats, target: Array, *, folded: bool = True) -> None:
        """Write the flow into `row` at own efforts zero, without that of ports, times `weight`, to `target`.

        A matrix product comes first, since the first flow is written in place, not added. With `folded` false a large
        matrix keeps its own numbers, which stages share, and its product is scaled.
        """
        wires, size = self.stage.wiring, target.shape[-1]
        flows: list[_Flow] = [sheet for sheet in wires.sheets if sheet.row == row]
        flows += [(load, each) for load in wires.loads if not load.own for each in load.routes if each.row == row]
        flows += [wire for wire in wires.wires if wire.row == row]
        started = bool(flows) and covers(_into(flows[0]), size)
        if not started:
            self.call(np.copyto, target, 0.0)
        for number, flow in enumerate(flows):
            into, first = _into(flow), started and not number
            out = target if first else self.room(len(np.arange(size)[into]))
            self._write_flow(flow, _at(weight, into), out, folded)
            if not first:
                self.calls.append(adding(target, into, -1, out))
        offset = wires.offset[..., row] * weight
        if offset.any():
            self.call(np.add, target, self.number(offset), target)

    def _write_flow(self, flow: _Flow, weight: Floats, out: Array, folded: bool) -> None:
        """Write `weight` times the `flow` into the members that it feeds to `out`."""
        if isinstance(flow, tuple):
            self._load(*flow, weight, out)
        elif isinstance(flow, Wire):
            self.scale(self.read(flow.places), flow.values * weight, out)
        else:
            self._multiply(flow, weight, out, folded)

    def _multiply(self, sheet: Sheet, weight: Floats, out: Array, folded: bool) -> None:
        """Write `weight` times the product of the matrix of `sheet` and what drives it to `out`.

        A small matrix is copied with its weights multiplied in, unless `folded` is false.
        """
        drive, fetching = reading(self.efforts, sheet.places)
        matrix = sheet.matrix if sheet.matrix.ndim == 2 else sheet.matrix[..., 0, :, :]
        small = folded and (matrix.size <= _LARGE or matrix.dtype != self.efforts.dtype)
        inside = (weight if weight.ndim == 1 else weight[..., 0, :]) if small else np.ones(1)
        key = (sheet.name, inside.tobytes())
        if key not in self.matrices:
            made = np.ascontiguousarray(matrix, dtype=self.efforts.dtype)
            if small:
                made = aligned((matrix * inside[..., None]).astype(self.efforts.dtype, copy=False))
            self.matrices[key] = (sheet.matrix, made)
        self.calls.extend(fetching)
        self.call(np.matmul, self.matrices[key][1], np.swapaxes(drive, -1, -2), np.swapaxes(out, -1, -2))
        if not small:
            self.scale(out, weight, out)

    def _load(self, load: Load, route: Route, weight: Floats, out: Array) -> None:
        """Write `weight` times the flow of `load` along `route` to `out`."""
        if isinstance(load.part, Pairs):
            part = some_of(load.part, route.elements)
            self.law(part, law(part).into["out"], weight, out)
            return
        flows = np.empty((1, *self.efforts.shape[:-1], *rows(load.part).shape), self.efforts.dtype)
        self.calls.extend(flow_into(load.part, cast(Floats, self.waves), self.stage.couplings.high, flows))
        chosen, fetching = reading(flows[0, ..., route.terminal, :], route.elements)
        self.calls.extend(fetching)
        self.call(np.multiply, chosen, self.number(weight), out)


def _alone(wires: Wiring) -> bool:
    """Return whether nothing but loads that depend on the level's own efforts feeds through `wires`."""
    return not (wires.wires or wires.sheets or wires.offset.any() or any(not load.own for load in wires.loads))


def _at(weight: Floats, into: Span) -> Floats:
    """Return the entries `into` of `weight` (..., n), or all where there is one for all."""
    return weight if weight.shape[-1] == 1 else weight[..., into]


def _into(flow: _Flow) -> Span:
    return flow[1].into if isinstance(flow, tuple) else flow.into
