"""Makes the calls that compute the flow through wires and sheets at given efforts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_analog.arrays import Floats, Span
from lstm_analog.engines.phase.wiring import Sheet, Wire
from lstm_analog.engines.waveform.fields import covers
from lstm_analog.engines.waveform.state import transposed
from lstm_analog.expressions import Call, adding, putting, reading, spread

_RESULT: Mapping[Any, int] = MappingProxyType({np.multiply: 2, np.take: 3})
"""Place, among the arguments of these functions, of the array that the result is written to."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Flow:
    """Flow `into` some places of a row: the array `value`, which is up to date when the `calls` have been made."""

    into: Span
    value: Floats
    calls: tuple[Call, ...]

    def added(self, out: Floats) -> tuple[Call, ...]:
        """Return the calls that add the flow to `out` (..., m)."""
        return *self.calls, adding(out, self.into, self.value)

    def written(self, out: Floats) -> tuple[Call, ...]:
        """Return the calls that write the flow to the places of `out` (..., m) that it enters.

        Where the last call can be made to write there at once, `value` is left out.
        """
        last = self.calls[-1] if self.calls else None
        if isinstance(self.into, slice) and isinstance(last, partial) and last.func in _RESULT:
            target, before = out[..., self.into], last.args[: _RESULT[last.func]]
            own = last.args[len(before)] is self.value and not any(each is self.value for each in before)
            if own and (last.func is np.multiply or target.shape == self.value.shape):
                return *self.calls[:-1], partial(last.func, *before, target, *last.args[len(before) + 1 :])
        return *self.calls, putting(out, self.into, self.value)


def adding_up(flows: list[Flow], out: Floats, begun: bool = False) -> list[Call]:
    """Return the calls that write the sum of `flows` to `out` (..., m), or add it to `out` if that is `begun`.

    If the flows enter all places, and each of them only new ones or only ones that an earlier flow enters, the first
    into a place is written there and `out` need not be zeroed.
    """
    entered, fresh, mixed = np.zeros(out.shape[-1], dtype=bool), list[bool](), False
    for flow in flows:
        fresh.append(not entered[flow.into].any())
        mixed = mixed or not (fresh[-1] or entered[flow.into].all())
        entered[flow.into] = True
    if begun or mixed or not entered.all():
        zero: list[Call] = [] if begun else [partial(np.copyto, out, 0.0)]
        return [*zero, *(call for flow in flows for call in flow.added(out))]
    first, second = flows[0], flows[1] if len(flows) > 1 else None
    if second and covers(first.into, out.shape[-1]) and covers(second.into, out.shape[-1]):
        both: list[Call] = [*first.calls, *second.calls, partial(np.add, first.value, second.value, out)]
        return [*both, *(call for flow in flows[2:] for call in flow.added(out))]
    ways = (flow.written(out) if new else flow.added(out) for flow, new in zip(flows, fresh, strict=True))
    return [call for calls in ways for call in calls]


def wired(wire: Wire, efforts: Floats, unit: float) -> Flow:
    """Return the flow of `wire`, in multiples of `unit`, at the `efforts` (..., n) of its source."""
    drive, fetching = reading(efforts, wire.places)
    values = wire.values / unit
    if values.ndim == 1 and (values == 1.0).all():
        return Flow(into=wire.into, value=drive, calls=fetching)
    flow = np.empty(np.broadcast_shapes(values.shape, drive.shape), drive.dtype)
    multiplying: Call = partial(np.multiply, spread(values, flow), drive, flow)
    return Flow(into=wire.into, value=flow, calls=(*fetching, multiplying))


def multiplied(sheet: Sheet, efforts: Floats) -> Flow:
    """Return the flow of `sheet` at the `efforts` (..., n) of its source: one product for all points and sequences."""
    flow = np.empty((*efforts.shape[:-1], sheet.matrix.shape[-2]), efforts.dtype)
    drive, fetching = reading(efforts, sheet.places)
    return Flow(into=sheet.into, value=flow, calls=(*fetching, *_product(sheet, drive, flow)))


def multiplying(sheet: Sheet, efforts: list[Floats], out: Floats) -> tuple[Floats, list[Call]]:
    """Return the calls that write the flow of `sheet` at each of several `efforts` (*lead, n) of its source to `out`.

    `out` is (efforts, *lead, m); it is one product of the efforts side by side, (efforts, *lead, n), which come first.
    """
    drives = [reading(one, sheet.places) for one in efforts]
    packed = np.empty((len(drives), *drives[0][0].shape), out.dtype)
    calls: list[Call] = []
    for (drive, fetching), room in zip(drives, packed, strict=True):
        calls += [*fetching, partial(np.copyto, room, drive)]
    return packed, [*calls, *_product(sheet, packed, out)]


def _product(sheet: Sheet, drive: Floats, flow: Floats) -> list[Call]:
    """Return the calls that write the product of the matrix of `sheet` and `drive` (..., n) to `flow` (..., m)."""
    calls, matrix = list[Call](), transposed(sheet.matrix.astype(drive.dtype, copy=False))
    if matrix.ndim > 2:
        return [partial(np.matmul, drive, matrix, flow)]
    if not drive.flags.c_contiguous:
        packed = np.empty(drive.shape, drive.dtype)
        calls.append(partial(np.copyto, packed, drive))
        drive = packed
    return [*calls, partial(np.matmul, drive.reshape(-1, len(matrix)), matrix, flow.reshape(-1, matrix.shape[-1]))]
