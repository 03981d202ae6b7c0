"""Collects the calls of a stage, bound to arrays: to views of efforts, and to arrays allocated for each call to write.

Efforts are (*lead, unknowns), chips and the batch leading. They lie in memory with the batch innermost, and so do all
arrays that calls write to. Parameters are (..., m); where chips lead, an axis of length 1 for the batch follows them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any, cast

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span, aligned, numbered, span
from lstm_analog.engines.phase.wiring import Load, Route, Sheet, Wire
from lstm_analog.engines.settle.stages import ComponentStage, places_among_all
from lstm_analog.engines.waveform.fields import BatchParts, Field, Waves, covers
from lstm_analog.expressions import Call, Expression, adding, parameter, reading
from lstm_analog.network.laws import bank_of, flow_into, rows, take
from lstm_analog.network.parts import Pairs, Part, law

Matrices = dict[tuple[object, ...], Array]
"""Matrices in the precision of a run, by the names of their sheets."""
_Flow = Sheet | Wire | tuple[Load, Route]
"""Something that flows into a row: through a sheet, a wire, or a nonlinear part by one of its routes."""

_WEIGHT = parameter("weight")
_SAME = 1e-13
"""Difference of a gain from 1 up to which an effort is copied: what is behind a closed switch equals what is before."""


@cache
def _weighted(value: Expression) -> Expression:
    return value * _WEIGHT


def some_of(part: Part, elements: Span) -> Part:
    """Return the bank of the `elements` of `part`, in increasing order; `part` itself if these are all.

    Then what has been derived of its law need not be derived again.
    """
    chosen = numbered(elements)
    return part if chosen.size == rows(part).shape[1] else take(part, chosen)


def field_of(nodes: Indices, effort: Floats) -> Field:
    """Return the field of `nodes` (m,) whose efforts at the end of the phase are `effort` (*lead, m)."""
    return Field(nodes=nodes, start=np.empty(effort.shape), end=effort, values=None, terms=None)


def efforts_as_fields(efforts: Array) -> list[Field]:
    """Return the first fields of a stage: number 0 is empty, number `EFFORTS` is the array of all `efforts`.

    These are (*lead, unknowns). In `Waveform` field 0 is what does not move, of which it keeps products.
    """
    return [field_of(np.arange(0), efforts), field_of(np.arange(efforts.shape[-1]), efforts)]


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundStage:
    """The `calls` collected so far for a `stage`, which work on `efforts` (*lead, unknowns).

    `matrices` are shared by all stages of a run. Methods that write append calls which do so. In all methods, `values`
    and `weight` (..., n) are parameters.
    """

    stage: ComponentStage
    efforts: Array
    matrices: Matrices
    calls: list[Call] = field(default_factory=list)

    @cached_property
    def waves(self) -> Waves:
        """The efforts, as laws of parts read them."""
        *lead, size = self.efforts.shape
        parts = BatchParts(lead=tuple(lead), size=lead[-1])
        return Waves(efforts_as_fields(self.efforts), places_among_all(size), 1, None, parts)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Append a call of `function` with `arguments`."""
        self.calls.append(partial(function, *arguments))

    def room(self, size: int) -> Array:
        """Return a new array for `size` unknowns, (*lead, size)."""
        return np.empty_like(self.efforts, shape=(*self.efforts.shape[:-1], size))

    def read(self, places: Span) -> Array:
        """Return the efforts at `places` (n,): a view of neighbours or of one node, else an array that calls fill."""
        if not isinstance(places, slice) and places.size > 1 and (places == places[0]).all():
            places = slice(int(places[0]), int(places[0]) + 1)
        found, fetching = reading(self.efforts, places)
        self.calls.extend(fetching)
        return found

    def operand(self, values: Array) -> Any:
        """Return `values` as an operand for efforts, in their precision: one number if all are equal."""
        if values.size and (values == values.flat[0]).all():
            return float(values.flat[0])
        return np.ascontiguousarray(values, dtype=self.efforts.dtype)

    def write_value(self, part: Part, value: Expression, weight: Floats, out: Array) -> None:
        """Write `weight` times a `value` of the law of `part`, its clock line high, to `out`."""
        bank = bank_of(part)
        program = bank.reduced(_weighted(value))
        numbers = {**bank.parameters, _WEIGHT.name: weight}
        parameters = {name: self.operand(numbers[name]) for name in program.parameters}
        efforts = {name: self.read(span(bank.nodes[name])) for name in program.efforts}
        self.calls.extend(program.bound(parameters).writing(efforts, [out]))

    def write_product(self, base: Array, values: Array, out: Array) -> None:
        """Write `base` times `values` to `out`."""
        gain = self.operand(np.where(np.abs(values - 1.0) <= _SAME, 1.0, values))
        if not isinstance(gain, float) or gain != 1.0:
            self.call(np.multiply, base, gain, out)
        elif base is not out:
            self.call(np.copyto, out, base)

    def write_inflow(self, row: int, weight: Floats, target: Array) -> None:
        """Write `weight` times the flow into `row` of the stage at own efforts of zero to `target`.

        Without parts whose flow depends on own efforts. The first flow is written to `target`, the others are added; a
        matrix product, which costs most, is the first.
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
            self.call(np.add, target, self.operand(offset), target)

    def _write_flow(self, flow: _Flow, weight: Floats, out: Array) -> None:
        """Write `weight` times the `flow` into the members that it feeds to `out`."""
        if isinstance(flow, tuple):
            self._write_load(*flow, weight, out)
        elif isinstance(flow, Wire):
            self.write_product(self.read(flow.places), flow.values * weight, out)
        else:
            drive, fetching = reading(self.efforts, flow.places)
            self.calls.extend(fetching)
            self.call(np.matmul, self._matrix(flow), np.swapaxes(drive, -1, -2), np.swapaxes(out, -1, -2))
            self.write_product(out, weight, out)

    def _matrix(self, sheet: Sheet) -> Array:
        """Return the matrix of `sheet` in the precision of efforts; it is the network's own array in double precision.

        All stages that it feeds share it.
        """
        if sheet.name not in self.matrices:
            matrix = sheet.matrix if sheet.matrix.ndim == 2 else sheet.matrix[..., 0, :, :]
            own = matrix.dtype == self.efforts.dtype
            made = np.ascontiguousarray(matrix) if own else aligned(matrix.astype(self.efforts.dtype))
            self.matrices[sheet.name] = made
        return self.matrices[sheet.name]

    def _write_load(self, load: Load, route: Route, weight: Floats, out: Array) -> None:
        """Write `weight` times the flow of `load` along `route` to `out`."""
        if isinstance(load.part, Pairs):
            part = some_of(load.part, route.elements)
            self.write_value(part, law(part).into["out"], weight, out)
            return
        flows = np.empty((1, *self.efforts.shape[:-1], *rows(load.part).shape), self.efforts.dtype)
        self.calls.extend(flow_into(load.part, cast(Floats, self.waves), self.stage.couplings.high, flows))
        chosen, fetching = reading(flows[0, ..., route.terminal, :], route.elements)
        self.calls.extend(fetching)
        self.call(np.multiply, chosen, self.operand(weight), out)


def entries(weight: Floats, into: Span) -> Floats:
    """Return the entries `into` of `weight` (..., n), or `weight` itself if n is 1: one for all."""
    return weight if weight.shape[-1] == 1 else weight[..., into]


def _into(flow: _Flow) -> Span:
    return flow[1].into if isinstance(flow, tuple) else flow.into
