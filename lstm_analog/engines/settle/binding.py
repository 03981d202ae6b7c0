"""Puts the calls of a stage together: views of its efforts, arrays to write to, laws of its parts.

Efforts are (*lead, unknowns), chips and the batch leading. They lie in memory with the batch innermost, and so do all
arrays that calls write to: each call has one that was allocated for it. Parameters are (..., m); where chips lead, an
axis of length 1 for the batch follows them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from lstm_analog.arrays import Array, Floats, Span, span
from lstm_analog.engines.phase.wiring import Places
from lstm_analog.engines.settle.newton import constant_efforts
from lstm_analog.engines.settle.ports import PortEnds, port_ends
from lstm_analog.engines.settle.stages import EFFORTS, ComponentStage
from lstm_analog.engines.waveform.fields import Waves
from lstm_analog.engines.waveform.parts import BatchParts
from lstm_analog.expressions import Call, Expression, parameter, reading
from lstm_analog.network.laws import bank_of
from lstm_analog.network.parts import Part

Matrices = dict[tuple[object, ...], Array]
"""Matrices with their weights multiplied in, by the names of the matrices and the weights."""

_WEIGHT = parameter("weight")
_SAME = 1e-13
"""Difference of a gain from 1 up to which an effort is copied: what is behind a closed switch equals what is before."""


@cache
def _weighted(value: Expression) -> Expression:
    return value * _WEIGHT


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
