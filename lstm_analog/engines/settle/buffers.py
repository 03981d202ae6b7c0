"""Puts together the calls of a stage for `kernels`: views of the efforts, arrays to write to, numpy calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats, Indices, Span
from lstm_analog.expressions import Call, Expression, adding, parameter, put
from lstm_analog.network.laws import bank_of
from lstm_analog.network.parts import Part

Matrices = dict[tuple[object, ...], tuple[Array, Array]]
"""Matrices with their weights multiplied in, each beside the matrix it was made of.

The key is the address, shape and strides of that matrix, and the weights.
"""

_WEIGHT = parameter("weight")
_LARGE = 2**17
"""Entries up to which a matrix is copied with its weights multiplied in; larger: more memory, fewer products a step."""
_PIECES = 4
"""Runs of neighbouring unknowns from which on they are gathered by index, not copied run by run; trades speed only."""


@cache
def _weighted(value: Expression) -> Expression:
    return value * _WEIGHT


@dataclass(frozen=True, kw_only=True, eq=False)
class Buffers:
    """The `calls` put together so far, which work on `efforts` (..., unknowns, batch).

    `matrices` are shared by all stages of a run. In all methods, `nodes` (n,) are unknowns, `size` is a number of
    unknowns, and `values` (..., n) are parameters; where chips lead, an axis of length 1 for the batch follows them.
    """

    efforts: Array
    matrices: Matrices = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Add a call of `function` with `arguments`."""
        self.calls.append(partial(function, *arguments))

    def room(self, size: int) -> Array:
        """Return a new array for `size` unknowns, (..., size, batch)."""
        return np.empty((*self.efforts.shape[:-2], size, self.efforts.shape[-1]), dtype=self.efforts.dtype)

    def view(self, nodes: Indices) -> Array | None:
        """Return the efforts of `nodes` as a view if they are neighbours, else None."""
        if nodes.size and (np.diff(nodes) == 1).all():
            return self.efforts[..., int(nodes[0]) : int(nodes[-1]) + 1, :]
        return None

    def read(self, nodes: Indices) -> Array:
        """Return the efforts of `nodes`: a view if they are neighbours or all the same node, else a gathered copy."""
        if nodes.size > 1 and (nodes == nodes[0]).all():
            return self.efforts[..., int(nodes[0]) : int(nodes[0]) + 1, :]
        return self.side_by_side(nodes)

    def side_by_side(self, nodes: Indices) -> Array:
        """Return the efforts of `nodes`: a view if they are neighbours, else an array that a call gathers them in."""
        view = self.view(nodes)
        if view is not None:
            return view
        gathered = self.room(nodes.size)
        breaks = np.flatnonzero(np.diff(nodes) != 1) + 1
        if breaks.size >= _PIECES:
            self.call(np.take, self.efforts, nodes, -2, gathered, "clip")
            return gathered
        start = 0
        for piece in np.split(nodes, breaks):
            self.call(np.copyto, gathered[..., start : start + piece.size, :], self.view(piece))
            start += piece.size
        return gathered

    def write(self, nodes: Indices, values: Array) -> None:
        """Write `values` (..., n, batch) to the efforts of `nodes`."""
        view = self.view(nodes)
        if view is None:
            self.call(put, self.efforts, nodes, -2, values)
        else:
            self.call(np.copyto, view, values)

    def number(self, values: Array) -> Any:
        """Return `values` (..., n) as an operand for efforts: one number if all are equal, else (..., n, 1)."""
        if values.size and (values == values.flat[0]).all():
            return float(values.flat[0])
        wide = values[..., None] if values.ndim == 1 else np.swapaxes(values, -1, -2)
        return np.ascontiguousarray(wide, dtype=self.efforts.dtype)

    def add(self, target: Array, into: Span, flow: Array) -> None:
        """Add `flow` (..., k, batch) to the places `into` of `target` (..., n, batch)."""
        self.calls.append(adding(target, into, -2, flow))

    def combine(self, flows: list[Array], gains: list[Floats], out: Array, *, added: bool = False) -> None:
        """Write the sum of `flows` (each (..., n, batch)) times `gains` (each (..., n)) to `out`; add it if `added`."""
        term = self.room(out.shape[-2])
        for number, (flow, gain) in enumerate(zip(flows, gains, strict=True)):
            if added or number:
                self.call(np.multiply, flow, self.number(gain), term)
                self.call(np.add, out, term, out)
            else:
                self.call(np.multiply, flow, self.number(gain), out)

    def product(self, values: Floats, weight: Floats, drive: Array, out: Array, folded: bool) -> None:
        """Write `weight` (..., m) times the product of a matrix, `values` (..., m, n), and `drive` to `out`.

        A small matrix is copied with its weights multiplied in, unless `folded` is false.
        """
        if folded and (values.size <= _LARGE or values.dtype != self.efforts.dtype):
            self.call(np.matmul, self._matrix(values, weight if weight.ndim == 1 else weight[..., 0, :]), drive, out)
        else:
            self.call(np.matmul, self._matrix(values, np.ones(1)), drive, out)
            self.scaled(out, weight, out)

    def _matrix(self, values: Floats, weight: Floats) -> Array:
        """Return `values` (..., m, n) times `weight` (..., m) as an operand, made once for all stages of a run."""
        key = (values.__array_interface__["data"], values.shape, values.strides, weight.tobytes())
        if key not in self.matrices:
            weighted = values if (weight == 1.0).all() else values * weight[..., None]
            self.matrices[key] = (values, np.ascontiguousarray(weighted, dtype=self.efforts.dtype))
        return self.matrices[key][1]

    def scaled(self, base: Array, values: Array, out: Array) -> None:
        """Write `base` times `values` to `out`."""
        gain = self.number(values)
        if not isinstance(gain, float) or gain != 1.0:
            self.call(np.multiply, base, gain, out)
        elif base is not out:
            self.call(np.copyto, out, base)

    def law(self, part: Part, value: Expression, weight: Floats, out: Array) -> None:
        """Write `weight` times a `value` of the law of `part`, its line high, to `out`."""
        bank = bank_of(part)
        program = bank.reduced(_weighted(value))
        numbers = {**bank.parameters, _WEIGHT.name: weight}
        parameters = {name: self.number(numbers[name]) for name in program.parameters}
        efforts = {name: self.read(bank.nodes[name]) for name in program.efforts}
        self.calls.extend(program.bound(parameters).writing(efforts, [out]))
