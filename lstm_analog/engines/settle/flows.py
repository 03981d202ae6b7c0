"""Puts together the calls that add up the flow into the members of a stage, other than what their own efforts draw."""

from typing import cast

import numpy as np

from lstm_analog.arrays import Array, Floats, Span, aligned
from lstm_analog.engines.phase.wiring import Load, Route, Sheet, Wire
from lstm_analog.engines.settle.binding import BoundStage
from lstm_analog.engines.settle.ports import some_of
from lstm_analog.engines.waveform.fields import covers
from lstm_analog.expressions import adding, reading
from lstm_analog.network.laws import flow_into, rows
from lstm_analog.network.parts import Pairs, law

_Flow = Sheet | Wire | tuple[Load, Route]

_LARGE = 2**17
"""Entries up to which a matrix is copied with its weights multiplied in; larger: more memory, fewer products a step."""


def write_inflow(bound: BoundStage, row: int, weight: Floats, target: Array, *, folded: bool = True) -> None:
    """Write the flow into `row` of the stage `bound`, own efforts zero, without ports, times `weight`, to `target`.

    A matrix product comes first, since the first flow is written in place, not added. With `folded` false a large
    matrix keeps its own numbers, which stages share, and its product is scaled.
    """
    wires, size = bound.stage.wiring, target.shape[-1]
    flows: list[_Flow] = [sheet for sheet in wires.sheets if sheet.row == row]
    flows += [(load, each) for load in wires.loads if not load.own for each in load.routes if each.row == row]
    flows += [wire for wire in wires.wires if wire.row == row]
    started = bool(flows) and covers(_into(flows[0]), size)
    if not started:
        bound.call(np.copyto, target, 0.0)
    for number, flow in enumerate(flows):
        into, first = _into(flow), started and not number
        out = target if first else bound.room(len(np.arange(size)[into]))
        _write_flow(bound, flow, entries(weight, into), out, folded)
        if not first:
            bound.calls.append(adding(target, into, -1, out))
    offset = wires.offset[..., row] * weight
    if offset.any():
        bound.call(np.add, target, bound.number(offset), target)


def _write_flow(bound: BoundStage, flow: _Flow, weight: Floats, out: Array, folded: bool) -> None:
    """Write `weight` times the `flow` into the members that it feeds to `out`."""
    if isinstance(flow, tuple):
        _load(bound, *flow, weight, out)
    elif isinstance(flow, Wire):
        bound.scale(bound.read(flow.places), flow.values * weight, out)
    else:
        _multiply(bound, flow, weight, out, folded)


def _multiply(bound: BoundStage, sheet: Sheet, weight: Floats, out: Array, folded: bool) -> None:
    """Write `weight` times the product of the matrix of `sheet` and what drives it to `out`.

    A small matrix is copied with its weights multiplied in, unless `folded` is false.
    """
    drive, fetching = reading(bound.efforts, sheet.places)
    matrix = sheet.matrix if sheet.matrix.ndim == 2 else sheet.matrix[..., 0, :, :]
    small = folded and (matrix.size <= _LARGE or matrix.dtype != bound.efforts.dtype)
    inside = (weight if weight.ndim == 1 else weight[..., 0, :]) if small else np.ones(1)
    key = (sheet.name, inside.tobytes())
    if key not in bound.matrices:
        made = (matrix * inside[..., None] if small else matrix).astype(bound.efforts.dtype, copy=False)
        bound.matrices[key] = aligned(made) if small else np.ascontiguousarray(made)
    bound.calls.extend(fetching)
    bound.call(np.matmul, bound.matrices[key], np.swapaxes(drive, -1, -2), np.swapaxes(out, -1, -2))
    if not small:
        bound.scale(out, weight, out)


def _load(bound: BoundStage, load: Load, route: Route, weight: Floats, out: Array) -> None:
    """Write `weight` times the flow of `load` along `route` to `out`."""
    if isinstance(load.part, Pairs):
        part = some_of(load.part, route.elements)
        bound.law(part, law(part).into["out"], weight, out)
        return
    flows = np.empty((1, *bound.efforts.shape[:-1], *rows(load.part).shape), bound.efforts.dtype)
    bound.calls.extend(flow_into(load.part, cast(Floats, bound.waves), bound.stage.couplings.high, flows))
    chosen, fetching = reading(flows[0, ..., route.terminal, :], route.elements)
    bound.calls.extend(fetching)
    bound.call(np.multiply, chosen, bound.number(weight), out)


def entries(weight: Floats, into: Span) -> Floats:
    """Return the entries `into` of `weight` (..., n), or all where there is one for all."""
    return weight if weight.shape[-1] == 1 else weight[..., into]


def _into(flow: _Flow) -> Span:
    return flow[1].into if isinstance(flow, tuple) else flow.into
