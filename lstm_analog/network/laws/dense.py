"""Dense banks: transconductances, and crossbars of conductances."""

from collections.abc import Mapping

import numpy as np

from lstm_analog.arrays import Floats, Indices
from lstm_analog.expressions import Call
from lstm_analog.network.laws.base import blocks, flow, flow_into, partials, partials_into, rows
from lstm_analog.network.laws.levers import lever_flows, lever_sums, lever_values
from lstm_analog.network.laws.records import Block, BlockForm, High, Order, diagonal, into_rows
from lstm_analog.network.laws.tubes import tube_flow, tube_levers, tube_slope
from lstm_analog.network.parts import Crossbars, Transconductors


@rows.register
def _(part: Transconductors) -> Indices:
    return part.rows[None]


@flow.register
def _(part: Transconductors, effort: Floats, high: High) -> Floats:
    return _into(part.transconductance, effort[..., part.inputs])[..., None, :]


def _into(matrix: Floats, drive: Floats) -> Floats:
    """Return the products of `matrix` (..., m, n) and `drive` (..., n), shape (..., m)."""
    return drive @ matrix.T if matrix.ndim == 2 else (matrix @ drive[..., None])[..., 0]


@flow_into.register
def _(part: Transconductors | Crossbars, effort: Floats, high: High, out: Floats) -> tuple[Call, ...]:
    return (lambda: np.copyto(out, flow(part, effort, high)),)


@blocks.register
def _(part: Transconductors, high: High) -> tuple[Block, ...]:
    return (Block(rows=part.rows, columns=part.inputs, form=BlockForm.DENSE, order=Order.CONSTANT),)


@partials.register
def _(part: Transconductors, effort: Floats, high: High) -> tuple[Floats, ...]:
    return (part.transconductance,)


@rows.register
def _(part: Crossbars) -> Indices:
    return np.stack((part.plus, part.minus))


@flow.register
def _(part: Crossbars, effort: Floats, high: High) -> Floats:
    drive = effort[..., part.inputs]
    return into_rows(*(_manifold_flow(part, *side, drive, effort) for side in part.sides))


def _manifold_flow(
    part: Crossbars, node: Indices, tubes: Floats, load: Floats, drive: Floats, effort: Floats
) -> Floats:
    """Return the flow (..., m) into the manifolds `node` from inputs at `drive` (..., n) and from the datum."""
    level = effort[..., node]
    if part.linear:
        return _linear_flow(node, tubes, load, drive, effort)
    there, back = drive[..., None, :] - level[..., None], -level[..., None]
    dummy = tube_flow(part, load[..., None], back)[..., 0]
    total: Floats = tube_flow(part, tubes, there).sum(axis=-1) + dummy
    return total


@blocks.register
def _(part: Crossbars, high: High) -> tuple[Block, ...]:
    order = Order.CONSTANT if part.linear else Order.NONLINEAR
    return tuple(
        block
        for node in (part.plus, part.minus)
        for block in (
            Block(rows=node, columns=part.inputs, form=BlockForm.DENSE, order=order),
            diagonal(node, node, order),
        )
    )


@partials.register
def _(part: Crossbars, effort: Floats, high: High) -> tuple[Floats, ...]:
    drive = effort[..., part.inputs]
    return tuple(value for side in part.sides for value in _manifold_partials(part, *side, drive, effort))


def _manifold_partials(
    part: Crossbars, node: Indices, tubes: Floats, load: Floats, drive: Floats, effort: Floats
) -> tuple[Floats, Floats]:
    """Return the derivatives of `_manifold_flow` by the drive (..., m, n) and by the manifolds' efforts (..., m)."""
    if part.linear:
        return tubes, -(tubes.sum(axis=-1) + load)
    level = effort[..., node]
    there, back = drive[..., None, :] - level[..., None], -level[..., None]
    slopes = tube_slope(part, tubes, there)
    return slopes, -slopes.sum(axis=-1) - tube_slope(part, load[..., None], back)[..., 0]


@partials_into.register
def _(part: Transconductors | Crossbars, effort: Floats, high: High, outs: Mapping[int, Floats]) -> tuple[Call, ...]:
    def write() -> None:
        values = partials(part, effort, high)
        for number, out in outs.items():
            out[...] = values[number]

    return (write,)


@lever_values.register
def _(part: Transconductors) -> dict[str, Floats]:
    return {"transconductance": part.transconductance}


@lever_sums.register
def _(part: Transconductors, effort: Floats, high: High, weights: Floats) -> dict[str, Floats]:
    return {"transconductance": _products(weights[:, :, 0], effort[:, part.inputs])}


