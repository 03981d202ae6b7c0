"""Puts the calls of a stage together: views of its efforts, arrays to write to, laws of its parts, the flow into it.

Efforts are (*lead, unknowns), chips and the batch leading. They lie in memory with the batch innermost, and so do all
arrays that calls write to: each call has one that was allocated for it. Parameters are (..., m); where chips lead, an
axis of length 1 for the batch follows them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any, cast

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span, aligned, numbered, span
from lstm_analog.engines.phase.wiring import Load, Places, Route, Sheet, Wire
from lstm_analog.engines.settle.stages import EFFORTS, ComponentStage
from lstm_analog.engines.waveform.fields import BatchParts, Field, Waves, covers
from lstm_analog.expressions import Call, Expression, adding, parameter, reading
from lstm_analog.network.laws import bank_of, flow_into, rows, take
from lstm_analog.network.parts import Pairs, Part, law

Matrices = dict[tuple[object, ...], Array]
"""Matrices in the precision of a run, by their names."""
_Flow = Sheet | Wire | tuple[Load, Route]

_WEIGHT = parameter("weight")
_SAME = 1e-13
"""Difference of a gain from 1 up to which an effort is copied: what is behind a closed switch equals what is before."""


@cache
def _weighted(value: Expression) -> Expression:
    return value * _WEIGHT


def some_of(part: Part, elements: Span) -> Part:
    """Return the `elements` of `part`, itself if these are all: what is known of it is not worked out again."""
    chosen = numbered(elements)
    return part if chosen.size == rows(part).shape[1] else take(part, chosen)


def field_of(nodes: Indices, effort: Floats) -> Field:
    """Return the field of `nodes` (m,) whose efforts at the end of the phase are `effort` (*lead, m)."""
    return Field(nodes=nodes, start=np.empty(effort.shape), end=effort, values=None, terms=None)


def constant_efforts(efforts: Array) -> list[Field]:
    """Return the fields of which number `EFFORTS` stands for all `efforts` (*lead, unknowns), as they are then.

    Number 0, of what `Waveform` keeps products of, has none.
    """
    return [field_of(np.arange(0), efforts), field_of(np.arange(efforts.shape[-1]), efforts)]


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundStage:
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

    def write_inflow(self, row: int, weight: Floats, target: Array) -> None:
        """Write the flow into `row` of the stage, own efforts zero, without ports, times `weight`, to `target`.

        A matrix product comes first, since the first flow is written in place, not added.
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
            self._write_flow(flow, entries(weight, into), out)
            if not first:
                self.calls.append(adding(target, into, out))
        offset = wires.offset[..., row] * weight
        if offset.any():
            self.call(np.add, target, self.number(offset), target)

    def _write_flow(self, flow: _Flow, weight: Floats, out: Array) -> None:
        """Write `weight` times the `flow` into the members that it feeds to `out`."""
        if isinstance(flow, tuple):
            self._load(*flow, weight, out)
        elif isinstance(flow, Wire):
            self.scale(self.read(flow.places), flow.values * weight, out)
        else:
            drive, fetching = reading(self.efforts, flow.places)
            self.calls.extend(fetching)
            self.call(np.matmul, self._matrix(flow), np.swapaxes(drive, -1, -2), np.swapaxes(out, -1, -2))
            self.scale(out, weight, out)

    def _matrix(self, sheet: Sheet) -> Array:
        """Return the matrix of `sheet`, which all stages share that it feeds; in double precision the network's own."""
        if sheet.name not in self.matrices:
            matrix = sheet.matrix if sheet.matrix.ndim == 2 else sheet.matrix[..., 0, :, :]
            own = matrix.dtype == self.efforts.dtype
            made = np.ascontiguousarray(matrix) if own else aligned(matrix.astype(self.efforts.dtype))
            self.matrices[sheet.name] = made
        return self.matrices[sheet.name]

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


def entries(weight: Floats, into: Span) -> Floats:
    """Return the entries `into` of `weight` (..., n), or all where there is one for all."""
    return weight if weight.shape[-1] == 1 else weight[..., into]


def _into(flow: _Flow) -> Span:
    return flow[1].into if isinstance(flow, tuple) else flow.into