@lever_flows.register
def _(part: Transconductors, effort: Floats, high: High, changes: Mapping[str, Floats]) -> Floats:
    return _into(changes["transconductance"], effort[..., part.inputs])[..., None, :]


def _products(weights: Floats, drive: Floats) -> Floats:
    """Return the sum over moments k of `weights` (sums, k, m) times `drive` (k, n), (sums, m, n)."""
    return np.swapaxes(weights, -1, -2) @ drive


@lever_values.register
def _(part: Crossbars) -> dict[str, Floats]:
    names = ("positive", "negative", "plus_load", "minus_load", "transition", "end_flow")
    return {name: getattr(part, name) for name in names}


@lever_sums.register
def _(part: Crossbars, effort: Floats, high: High, weights: Floats) -> dict[str, Floats]:
    summed = _linear_levers if part.linear else _tube_levers
    result = {name: np.zeros((len(weights), part.plus.size)) for name in ("transition", "end_flow")}
    names = (("positive", "plus_load"), ("negative", "minus_load"))
    for row, ((name, load), side) in enumerate(zip(names, part.sides, strict=True)):
        found = summed(part, *side, effort, weights[:, :, row])
        result[name], result[load] = found.pop("conductance"), found.pop("load")
        for loss, value in found.items():
            result[loss] = result[loss] + value
    return result


def _linear_levers(
    part: Crossbars, node: Indices, tubes: Floats, load: Floats, effort: Floats, weights: Floats
) -> dict[str, Floats]:
    """Return the sums of `lever_sums` for the manifolds `node`, `weights` (sums, k, m), of tubes without losses."""
    own = (weights * effort[:, node]).sum(axis=1)
    return {"conductance": _products(weights, effort[:, part.inputs]) - own[..., None], "load": -own}


def _tube_levers(
    part: Crossbars, node: Indices, tubes: Floats, load: Floats, effort: Floats, weights: Floats
) -> dict[str, Floats]:
    """Return the same of tubes that have losses, with the sums for the parameter of the loss."""
    level = effort[:, node, None]
    slopes = tube_levers(part, tubes, effort[:, None, part.inputs] - level)
    dummy = tube_levers(part, load[:, None], -level)
    found = {name: np.einsum("kmn,rkm->rmn", value, weights) for name, value in slopes.items()}
    loads = {name: np.einsum("kmn,rkm->rmn", value, weights).sum(axis=-1) for name, value in dummy.items()}
    conductance, fill = found.pop("conductance"), loads.pop("conductance")
    losses = {name: value.sum(axis=-1) + loads[name] for name, value in found.items()}
    return {"conductance": conductance, "load": fill} | losses


@lever_flows.register
def _(part: Crossbars, effort: Floats, high: High, changes: Mapping[str, Floats]) -> Floats:
    drive, losses = effort[..., part.inputs], {name: changes[name] for name in ("transition", "end_flow")}
    banks = ((changes["positive"], changes["plus_load"]), (changes["negative"], changes["minus_load"]))
    if part.linear:
        sides = zip((part.plus, part.minus), banks, strict=True)
        return into_rows(*(_linear_flow(node, *bank, drive, effort) for node, bank in sides))
    pairs = zip(part.sides, banks, strict=True)
    return into_rows(*(_tube_flow(part, *side, drive, effort, bank, losses) for side, bank in pairs))


def _linear_flow(node: Indices, tubes: Floats, load: Floats, drive: Floats, effort: Floats) -> Floats:
    """Return the flow (..., m) into the manifolds `node` through tubes without losses."""
    flow: Floats = _into(tubes, drive) - (tubes.sum(axis=-1) + load) * effort[..., node]
    return flow


def _tube_flow(
    part: Crossbars,
    node: Indices,
    tubes: Floats,
    load: Floats,
    drive: Floats,
    effort: Floats,
    bank: tuple[Floats, Floats],
    losses: Mapping[str, Floats],
) -> Floats:
    """Return the flow (..., m) that changes of a `bank`, its tubes and loads, and of `losses` add into `node`."""
    level = effort[..., node, None]
    total = np.zeros(effort.shape[:-1] + node.shape)
    for sizes, change, drop in (
        (tubes, bank[0], drive[..., None, :] - level),
        (load[:, None], bank[1][:, None], -level),
    ):
        slopes = tube_levers(part, sizes, drop)
        total += (slopes.pop("conductance") * change).sum(axis=-1)
        total += sum((value.sum(axis=-1) * losses[name] for name, value in slopes.items()), np.zeros(1))
    return total
